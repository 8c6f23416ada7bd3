"""`rollcall notices` and `rollcall mail`: what is asked of notifications, and what a person reads of its answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rollcall import asking, notices
from rollcall.asking import Answer
from rollcall.main import app
from rollcall.notices import shown
from services.notifications.answers import History

EXAMPLE: dict[str, Any] = History.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, call-overload]
NOTICE = EXAMPLE["notices"][0]["notice_id"]
REFUSED = {"title": "Nothing to repeat", "detail": "it never left"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []

    async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
        found.append((url.removeprefix("http://n/api/v1"), None))
        listed = "/notices?" in url
        preview = {"to": "a@example.org", "subject": "S", "text": "T\n", "source": "raw\n"}
        return Answer(200, preview if "preview" in url else EXAMPLE["notices"] if listed else EXAMPLE)

    async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
        assert headers["Content-Type"] == "application/json"
        found.append((url.removeprefix("http://n/api/v1"), json.loads(body)))
        return Answer(409, REFUSED) if "/repeat" in url else Answer(200, {})

    monkeypatch.setenv("ROLLCALL_NOTIFICATIONS_URL", "http://n")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    monkeypatch.setattr(asking, "get", get)
    monkeypatch.setattr(asking, "post", post)
    return found


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_a_person_is_shown_what_they_were_told_and_by_which_facts(asked: list[tuple[str, Any]]) -> None:
    done = run("notices", "person-0001")
    assert (done.exit_code, asked) == (0, [("/recipients/person-0001/history", None)])
    assert NOTICE in done.stdout and "place enrolled: rollcall/enrolment" in done.stdout
    assert "Does without: reminders." in done.stdout
    assert json.loads(run("notices", "person-0001", "--json").stdout) == EXAMPLE


def test_a_session_is_shown_all_mails_about_it(asked: list[tuple[str, Any]]) -> None:
    assert NOTICE in run("notices", "--session", "session-0001").stdout
    assert asked == [("/notices?session=session-0001&limit=1000", None)]
    assert run("notices").exit_code == 2 and run("notices", "p", "--session", "s").exit_code == 2


def test_a_session_with_more_mails_than_a_page_holds_is_shown_all_of_them(
    asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [EXAMPLE["notices"][0] | {"notice_id": f"notice-{number}"} for number in range(5)]

    async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
        last = url.partition("&after=")[2]
        return Answer(200, [one for one in mails if one["notice_id"] > last][:2])

    monkeypatch.setattr(asking, "get", get)
    monkeypatch.setattr(notices, "MOST", 2)
    assert json.loads(run("notices", "--session", "session-0001", "--json").stdout) == mails


def test_what_is_done_about_a_mail_is_asked_of_notifications(asked: list[tuple[str, Any]]) -> None:
    assert run("mail", "settle", NOTICE, "not_sent").exit_code == 0
    assert run("mail", "release", "person-0001", "--reason", "the mailbox was full").exit_code == 0
    refused = run("mail", "repeat", NOTICE, "--reason", "deleted")
    assert refused.exit_code == 2
    assert asked == [
        (f"/notices/{NOTICE}/settle", {"as": "not_sent"}),
        ("/addresses/person-0001/release", {"reason": "the mailbox was full"}),
        (f"/notices/{NOTICE}/repeat", {"reason": "deleted"}),
    ]


def test_a_preview_is_read_or_taken_byte_for_byte(asked: list[tuple[str, Any]]) -> None:
    assert run("mail", "preview", "person-0001", "place/session-0001").stdout == "a@example.org\nS\n\nT\n"
    assert run("mail", "preview", "person-0001", "place/session-0001", "--source").stdout == "raw\n"
    assert asked[0] == ("/recipients/person-0001/preview?about=place%2Fsession-0001", None)


def test_words_of_an_installation_are_tried_before_a_service_is_started_with_them(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["mail", "words", str(tmp_path)]).exit_code == 0
    (tmp_path / "en.toml").write_text('greeting = "Hello {name}"\n')
    refused = CliRunner().invoke(app, ["mail", "words", str(tmp_path)])
    assert refused.exit_code == 2 and "en.toml:1: greeting names {name}" in refused.output


def test_what_was_forgotten_of_a_mail_is_said_beside_that_it_was_sent() -> None:
    one = EXAMPLE["notices"][0] | {"text_forgotten_at": "2027-06-01T08:00:00Z"}
    lines = shown({}, [one])
    assert one["state"] in lines[0] and lines[1].strip().startswith("What it said was forgotten on 2027-06-01")
