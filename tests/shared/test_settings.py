"""What a service is told: a value with which it could not do its work is refused where somebody reads it, at its start."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from rollcall.passing import MODELS
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
