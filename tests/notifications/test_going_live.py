"""Before go-live mail is rehearsed: written, shown and dropped. What was rehearsed was told to nobody, and is not flushed afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import store
from services.notifications.decisions import Outcome, Result, repeat, settle
from services.notifications.going_live import GoLive, Stage, stage_after
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.kind import Rules
from services.notifications.kinds.message import NAME, Written
from services.notifications.kinds.roster import Roster
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import Belief, Notice, NoticeState, OpenNotice, Told, told_after
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import OPEN, ensure_key
from services.notifications.untold import Addressee
from services.notifications.urgency import Priority
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import NoticeRehearsed
from shared.postgres.database import rows_as
from shared.state.rows import EVERY_ROW
from shared.testing import eventually
from shared.web import tokens
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    NOW,
    TERMS,
    TUESDAY,
    contact,
    content,
    meeting,
    message,
    message_text,
    notice,
    open_notice,
    person,
    place,
    said_then,
    session,
    settled,
    truth,
)
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long

ABOUT = "place/session-1"
REHEARSED = notice(said=content(), state=NoticeState.REHEARSED, decided_at=BEFORE)
MOVED = session(TUESDAY, version=2, event_id="event-2", heard_at=NOW)


# --- whether mail is live ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "rehearses"),
    [
        ({}, True),
        ({"by_settings": False}, False),
        ({"has_mailed": True}, False),  # The setting begins no rehearsal where people are used to mail,
        ({"has_mailed": True, "has_rehearsed": True, "by_settings": False}, True),  # nor does it end one.
        ({"has_mailed": True, "has_rehearsed": True, "live_at": NOW}, False),
    ],
)
def test_the_settings_decide_for_a_new_installation_alone(known: dict[str, Any], rehearses: bool) -> None:
    facts: dict[str, Any] = {"live_at": None, "has_rehearsed": False, "has_mailed": False, "by_settings": True} | known
    assert stage_after(facts.pop("live_at"), **facts).rehearses is rehearses


async def test_the_database_knows_whether_mail_is_live(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await store.stage(connection, by_settings=True) == Stage(True)
        await write_rows(connection, REHEARSED)
        assert await store.stage(connection, by_settings=False) == Stage(True)
        stated = GoLive("rollcall/notifications", 1, True, "event-1", NOW, "all", "anna", "why", NOW)
        await write_rows(connection, stated)
        assert await store.stage(connection, by_settings=True) == Stage(False, NOW)


def test_what_was_so_before_go_live_is_not_told_as_new() -> None:
    settings = NotificationsSettings(database_url=SecretStr("postgresql://nobody"), live_since=BEFORE)
    assert settings.rules_at(Stage(True)).since == settings.terms_at(Stage(True)).since == BEFORE
    assert settings.rules_at(Stage(False, NOW)).since == settings.terms_at(Stage(False, NOW)).since == NOW


# --- what was rehearsed was told to nobody -----------------------------------------------------


def test_while_it_is_rehearsed_it_counts_as_told() -> None:
    told = told_after(None, REHEARSED)
    assert (told.state, told.content, told.sequence) == (Belief.REHEARSED, content().hash, 0)


def test_the_first_mail_after_a_rehearsal_is_the_first_of_all() -> None:
    rehearsed = told_after(None, replace(REHEARSED, sequence=3))
    told = told_after(rehearsed, notice(notice_id="notice-9", said=content()))
    assert (told.state, told.sequence, told.notice_id) == (Belief.YES, 0, "notice-9")
    assert told_after(rehearsed, notice(notice_id="notice-9", state=NoticeState.FAILED)).said is None


def test_what_was_rehearsed_takes_the_place_of_nothing_that_was_told() -> None:
    told = told_after(None, notice(notice_id="notice-9", said=content(), decided_at=NOW))
    assert told_after(told, replace(REHEARSED, sequence=3)) == told


@pytest.mark.parametrize("subject", Subject)
def test_no_kind_looks_at_what_was_rehearsed_as_if_it_had_been_told(subject: Subject) -> None:
    kind = KINDS[subject]
    source = str(sa.select(sa.literal(1)).select_from(kind.around(kind.scope.keys)))
    assert 0 < source.count("JOIN projection.told") == source.count(":rehearses")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome(Result.SENT, "rehearsed"), None), (Outcome(Result.REFUSED, "unrenderable"), "unrenderable")],
)
def test_whatever_becomes_of_it_it_ends_as_rehearsed(outcome: Outcome, code: str | None) -> None:
    working = SERVICE.working(NOW)
    taken = open_notice(
        rehearses=True, kind="confirmation", language="pl", content=content(), attempts=1, lease="1", lease_until=NOW
    )
    working[OpenNotice].loaded([taken], EVERY_ROW)
    working[Told].loaded([], EVERY_ROW)
    working[Notice].loaded([], EVERY_ROW)
    settle(working, taken, outcome, TERMS)
    (said,) = working.said
    assert isinstance(said.body, NoticeRehearsed) and said.body.code == code
    assert not len(working[OpenNotice])


def test_what_the_office_wrote_in_a_rehearsal_is_not_sent_after_it() -> None:
    for since, is_told in ((BEFORE, True), (NOW, False)):
        matter = Written(message(decided_at=BEFORE, until=IN_TWO_DAYS), message_text(), NAME, since)
        found = matter.difference(None, None, now=NOW)  # type: ignore[arg-type]  # It asks nothing of its reader.
        assert (found is not None) is is_told


def test_an_evening_that_was_rehearsed_is_not_mailed_about() -> None:
    its = session(meeting("2026-11-21T09:00", "2026-11-21T15:00"))
    at = its.noon_before_at - dt.timedelta(hours=5)
    for since, is_told in ((at, True), (at + dt.timedelta(minutes=1), False)):
        facts = Facts(None, its, "Augustów", ("Klimat", "Climate"))
        roster = Roster(facts, True, 12, Rules(since, reminder_hour=7))
        assert (roster.difference(None, Addressee(person(), contact()), now=NOW) is not None) is is_told


def test_what_was_rehearsed_is_said_after_all_if_somebody_says_so() -> None:
    working = SERVICE.working(NOW)
    working[Notice].loaded([REHEARSED], EVERY_ROW)
    working[Told].loaded([told_after(None, REHEARSED)], EVERY_ROW)
    repeat(working, REHEARSED, by="anna", reason="nobody told them")
    told = working[Told].get("person-1", ABOUT)
    assert told is not None and (told.state, told.content) == (Belief.MAYBE, "overtaken")
    found = truth().difference(told, now=NOW)
    assert found is not None and (found.letter, found.in_doubt) == ("confirmation", True)


# --- at work -----------------------------------------------------------------------------------


@pytest.fixture
async def new(office: Office) -> Office:
    """An installation that rehearses, and that has heard of a place."""
    office.settings.rehearse = True
    await office.is_true(said_then(session()), place(), said_then(place()))
    return office


async def test_a_rehearsal_sends_nothing_and_needs_no_mail_server(new: Office) -> None:
    async with new.sending():
        assert await settled_notices(new, 1) == [("confirmation", "rehearsed", None)]
        await new.has_looked()
    books = await new.books()
    assert (books["notices"]["rehearsing"], books["notices"]["rehearsed"], books["told_is_true"]) == (1, 1, True)
    assert not any(books["notices"]["sent"].values()) and not new.server.mails


async def test_a_rehearsal_shows_what_a_live_installation_would_send(new: Office) -> None:
    async with new.sending():
        await settled_notices(new, 1)
        await new.hears(MOVED, settled(MOVED))
        await settled_notices(new, 2)
        await new.hears(place(Standing.WITHDRAWN, version=2))
        assert await settled_notices(new, 3) == [
            (kind, "rehearsed", None) for kind in ("confirmation", "change", "cancellation")
        ]


async def test_a_rehearsal_goes_on_after_a_restart(new: Office) -> None:
    async with new.sending():
        await settled_notices(new, 1)
    new.settings.rehearse = False
    async with new.server.listening(), new.sending():
        await new.hears(MOVED, settled(MOVED))
        assert [state for _, state, _ in await settled_notices(new, 2)] == ["rehearsed", "rehearsed"]
    assert not new.server.mails


async def test_go_live_flushes_nothing(new: Office) -> None:
    async with new.server.listening(), new.sending():
        await settled_notices(new, 1)
        await new.goes_live()
        await new.has_looked()
        assert not new.server.mails
        await new.hears(person("person-2"), contact("person-2"))
        other = place(person_id="person-2", heard_at=SERVICE.clock())
        await new.is_true(said_then(other))
        await new.hears(other)
        assert [state for _, state, _ in await settled_notices(new, 2)] == ["rehearsed", "sent"]
    assert [mail[:2] for mail in new.server.mails] == [("person-2@example.org", "confirmation")]


async def test_a_change_after_go_live_says_that_nobody_knows_what_was_told_before(new: Office) -> None:
    async with new.server.listening(), new.sending():
        await settled_notices(new, 1)
        await new.goes_live()
        await new.has_looked()
        await new.hears(MOVED, settled(MOVED))
        await settled_notices(new, 2)
    (mail,) = map(message_from_bytes, new.server.contents)
    assert mail["X-Rollcall-Notice-Kind"] == "change"
    assert "Nie wiemy, czy" in _text(mail)


async def test_an_end_after_go_live_is_told_to_whoever_may_know_of_it_from_others(new: Office) -> None:
    async with new.server.listening(), new.sending():
        await settled_notices(new, 1)
        await new.goes_live()
        await new.has_looked()
        await new.hears(place(Standing.WITHDRAWN, version=2))
        await settled_notices(new, 2)
    (mail,) = map(message_from_bytes, new.server.contents)
    assert mail["X-Rollcall-Notice-Kind"] == "cancellation"
    assert "nie musisz nic robić" in _text(mail)


async def test_what_was_planned_before_go_live_ends_as_rehearsed(new: Office) -> None:
    new.settings.settling_seconds = 3600
    async with new.server.listening(), new.sending():
        await eventually(new.open)
        await new.goes_live()
        await new.is_true(replace(await _only_open(new), planned_at=BEFORE, next_attempt_at=NOW))  # Its hour is over.
        assert await settled_notices(new, 1) == [("confirmation", "rehearsed", None)]
        await new.has_looked()
    assert not new.server.mails


async def test_whoever_sends_takes_nothing_of_the_rehearsal(office: Office) -> None:
    planned = open_notice(rehearses=True, next_attempt_at=BEFORE)
    await office.is_true(place(), planned)
    async with office.engine.begin() as connection:
        await ensure_key(connection)
        for rehearses, taken in ((False, 0), (True, 1)):
            rules, queue = Rules(BEFORE, rehearses=rehearses), (Priority(planned.priority), Subject.PLACE)
            working = SERVICE.working(NOW)
            found = await store.take(connection, working, queue, most=9, under_way=(), rules=rules)
            assert len(found) == taken


async def test_a_rehearsal_to_one_address_says_for_whom_each_mail_is(new: Office) -> None:
    new.settings.rehearse_to = "proba@example.org"
    async with new.server.listening(), new.sending():
        assert await settled_notices(new, 1) == [("confirmation", "rehearsed", "shown")]
    (mail,), ((to, _, _),) = map(message_from_bytes, new.server.contents), new.server.mails
    assert to == "proba@example.org" and "person-1@example.org" not in str(mail["To"])
    assert mail["X-Rollcall-Rehearsed-For"] == "person-1 <person-1@example.org>"
    assert _subject(mail).startswith("[Próba] ") and mail["List-Unsubscribe"] is None
    assert (await new.books())["notices"]["rehearsed_to_one_address"] == 1


async def test_a_server_that_refuses_a_rehearsal_to_one_address_is_asked_again(new: Office) -> None:
    new.settings.rehearse_to = "proba@example.org"
    new.server.answers = ["451 later"]
    async with new.server.listening(), new.sending():
        assert await settled_notices(new, 1) == [("confirmation", "rehearsed", "shown")]
    assert len(new.server.mails) == 2


def _text(mail: Any) -> str:
    parts = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    return " ".join(parts[0].get_payload(decode=True).decode().split())


def _subject(mail: Any) -> str:
    return str(make_header(decode_header(mail["Subject"])))


async def _only_open(office: Office) -> OpenNotice:
    async with office.engine.connect() as connection:
        (row,) = rows_as(OpenNotice, await connection.execute(sa.select(OPEN)))
    return row


# --- over HTTP ---------------------------------------------------------------------------------


WHY = {"reason": "the old system is switched off"}


async def test_go_live_is_stated_once_by_an_operator_with_a_reason(anna: httpx.AsyncClient) -> None:
    assert (await anna.get("/api/v1/mail")).json()["rehearses"] is True
    first = (await anna.post("/api/v1/mail/go-live", json=WHY)).json()
    again = (await anna.post("/api/v1/mail/go-live", json={"reason": "again"})).json()
    assert (first["rehearses"], first["by"], first["reason"]) == (False, "anna", WHY["reason"])
    assert again == first
    assert (await anna.post("/api/v1/mail/go-live", json={})).status_code == 422


async def test_only_an_operator_states_it(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    text, row = tokens.new_token("jan", ("read", "office"), now=NOW)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
    refused = await anna.post("/api/v1/mail/go-live", json=WHY, headers={"Authorization": f"Bearer {text}"})
    assert refused.status_code == 403


async def test_where_mail_was_live_from_the_start_there_is_nothing_to_state(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, notice(said=content()))
    refused = await anna.post("/api/v1/mail/go-live", json=WHY)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rollcall:problem:nothing-rehearsed")


async def test_what_was_rehearsed_can_be_said_after_all_once_mail_is_live(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, REHEARSED, told_after(None, REHEARSED))
    asked = ("/api/v1/notices/notice-1/repeat", {"reason": "nobody told them"})
    assert (await anna.post(asked[0], json=asked[1])).status_code == 409
    await anna.post("/api/v1/mail/go-live", json=WHY)
    preview = ("/api/v1/recipients/person-1/preview", {"about": ABOUT})
    assert (await anna.get(preview[0], params=preview[1])).status_code == 409
    assert (await anna.post(asked[0], json=asked[1])).json()["state"] == "repeated"
    shown = (await anna.get(preview[0], params=preview[1])).json()
    assert "Masz miejsce" in shown["text"] or "Masz miejsce" in shown["subject"]
