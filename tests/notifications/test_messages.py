"""What the office writes to many: to whom, once, and as nothing but text."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import differences
from services.notifications.api import app_of
from services.notifications.forgetting import Forgetting
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.message import Written
from services.notifications.ledger import told_after
from services.notifications.letters import WrittenMail
from services.notifications.messages import LIVES, MessageText, Writing, keep_text
from services.notifications.previewing import why_not
from services.notifications.settings import NotificationsSettings
from services.notifications.store import forget_texts
from services.notifications.tables import ensure_key
from services.notifications.untold import Truth
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Audience, MessageAddressed, Mutable
from shared.deciding.transaction import Decider
from shared.outbox.journal import JOURNAL
from shared.process.runtime import Runtime
from shared.state.rows import EVERY_ROW
from shared.testing import eventually
from shared.web import tokens
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    NOW,
    addressee,
    contact,
    member,
    message,
    message_text,
    notice,
    person,
    place,
    session,
    suppression,
)  # fmt: skip
from tests.notifications.mails import LETTER, RENDERER, ZANETA, body
from tests.notifications.office import SERVICE, Office, settled, write_rows
from tests.notifications.test_muting import mute

ASKED: dict[str, Any] = {
    "audience": "session",
    "audience_id": "session-1",
    "subject": "Weź laptop",
    "text": "Sala nie ma komputerów.",
    "reason": "the hall has none",
}


@pytest.fixture
async def anna(engine: AsyncEngine, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the office, before three people with a place, one who waits, and one who is erased."""
    text, row = tokens.new_token("anna", ("read", "office"), now=NOW)
    settings = NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url))
    runtime = Runtime(SERVICE, settings)
    runtime.own_heard.set()
    people = [f"person-{number}" for number in range(1, 6)]
    erased = dataclasses.replace(person("person-5"), erased=True, given_name=None, family_name=None)
    standings = {"person-4": Standing.WAITLISTED}
    async with engine.begin() as connection:
        await tokens.store(connection, row)
        await write_rows(
            connection, session(), *map(person, people[:4]), erased, *map(contact, people[:2]),
            *(place(standings.get(one, Standing.ENROLLED), person_id=one) for one in people),
        )  # fmt: skip
    transport = httpx.ASGITransport(app=app_of(runtime))
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://n", headers=headers) as client:
        yield client
    await runtime.engine.dispose()


async def sent(client: httpx.AsyncClient, key: str = "k-1", **changes: Any) -> httpx.Response:
    asked = ASKED | {"recipients": 3} | changes
    return await client.post("/api/v1/messages", json=asked, headers={"Idempotency-Key": key})


async def addressed(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("select recipient from projection.message order by recipient"))
        return [row[0] for row in rows]


# --- to whom ---------------------------------------------------------------------------------


async def test_a_preview_says_to_how_many_and_writes_to_nobody(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    shown = (await anna.post("/api/v1/messages/preview", json=ASKED)).json()
    assert (shown["recipients"], shown["without_contact"], shown["withheld"], shown["muted"]) == (3, 1, 0, 0)
    assert "Sala nie ma komputerów." in shown["mail"]["text"] and shown["mail"]["subject"] == "Weź laptop"
    assert await addressed(engine) == []


async def test_it_goes_to_whoever_stands_there_now_and_to_nobody_twice(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    first = await sent(anna)
    assert (first.status_code, first.json()["recipients"]) == (200, 3)
    async with engine.begin() as connection:
        await write_rows(connection, person("person-6"), contact("person-6"), place(person_id="person-6"))
    again = await sent(anna)
    assert again.json() == first.json(), "who joins later does not get it, and the number seen is not asked again"
    assert await addressed(engine) == ["person-1", "person-2", "person-3"]
    async with engine.connect() as connection:
        counted = sa.select(sa.func.count()).where(JOURNAL.c.type == MessageAddressed.type_name())
        assert (await connection.execute(counted)).scalar_one() == 3
        bodies = (await connection.execute(sa.select(JOURNAL.c.body))).scalars().all()
        assert not any("laptop" in one or "komputer" in one for one in bodies), "events never say the text"


async def test_another_message_under_the_same_key_is_refused(anna: httpx.AsyncClient) -> None:
    await sent(anna)
    refused = await sent(anna, text="Sala ma komputery.")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:rollcall:problem:key-taken")


async def test_if_others_stand_there_than_were_seen_nothing_is_sent(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    refused = await sent(anna, recipients=2)
    assert (refused.status_code, await addressed(engine)) == (412, [])


async def test_it_goes_to_nobody_who_was_not_seen_also_if_they_are_as_many(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    seen = (await anna.post("/api/v1/messages/preview", json=ASKED)).json()["recipients_digest"]
    async with engine.begin() as connection:
        await write_rows(
            connection, person("person-6"), place(person_id="person-6"), place(Standing.WITHDRAWN, person_id="person-3")
        )
    refused = await sent(anna, recipients_digest=seen)
    assert (refused.status_code, refused.json()["field"], await addressed(engine)) == (412, "recipients_digest", [])
    assert refused.json()["detail"] == "it would go to 3, as was seen, but by now not to the same people"
    by_now = (await anna.post("/api/v1/messages/preview", json=ASKED)).json()["recipients_digest"]
    assert (await sent(anna, recipients_digest=by_now)).status_code == 200
    assert await addressed(engine) == ["person-1", "person-2", "person-6"]


async def test_who_looked_at_the_number_alone_is_answered_by_that(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """As programs do that know no digest."""
    async with engine.begin() as connection:
        await write_rows(
            connection, person("person-6"), place(person_id="person-6"), place(Standing.WITHDRAWN, person_id="person-3")
        )
    assert (await sent(anna)).status_code == 200
    assert (await sent(anna, "k-2", recipients_digest=None)).status_code == 200


async def test_what_was_sent_once_is_answered_by_its_key_whoever_stands_there_by_now(anna: httpx.AsyncClient) -> None:
    seen = (await anna.post("/api/v1/messages/preview", json=ASKED)).json()["recipients_digest"]
    first = await sent(anna, recipients_digest=seen)
    assert (await sent(anna, recipients_digest="0" * 24)).json() == first.json()


async def test_who_waits_is_written_to_if_the_office_says_so(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    assert (await sent(anna, standings=["waitlisted"], recipients=1)).status_code == 200
    assert await addressed(engine) == ["person-4"]


async def test_two_ids_of_one_human_are_one_recipient(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, dataclasses.replace(person("person-2"), merged_into="person-1"))
    assert (await sent(anna, recipients=2)).status_code == 200
    assert await addressed(engine) == ["person-1", "person-3"]


async def test_so_are_three_one_of_whom_turned_out_to_be_another(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await write_rows(
            connection,
            dataclasses.replace(person("person-2"), merged_into="person-9"),
            dataclasses.replace(person("person-9"), merged_into="person-1"),
        )
    assert (await sent(anna, recipients=2)).status_code == 200
    assert await addressed(engine) == ["person-1", "person-3"]


async def test_coordinators_are_those_of_today(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        left = member("person-2", until_date=dt.date(2026, 11, 19))
        await write_rows(
            connection, member("person-1"), left, member("person-3", "city-9", from_date=dt.date(2026, 11, 21))
        )
    asked = {"audience": "coordinators", "audience_id": None, "recipients": 1}
    assert (await sent(anna, **asked)).status_code == 200
    assert await addressed(engine) == ["person-1"]
    assert (await sent(anna, "k-2", **(asked | {"audience": "town", "audience_id": "city-8"}))).status_code == 409
    assert (await sent(anna, "k-3", **(asked | {"audience_id": "city-9"}))).status_code == 422


async def test_a_text_that_was_lost_comes_back_with_the_same_command(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await sent(anna)
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from kept.message_text"))
    assert (await anna.get("/api/v1/messages")).json()[0]["subject"] is None
    assert (await sent(anna)).json()["subject"] == "Weź laptop"


def test_a_text_that_is_there_is_left_alone() -> None:
    working = SERVICE.working(NOW)
    working[MessageText].loaded([message_text()], EVERY_ROW)
    keep_text(working, "message-1", Writing(Audience.TOWN, "t", (), "Other", "Other", None, "why"))
    found = working[MessageText].get("message-1")
    assert found is not None and found.subject == "Weź laptop" and LIVES.days == 14


# --- forgotten -------------------------------------------------------------------------------

KEPT_FOR = dt.timedelta(days=180)
LONG_OVER = {"until": NOW - KEPT_FOR - dt.timedelta(minutes=1)}
ABOUT = "message/message-1"


async def texts(engine: AsyncEngine) -> dict[str, str | None]:
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("select message_id, subject || text from kept.message_text"))
        return {row[0]: row[1] for row in rows}


async def forget(engine: AsyncEngine, *, most: int = 500) -> int:
    async with engine.begin() as connection:
        return await forget_texts(connection, now=NOW, useless_since=NOW - KEPT_FOR, most=most)


async def test_what_was_said_is_forgotten_once_it_has_been_of_no_use_for_long_enough(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await write_rows(
            connection,
            *(message(f"person-{n}", **LONG_OVER) for n in (1, 2)), message_text(),
            message(message_id="message-2", until=NOW - KEPT_FOR + dt.timedelta(minutes=1)), message_text("message-2"),
            message(message_id="message-3"), message_text("message-3"),
        )  # fmt: skip
    assert await forget(engine) == 1
    assert {name for name, said in (await texts(engine)).items() if said is None} == {"message-1"}
    assert await forget(engine) == 0, "what is forgotten is not forgotten over and over"


async def test_so_many_are_forgotten_at_once_and_no_more(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for number in range(5):
            name = f"message-{number}"
            await write_rows(connection, message(message_id=name, **LONG_OVER), message_text(name))
    assert [await forget(engine, most=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_the_service_forgets_by_itself(office: Office) -> None:
    office.settings.texts_kept_for = KEPT_FOR
    await office.is_true(message(**LONG_OVER), message_text())
    forgetting = asyncio.create_task(Forgetting(Decider(office.engine, SERVICE), office.settings).run())

    async def is_forgotten() -> bool:
        return (await texts(office.engine))["message-1"] is None

    await eventually(is_forgotten)
    forgetting.cancel()
    await asyncio.gather(forgetting, return_exceptions=True)


async def test_that_it_was_sent_to_whom_when_and_why_is_kept(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    sent_before = notice(recipient="person-1", about=ABOUT, kind="message", decided_at=NOW - KEPT_FOR - LIVES)
    async with engine.begin() as connection:
        await write_rows(connection, message(**LONG_OVER), message_text(), sent_before)
    before = (await anna.get("/api/v1/recipients/person-1/history")).json()["notices"]
    assert before[0]["text_forgotten_at"] is None
    await forget(engine)
    (one,) = (await anna.get("/api/v1/recipients/person-1/history")).json()["notices"]
    assert dt.datetime.fromisoformat(one["text_forgotten_at"]) == NOW
    assert {**one, "text_forgotten_at": None} == before[0]
    (listed,) = (await anna.get("/api/v1/messages")).json()
    assert (listed["subject"], listed["reason"], listed["recipients"], listed["sent"]) == (None, "asked", 1, 1)
    assert listed["forgotten_at"] == one["text_forgotten_at"]


async def test_the_same_command_does_not_bring_back_what_was_forgotten(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    message_id = (await sent(anna)).json()["message_id"]
    async with engine.begin() as connection:
        await connection.execute(sa.text("update projection.message set until = until - interval '1 year'"))
    assert await forget(engine) == 1
    again = await sent(anna)
    assert (again.status_code, again.json()["subject"]) == (200, None)
    assert await texts(engine) == {message_id: None}


async def test_what_was_forgotten_is_said_once_more_by_nobody_and_the_answer_says_why(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    sent_before = notice(recipient="person-1", about=ABOUT, kind="message", decided_at=BEFORE)
    told = told_after(None, sent_before)
    async with engine.begin() as connection:
        await ensure_key(connection)
        await write_rows(connection, message(**LONG_OVER), message_text(), sent_before, told)
    await forget(engine)
    refused = await anna.post(f"/api/v1/notices/{sent_before.notice_id}/repeat", json={"reason": "lost"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == f"what it said was forgotten on {NOW:%Y-%m-%d}: write it anew"
    assert (await anna.get(f"/api/v1/notices/{sent_before.notice_id}")).json()["state"] == "sent"


def test_a_preview_of_what_was_forgotten_says_so() -> None:
    text = MessageText("message-1", None, None, NOW)
    truth = Truth(Written(message(**LONG_OVER), text, "message", LONG_AGO), addressee())
    assert why_not(None, truth, NOW) == f"what it said was forgotten on {NOW:%Y-%m-%d}"
    assert truth.waits_for == "text"


# --- sent ------------------------------------------------------------------------------------


async def test_one_mail_leaves_to_each_and_none_to_whom_it_must_not(office: Office) -> None:
    erased = dataclasses.replace(person("person-2"), erased=True)
    await office.is_true(
        person("person-3"), erased, contact("person-2"), contact("person-3"), message_text(),
        message(), message("person-2"), message("person-3"), message("person-4"), suppression(recipient="person-3"),
    )  # fmt: skip
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("message", "sent", None)]
        await office.has_looked()
    assert [to for to, _, _ in office.server.mails] == ["person-1@example.org"]
    books = (await office.books())["notices"]
    assert (books["unreachable"], books["withheld"], books["waiting_for_person"]) == (1, 1, 1)


async def test_who_turns_out_to_be_somebody_else_before_it_leaves_is_written_to_as_those_and_once(
    office: Office,
) -> None:
    await office.is_true(message_text(), *map(person, ("person-7", "person-8", "person-9")))
    await office.is_true(*map(message, ("person-7", "person-8", "person-9")))
    gone = (
        dataclasses.replace(person(one), version=2, given_name=None, family_name=None, merged_into=into)
        for one, into in (("person-8", "person-7"), ("person-7", "person-1"), ("person-9", "person-1"))
    )
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert office.server.mails == [], "nobody knows their address"
        await office.hears(*gone)
        await settled(office, 1)
        await office.has_looked()
        assert (await office.books())["told_is_true"]
    assert [mail[0] for mail in office.server.mails] == ["person-1@example.org"]


async def test_a_circular_spares_who_does_without_and_a_message_about_ones_place_does_not(office: Office) -> None:
    circular = message(message_id="message-2", audience=Audience.COORDINATORS)
    await office.is_true(mute(Mutable.MESSAGES), message(), message_text(), circular, message_text("message-2"))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("message", "sent", None)]
        await office.has_looked()
    assert (await office.books())["notices"]["muted"] == 1


async def test_a_message_waits_for_a_text_that_was_lost_and_the_books_say_so(office: Office) -> None:
    await office.is_true(message())
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert await office.outcomes() == [] and (await office.books())["notices"]["waiting_for_text"] == 1
        await office.is_true(message_text())
        await settled(office, 1)


async def test_who_could_not_be_told_in_time_ends_as_a_fact_and_who_does_without_it_does_not(office: Office) -> None:
    past = {"until": NOW - dt.timedelta(hours=1)}
    circular = {"message_id": "message-2", "audience": Audience.TOWN}
    await office.is_true(message(**past), mute(Mutable.MESSAGES), message(**past, **circular))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("message", "too_late", "too_late")]
        await office.has_looked()
    assert len(await office.outcomes()) == 1


async def test_what_somebody_does_without_is_not_looked_for_over_and_over_once_its_time_is_over(office: Office) -> None:
    past = {"until": NOW - dt.timedelta(hours=1), "audience": Audience.TOWN}
    await office.is_true(mute(Mutable.MESSAGES), message(**past))
    async with office.engine.connect() as connection:
        await ensure_key(connection)
        common = {"now": NOW, "most": 100} | office.settings.rules.parameters()
        found = await differences.plan_missed(connection, common, ended_after=NOW - dt.timedelta(days=1))
        assert found.total() == 0


# --- as nothing but text ---------------------------------------------------------------------

HOSTILE = (
    "{{ 7*7 }} {% raw %} <script>alert(1)</script> {boundary} {0} & \u202e \ufdd2\n"
    "</p></mj-text><mj-raw> https://example.org/?a=1&b=<x>. koniec\r\n\r\n.\r\njavascript:alert(1)"
)


def received(subject: str, text: str, language: Language = Language.PL) -> EmailMessage:
    mail = WrittenMail("circular", language, Audience.TOWN, subject, text)
    sheet = KINDS[Subject.CIRCULAR].sheet(mail, RENDERER.office)
    found = email.message_from_bytes(
        RENDERER.message(RENDERER.shared(sheet), ZANETA, LETTER), policy=email.policy.default
    )
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize("language", Language)
def test_what_the_office_writes_is_data_and_never_code(language: Language) -> None:
    mail = received("{{ 7*7 }} <b>{topic}", HOSTILE, language)
    text, html = body(mail, "plain"), body(mail, "html")
    assert mail["Subject"] == "{{ 7*7 }} <b>{topic}"
    assert "{{ 7*7 }} {% raw %} <script>alert(1)</script> {boundary} {0} &" in " ".join(text.split())
    assert "49" not in text and "<script>" not in html and "&lt;script&gt;" in html
    assert 'href="https://example.org/?a=1&amp;b="' in html and 'href="javascript' not in html
    assert len(html.encode()) < 60_000


def test_an_address_is_a_link_and_is_not_broken_in_the_text() -> None:
    address = "https://example.org/" + "a-long-way/" * 12
    mail = received("Dojazd", f"Mapa: {address}.")
    assert f'href="{address}"' not in body(mail, "html") or address in body(mail, "plain")
    assert address.rstrip("/") in body(mail, "plain").replace("\r\n", "\n")


@pytest.mark.parametrize("nothing", [" \n \n", " "])
def test_a_message_without_a_text_is_none(nothing: str) -> None:
    with pytest.raises(ValueError, match="subject and a text"):
        received("Temat", nothing)


async def test_office_words_need_the_scope_of_the_office(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    text, row = tokens.new_token("reader", ("read", "write", "operate"), now=NOW)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
    refused = await anna.post(
        "/api/v1/messages", json=ASKED | {"recipients": 3}, headers={"Authorization": f"Bearer {text}"}
    )
    assert refused.status_code == 403 and await addressed(engine) == []
