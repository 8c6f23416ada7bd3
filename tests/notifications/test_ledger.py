"""The ledger for people: what was told and why, as it was known then; how a mail would read; and saying once more what was told."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.bounces import Bounce
from services.notifications.decisions import Attempt, came_back, repeat
from services.notifications.ledger import Belief, Content, Notice, NoticeState, OpenNotice, Told, told_after
from services.notifications.previewing import would_send
from services.notifications.suppressing import Suppression
from services.notifications.writing import Writer
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import Audience, MessageTold, Mutable, NoticeRepeated
from shared.state.rows import EVERY_ROW
from shared.state.working import Working
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    NOW,
    TERMS,
    content,
    message,
    message_text,
    notice,
    person,
    place,
    said_then,
    session,
    truth,
)  # fmt: skip
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_muting import mute

ABOUT = "place/session-1"
SENT = notice(said=content(), decided_at=BEFORE)
OFF = notice(notice_id="notice-2", sequence=1, said=content().model_copy(update={"hash": None}), decided_at=BEFORE)
CANCELS = place(Standing.WITHDRAWN, version=2)


def mind(*notices: Notice) -> Working:
    working = SERVICE.working(NOW)
    told = None
    for one in notices:
        told = told_after(told, one)
    for kind, rows in ((Notice, notices), (Told, [told] if told else []), (OpenNotice, ()), (Suppression, ())):
        working[kind].loaded(rows, EVERY_ROW)  # type: ignore[type-var]
    return working


# --- saying it once more -----------------------------------------------------------------------


def test_what_is_said_once_more_is_told_again_as_it_is_true_now() -> None:
    working = mind(SENT)
    repeat(working, SENT, by="anna", reason="deleted by mistake")
    (said,) = working.said
    assert isinstance(said.body, NoticeRepeated) and (said.body.by, said.body.reason) == ("anna", "deleted by mistake")
    told = working[Told].get("person-1", ABOUT)
    assert told is not None and told.state == Belief.NO
    found = truth().difference(told, now=NOW)
    assert found is not None and found.letter == "confirmation"
    repeated = working[Notice].get("notice-1")
    assert repeated is not None and repeated.state is NoticeState.REPEATED


def test_a_cancellation_can_be_said_once_more() -> None:
    working = mind(SENT, OFF)
    repeat(working, OFF, by="anna", reason="deleted by mistake")
    told = working[Told].get("person-1", ABOUT)
    assert told is not None
    found = truth(CANCELS).difference(told, now=NOW)
    assert found is not None and (found.letter, found.in_doubt) == ("cancellation", True)


def test_a_cancellation_that_came_back_is_told_once_the_address_takes_mail() -> None:
    working = mind(SENT, OFF)
    came_back(working, OFF, Bounce("5.1.1"), soft_before=0)
    told = working[Told].get("person-1", ABOUT)
    found = truth(CANCELS).difference(told, now=NOW)
    assert found is not None and found.letter == "cancellation"


def test_an_older_mail_that_is_said_once_more_changes_nothing_that_a_later_one_told() -> None:
    working = mind(SENT, OFF)
    before = working[Told].get("person-1", ABOUT)
    repeat(working, SENT, by="anna", reason="why")
    assert working[Told].get("person-1", ABOUT) == before


# --- over HTTP ---------------------------------------------------------------------------------


async def told(engine: AsyncEngine, *notices: Notice) -> None:
    its: Told | None = None
    for one in notices:
        its = told_after(its, one)
    assert its is not None
    async with engine.begin() as connection:
        await write_rows(connection, *notices, its)


async def repeats(client: httpx.AsyncClient, notice_id: str = "notice-1") -> httpx.Response:
    return await client.post(f"/api/v1/notices/{notice_id}/repeat", json={"reason": "deleted by mistake"})


async def test_a_mail_is_said_once_more_with_a_reason_and_that_only_once(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await told(engine, SENT)
    first, again = await repeats(anna), await repeats(anna)
    assert (first.status_code, first.json()["state"], first.json()["code"]) == (200, "repeated", "deleted by mistake")
    assert again.json() == first.json()


@pytest.mark.parametrize("gone", [{"erased": True}, {"merged_into": "person-2"}], ids=["erased", "merged"])
async def test_to_whom_nobody_writes_nothing_is_said_once_more_and_the_office_reads_why(
    anna: httpx.AsyncClient, engine: AsyncEngine, gone: dict[str, Any]
) -> None:
    await told(engine, SENT)
    async with engine.begin() as connection:
        await write_rows(connection, dataclasses.replace(person(), version=2, **gone))
    refused = await repeats(anna)
    assert (refused.status_code, refused.json()["detail"]) == (409, "they are erased, forgotten, or somebody else")
    assert (await anna.get("/api/v1/notices/notice-1")).json()["state"] == "sent"


async def test_what_somebody_does_without_is_not_said_once_more(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    says = MessageTold(message_id="message-1", audience=Audience.TOWN, audience_id=None, useful_until=IN_TWO_DAYS)
    its = Content(hash="message-1", says=says)
    await told(engine, notice(about="circular/message-1", kind="circular", said=its, decided_at=BEFORE))
    async with engine.begin() as connection:
        await write_rows(connection, message(audience=Audience.TOWN), message_text(), mute(Mutable.MESSAGES))
    refused = await repeats(anna)
    assert (refused.status_code, refused.json()["detail"]) == (409, "they do without such mails")


async def test_a_humans_history_is_of_all_their_ids(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    former = notice(notice_id="notice-0", recipient="person-0", about=ABOUT, decided_at=NOW)
    gone = dataclasses.replace(person("person-0"), version=2, merged_into="person-1")
    async with engine.begin() as connection:
        await write_rows(connection, former, SENT, gone, said_then(place(person_id="person-0", event_id="event-0")))
    for person_id in ("person-0", "person-1"):
        history = (await anna.get(f"/api/v1/recipients/{person_id}/history")).json()["notices"]
        assert [(one["recipient"], one["notice_id"]) for one in history] == [
            ("person-0", "notice-0"),
            ("person-1", "notice-1"),
        ]
        of_place = [fact["event_id"] for fact in history[0]["because"] if fact["of"] == "place"]
        assert of_place == ["event-0"], "the place of the id that it was told under"


@pytest.mark.parametrize("why", ["never left", "not true"])
async def test_what_never_left_or_is_not_true_is_not_said_once_more(
    anna: httpx.AsyncClient, engine: AsyncEngine, why: str
) -> None:
    await told(
        engine, SENT if why == "not true" else dataclasses.replace(SENT, state=NoticeState.FAILED, code="smtp_550")
    )
    if why == "not true":
        over = {"starts_at": NOW - dt.timedelta(days=2), "ends_at": NOW - dt.timedelta(days=1)}
        async with engine.begin() as connection:
            await write_rows(connection, session(version=2, **over))
    refused = await repeats(anna)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rollcall:problem:nothing-to-repeat")
    shown = await anna.get("/api/v1/notices/notice-1")
    assert shown.json()["state"] == ("sent" if why == "not true" else "failed")


async def test_a_history_says_what_was_known_when_it_was_told(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await told(engine, SENT)
    later = dataclasses.replace(place(Standing.WITHDRAWN), version=2, event_id="event-2", heard_at=NOW)
    async with engine.begin() as connection:
        await write_rows(connection, said_then(later))
    shown = (await anna.get("/api/v1/recipients/person-1/history")).json()
    (one,) = shown["notices"]
    assert [(fact["of"], fact["says"]) for fact in one["because"]] == [("session", "scheduled"), ("place", "enrolled")]
    assert (shown["is_held_back"], shown["mutes"]["tag"]) == (False, "0")
    assert len((await anna.get("/api/v1/notices", params={"session": "session-1"})).json()) == 1
    assert (await anna.get("/api/v1/notices", params={"session": "session-2"})).json() == []


async def test_a_preview_shows_the_mail_and_plans_nothing(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    shown = (await anna.get("/api/v1/recipients/person-1/preview", params={"about": ABOUT})).json()
    assert shown["to"] == "person-1@example.org" and "Adaptacja do zmian klimatu" in shown["subject"]
    assert (await anna.get("/api/v1/notices")).json() == []


@pytest.mark.parametrize(
    ("rows", "about", "why"),
    [
        ([dataclasses.replace(person(), erased=True)], ABOUT, "erased"),
        ([dataclasses.replace(session(), event_id="event-9", version=2)], ABOUT, "waits for: enrolment"),
        ([], "waiting/session-1", "nothing that they do not know"),
        ([], "place/session-9", "nothing is known of it"),
        ([], "nothing/session-1", "no mail is about"),
    ],
)
async def test_where_nothing_would_be_sent_the_preview_says_why(
    anna: httpx.AsyncClient, engine: AsyncEngine, rows: list[Any], about: str, why: str
) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, *rows)
    refused = await anna.get("/api/v1/recipients/person-1/preview", params={"about": about})
    assert refused.status_code == 409 and why in refused.json()["detail"]


async def test_a_preview_is_byte_for_byte_what_is_sent(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very attempt that leaves, previewed at the moment at which it was claimed."""
    attempts: list[tuple[Attempt, bytes]] = []
    written = Writer.written

    def remembered(self: Writer, attempt: Attempt) -> tuple[bytes, str]:
        message, address = written(self, attempt)
        attempts.append((attempt, message))
        return message, address

    monkeypatch.setattr(Writer, "written", remembered)
    await office.is_true(place())
    async with office.server.listening(), office.sending() as sender:
        await settled_notices(office, 1)
        ((attempt, message),) = attempts
        assert attempt.notice.stated_at is not None
        opened = dataclasses.replace(
            attempt.notice,
            attempts=0,
            lease=None,
            lease_until=None,
            stated_at=None,
            content=None,
            kind=None,
            language=None,
        )
        working = SERVICE.working(attempt.notice.stated_at)
        again = would_send(working, opened, None, attempt.truth, ("person-1", ABOUT), sender._staging.terms)
        assert isinstance(again, Attempt)
        assert sender._writer.written(again)[0] == message


def test_a_muted_mail_has_no_preview() -> None:
    its = truth()
    silent = dataclasses.replace(its, to=dataclasses.replace(its.to, muted=True))
    assert (
        would_send(SERVICE.working(NOW), None, None, silent, ("person-1", ABOUT), TERMS) == "they do without such mails"
    )
