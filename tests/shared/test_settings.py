"""What a service is told: a value with which it could not do its work is refused where somebody reads it, at its start."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from rollcall.passing import MODELS
from shared.process.runtime import EXIT_INVALID, run
from shared.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://nobody")


def told(part: str) -> Settings:
    return MODELS[part]()  # type: ignore[call-arg]  # The rest comes from the environment.


@pytest.mark.parametrize("said", ["2026-10-01", "2026-10-01T08:00", "2026-10-01T08:00:00"])
@pytest.mark.parametrize(("part", "name"), [("attendance", "LIVE_SINCE"), ("notifications", "MAIL_SINCE")])
def test_a_moment_without_an_offset_is_refused(
    part: str, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event would be compared with it, in vain, and set aside."""
    monkeypatch.setenv(f"ROLLCALL_{name}", said)
    with pytest.raises(ValidationError, match=f"{name.lower()}\\n.*needs its offset"):
        told(part)
    monkeypatch.setenv(f"ROLLCALL_{name}", "2026-10-01T08:00:00+02:00")
    assert told(part)


@pytest.mark.parametrize("said", ["debug", "Info", "WARNING"])
def test_how_much_is_logged_is_said_in_small_letters_or_capitals(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_LOG_LEVEL", said)
    assert told("enrolment").log_level == said.upper()


def test_a_word_that_is_no_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_LOG_LEVEL", "basicConfig")
    with pytest.raises(ValidationError, match="log_level"):
        told("enrolment")


@pytest.mark.parametrize(
    "name",
    ["DUE_BATCH", "RELAY_BATCH", "POOL_SIZE", "DUE_POLL_SECONDS", "CONSUMER__BATCH_RECORDS", "HTTP__CONNECTIONS"],
)
@pytest.mark.parametrize("said", ["0", "-1", "nan"])
def test_a_limit_of_nothing_is_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither "no limit" nor "never": nothing would be said or decided any more, and nobody would know why."""
    monkeypatch.setenv(f"ROLLCALL_{name}", said)
    with pytest.raises(ValidationError):
        told("enrolment")


def test_a_setting_that_is_missing_tells_nothing_of_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords stand beside it, and what keeps a service from starting is in its log."""
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://u:geheim@db/x")
    with pytest.raises(ValidationError) as refused:
        Settings()  # type: ignore[call-arg]  # The port is what is missing.
    assert "port" in str(refused.value) and "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said", "says"),
    [
        ("ROLLCALL_RELAY_BATCH", "many", "ROLLCALL_RELAY_BATCH: Input should be a valid integer"),
        ("ROLLCALL_CONSUMER__POLL_MS", "0", "ROLLCALL_CONSUMER__POLL_MS: Input should be greater than 0"),
        ("ROLLCALL_HTTP", "fast", "ROLLCALL_HTTP: what belongs to it is set each by its own name, ROLLCALL_HTTP__…"),
        ("ROLLCALL_HTTP", "80", "ROLLCALL_HTTP: what belongs to it is set each by its own name, ROLLCALL_HTTP__…"),
        ("ROLLCALL_ASKERS", "urn:example:materials", "ROLLCALL_ASKERS: several are written as JSON"),
    ],
)
def test_a_service_that_is_told_nonsense_says_so_in_a_sentence(
    name: str, said: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, said)
    with pytest.raises(SystemExit) as ended:
        run(lambda: told("notifications"))  # type: ignore[arg-type, return-value]  # It does not come to more.
    assert ended.value.code == EXIT_INVALID
    line, nothing = capsys.readouterr().err.split("\n")
    assert line.startswith(says) and not nothing
