from pathlib import Path

import pytest

from deploy.embedded import jars


def test_the_pinned_jars_are_kafka_and_its_clients_of_the_same_version() -> None:
    versions = {jar.artifact: jar.version for jar in jars.pinned()}
    assert versions["kafka_2.13"] == versions["kafka-clients"] == versions["kafka-server"] == jars.VERSION
    assert versions["log4j-core"] == jars.LOG4J


def test_a_jar_cut_off_by_an_interrupted_download_is_not_taken_for_whole(tmp_path: Path) -> None:
    jar = next(jar for jar in jars.pinned() if jar.artifact == "slf4j-api")
    whole = jars.fetch() / jar.file_name
    cut = tmp_path / jar.file_name
    cut.write_bytes(whole.read_bytes()[:-1])
    assert jar.is_whole(whole)
    assert not jar.is_whole(cut)


def test_the_cache_follows_xdg_cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / "rollcall"
