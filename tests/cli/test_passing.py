"""Settings reach the services that `up` starts: what is passed on, what is said in vain, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollcall.folder import Folder
from rollcall.passing import MODELS, given, names_of, refuse_invalid, said_in_vain
from rollcall.terminal import Exit, Refusal


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
        monkeypatch.delenv(name)


def test_a_service_is_given_its_own_settings_and_those_of_all() -> None:
    said = {"ROLLCALL_LISTS_CLOSE_AFTER": "PT2M", "ROLLCALL_CONSUMER__POLL_MS": "50", "PATH": "/bin"}
    assert given(said, "attendance") == {"ROLLCALL_LISTS_CLOSE_AFTER": "PT2M", "ROLLCALL_CONSUMER__POLL_MS": "50"}
    assert given(said, "enrolment") == {"ROLLCALL_CONSUMER__POLL_MS": "50"}


def test_what_up_starts_itself_no_setting_moves_elsewhere() -> None:
    decided = {
        "KAFKA",
        "KAFKA_PASSWORD",
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "PORT",
        "REPLICA",
        "LIVE_SINCE",
        "SMTP_HOST",
    }
    for part in MODELS:
        assert not given({f"ROLLCALL_{name}": "x" for name in decided}, part)


def test_every_other_setting_reaches_a_service() -> None:
    everything = frozenset[str]().union(*map(names_of, MODELS.values()))
    for name in ("POOL_SIZE", "LISTS_CLOSE_AFTER", "RECONCILE_SECONDS", "CONSUMER__WATCH_SECONDS", "SENDER_NAME"):
        assert f"ROLLCALL_{name}" in everything


def test_what_is_said_in_vain_is_named() -> None:
    said = {
        "ROLLCALL_KAFKA": "kafka:9092",
        "ROLLCALL_TOKEN_FILE": "/run/token",
        "ROLLCALL_ENROLMENT_DATABASE_URL": "postgresql://…",
        "ROLLCALL_LIST_CLOSE_AFTER": "PT2M",
        "ROLLCALL_LISTS_CLOSE_AFTER": "PT2M",
        "ROLLCALL_FOLDER": "data",
        "HOME": "/root",
    }
    assert list(said_in_vain(said)) == [
        "ROLLCALL_ENROLMENT_DATABASE_URL is set and not used: what is started here has its own.",
        "ROLLCALL_KAFKA is set and not used: what is started here has its own.",
        "ROLLCALL_LIST_CLOSE_AFTER is set, and no part of the system has such a setting.",
        "ROLLCALL_TOKEN_FILE is set and not used: what is started here has its own.",
    ]


def test_a_value_no_service_would_start_with_is_refused_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROLLCALL_LIVE_SINCE", "never")  # `up` decides it: said in vain, and no reason to refuse
    refuse_invalid(os.environ)
    monkeypatch.setenv("ROLLCALL_LISTS_CLOSE_AFTER", "two minutes")
    with pytest.raises(Refusal, match="ROLLCALL_LISTS_CLOSE_AFTER=two minutes: ") as refused:
        refuse_invalid(os.environ)
    assert refused.value.code is Exit.INVALID


def test_a_value_that_is_not_written_as_several_are_is_refused_in_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROLLCALL_SERVICES", "mine")  # `up` decides it.
    refuse_invalid(os.environ)
    monkeypatch.setenv("ROLLCALL_ASKERS", "urn:example:materials")
    with pytest.raises(Refusal, match="ROLLCALL_ASKERS=urn:example:materials: several are written as JSON") as refused:
        refuse_invalid(os.environ)
    assert refused.value.code is Exit.INVALID
    monkeypatch.setenv("ROLLCALL_CONSUMER", "50")
    with pytest.raises(Refusal, match="ROLLCALL_CONSUMER=50: what belongs to it is set each by its own name"):
        refuse_invalid(os.environ)


def test_a_setting_of_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_MAIL_SINCE", "")  # as compose hands on an empty line of .env
    refuse_invalid(os.environ)


def test_what_a_run_was_told_is_found_again_by_its_owner_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.given() == {}
    folder.remember_given({"ROLLCALL_LISTS_CLOSE_AFTER": "PT2M"})
    assert folder.given() == {"ROLLCALL_LISTS_CLOSE_AFTER": "PT2M"}
    assert folder.secret_file("settings.json").parent.stat().st_mode & 0o777 == 0o700
