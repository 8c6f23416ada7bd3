"""The links of mails: made under one key however many replicas there are, stated once, renewed in time, and kept nowhere."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import email
import email.policy
import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import store, tables
from services.notifications.app import SERVICE
from services.notifications.keys import LINK_LIVES, SIGNS_FOR, VERIFIES_FOR, made, signs
from services.notifications.linking import ATTENDANCE, Links
from services.notifications.mail import Renderer
from services.notifications.place_sheet import place_sheet
from shared.contracts.model import Language
from shared.contracts.notifications import LinkKeyStated
from shared.deciding.transaction import Decider
from shared.outbox.journal import JOURNAL
from shared.testing import NOON, eventually, heard
from shared.web.links import (
    TICKET_LIVES,
    Link,
    Purpose,
    Rejection,
    Ticket,
    VerifyingKey,
    arrangement,
    new_key,
    read,
    read_ticket,
)
from tests.notifications.building import place
from tests.notifications.mails import (
    ADDRESS,
    FIRST,
    LETTER,
    VENUE,
    ZANETA,
    body,
    brief_mail,
    cancellation,
    change,
    session_mail,
)
from tests.notifications.office import Office, settled

BASE = "https://rollcall.example.org"
DAY = dt.timedelta(days=1)
SENDER = "powiadomienia@rollcall.example.org"


def decider_at(engine: AsyncEngine, now: dt.datetime = NOON) -> Decider:
    return Decider(engine, dataclasses.replace(SERVICE, clock=lambda: now))


async def ready(engine: AsyncEngine, now: dt.datetime = NOON) -> Links:
    links = Links(decider_at(engine, now), BASE)
    await links.ready()
    return links


async def stated(engine: AsyncEngine) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        bodies = (
            sa.select(JOURNAL.c.body).where(JOURNAL.c.type == LinkKeyStated.type_name()).order_by(JOURNAL.c.said_at)
        )
        return [json.loads(one) for (one,) in await connection.execute(bodies)]


def opened(link: str, key: dict[str, Any], now: dt.datetime = NOON) -> Any:
    until = dt.datetime.fromisoformat(key["verifies_until"])
    known = VerifyingKey(key["key_id"], key["audience"], key["public_key"], until)
    token = link.rpartition("/")[2]
    return read(token, audience="enrolment", purpose=Purpose.PLACE, key=known, now=now)


async def test_a_link_opens_under_the_key_that_was_stated_and_says_whose_place_it_is(office: Office) -> None:
    links = await ready(office.engine)
    (key,) = await stated(office.engine)
    link = links.of(session_mail(language=Language.EN), "person-0001")
    assert link.startswith(f"{BASE}/enrolment/place/")
    assert opened(link, key) == Link(
        "enrolment", Purpose.PLACE, "person-0001", "session-0001", Language.EN,
        arrangement(VENUE, ADDRESS, (FIRST,)), FIRST.ends_at + LINK_LIVES,
    )  # fmt: skip


async def test_a_trainers_link_is_signed_with_a_key_of_attendance_and_goes_along_with_a_session_that_is_moved(
    office: Office,
) -> None:
    links = await ready(office.engine)
    await links.ready(ATTENDANCE)
    of_enrolment, key = await stated(office.engine)
    assert (of_enrolment["audience"], key["audience"]) == ("enrolment", "attendance")
    link = links.to_lists(session_mail(language=Language.EN), "person-0009")
    assert link.startswith(f"{BASE}/attendance/lists/")
    known = VerifyingKey(
        key["key_id"], key["audience"], key["public_key"], dt.datetime.fromisoformat(key["verifies_until"])
    )
    token = link.rpartition("/")[2]
    found = read(token, audience="attendance", purpose=Purpose.LISTS, key=known, now=NOON)
    assert isinstance(found, Link) and (found.person_id, found.session_id) == ("person-0009", "session-0001")
    assert found.until == FIRST.ends_at + TICKET_LIVES
    assert isinstance(read(token, audience="attendance", purpose=Purpose.PLACE, key=known, now=NOON), Rejection)


@pytest.mark.parametrize("later", [None, FIRST.ends_at + dt.timedelta(days=600)])
async def test_a_link_to_papers_opens_for_a_year_after_they_are_told_of(
    engine: AsyncEngine, later: dt.datetime | None
) -> None:
    links = Links(decider_at(engine), BASE)
    await links.all_ready()
    (key,) = (one for one in await stated(engine) if one["audience"] == ATTENDANCE)
    known = VerifyingKey(key["key_id"], ATTENDANCE, key["public_key"], NOON + TICKET_LIVES * 9)
    mail = brief_mail("certificate", leads_to=Purpose.PAPERS, of_use_until=later)
    token = links.of(mail, "person-1").rpartition("/")[2]
    found = read(token, audience=ATTENDANCE, purpose=Purpose.PAPERS, key=known, now=NOON)
    told_until = dt.datetime.fromisoformat(key["verifies_until"])
    assert isinstance(found, Link)
    assert found.until == min((later or FIRST.ends_at) + TICKET_LIVES, told_until)


async def test_replicas_that_begin_at_once_share_one_key_and_state_it_once(office: Office) -> None:
    waiting = sa.text("select count(*) from pg_locks where not granted and relation = 'kept.signing_key'::regclass")
    async with office.engine.begin() as first:
        await store.lock_signing_keys(first)  # All have seen that there is none before one of them can make it.
        replicas = [asyncio.create_task(ready(office.engine)) for _ in range(3)]

        async def all_wait() -> bool:
            return (await first.execute(waiting)).scalar_one() == len(replicas)

        await eventually(all_wait, what="three replicas that want to make a key")
    links = await asyncio.gather(*replicas)
    assert len(await stated(office.engine)) == 1
    assert len({one.of(session_mail(), "person-1") for one in links}) == 1


async def test_after_half_a_year_another_key_signs_and_links_under_the_old_one_still_open(office: Office) -> None:
    old = (await ready(office.engine)).of(session_mail(), "person-1")
    later = NOON + SIGNS_FOR
    new = (await ready(office.engine, later)).of(session_mail(), "person-1")
    first, second = await stated(office.engine)
    assert first["key_id"] != second["key_id"]
    assert isinstance(opened(old, first), Link) and isinstance(opened(new, second), Link)
    assert not isinstance(opened(new, first), Link)


async def test_a_running_process_takes_the_next_key_by_itself(office: Office) -> None:
    now = [NOON]
    links = Links(Decider(office.engine, dataclasses.replace(SERVICE, clock=lambda: now[0])), BASE)
    await links.ready()
    now[0] += SIGNS_FOR
    await links.ready()
    assert len(await stated(office.engine)) == 2


async def test_a_database_of_last_night_signs_with_the_key_it_has_and_states_nothing_anew(office: Office) -> None:
    """What it lost since: the statement of a key that it does not have. Links under that one are believed by what was said."""
    await ready(office.engine)
    (key,) = await stated(office.engine)
    lost = LinkKeyStated.model_validate(key | {"key_id": "key-of-the-lost-hours"})
    await decider_at(office.engine).act([heard(lost, source=SERVICE.source, at=NOON)])
    links = await ready(office.engine)
    assert isinstance(opened(links.of(session_mail(), "person-1"), key), Link)
    assert len(await stated(office.engine)) == 1


async def test_a_key_that_is_withdrawn_signs_nothing_more(office: Office) -> None:
    await ready(office.engine)
    (key,) = await stated(office.engine)
    withdrawn = LinkKeyStated.model_validate(key | {"verifies_until": NOON.isoformat()})
    await decider_at(office.engine).act([heard(withdrawn, source=SERVICE.source, at=NOON, version=2)])
    await ready(office.engine)
    assert len(await stated(office.engine)) == 2


async def test_without_an_address_of_our_own_there_is_neither_key_nor_link(office: Office) -> None:
    links = Links(decider_at(office.engine), None)
    await links.ready()
    assert not links.lead_somewhere and await stated(office.engine) == []


async def test_a_ticket_lets_its_reader_in_at_the_door_of_their_session_and_opens_no_page(engine: AsyncEngine) -> None:
    links = Links(decider_at(engine), BASE)
    await links.all_ready()
    (key,) = (one for one in await stated(engine) if one["audience"] == ATTENDANCE)
    known = VerifyingKey(key["key_id"], key["audience"], key["public_key"], NOON + TICKET_LIVES * 3)
    token, page = links.ticket(session_mail(), "person-1")
    assert page == f"{BASE}/attendance/check-in/{token}"
    ticket = read_ticket(token, audience=ATTENDANCE, key=known, now=NOON)
    assert isinstance(ticket, Ticket) and (ticket.person_id, ticket.session_id) == ("person-1", "session-0001")
    assert ticket.until == (FIRST.ends_at + TICKET_LIVES)
    assert isinstance(read(token, audience=ATTENDANCE, purpose=Purpose.LISTS, key=known, now=NOON), Rejection)


async def test_a_mail_leads_to_its_readers_place_and_no_token_is_kept(office: Office) -> None:
    office.settings.base_url = BASE
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "sent", None)]
    assert sorted(one["audience"] for one in await stated(office.engine)) == [
        "attendance",
        "enrolment",
        "notifications",
    ]
    async with office.engine.connect() as connection:
        for table in [*tables.TABLES.values(), JOURNAL]:
            assert "eyJ" not in repr((await connection.execute(sa.select(table))).all()), table


# --- what is decided about keys --------------------------------------------------------------


def test_a_key_signs_for_its_time_and_verifies_for_longer() -> None:
    key, said = made("enrolment", "key-1", new_key(), NOON)
    assert signs(key, None, NOON + SIGNS_FOR - DAY) and not signs(key, None, NOON + SIGNS_FOR)
    assert not signs(None, None, NOON)
    assert said.verifies_until == key.verifies_until == NOON + VERIFIES_FOR
    assert SIGNS_FOR + dt.timedelta(days=366) + LINK_LIVES < VERIFIES_FOR  # Of a training planned a year ahead.


def test_the_private_half_is_in_no_fact_and_in_no_text_about_the_key() -> None:
    private, public = new_key()
    key, said = made("enrolment", "key-1", (private, public), NOON)
    assert private not in said.model_dump_json() and private not in repr(key)
    assert public in said.model_dump_json()


# --- what a mail says of it ------------------------------------------------------------------


def renderer(**more: Any) -> Renderer:
    office = {
        "sender": SENDER,
        "sender_name": "Biuro",
        "organiser": "biuro@rollcall.example.org",
        "organiser_name": "Biuro",
    }
    return Renderer(**office, base_url=BASE, **more)


def written(mail: Any, **more: Any) -> Any:
    at_work = renderer(**more)
    prepared = at_work.shared(place_sheet(mail, at_work.office))
    return email.message_from_bytes(at_work.message(prepared, ZANETA, LETTER), policy=email.policy.default)


LONG = f"{BASE}/enrolment/place/" + ".".join(["eyJhbGciOiJFZERTQSJ9", "x-_" * 120, "y" * 86])


@pytest.mark.parametrize(("language", "words"), [(Language.PL, "Twoje miejsce"), (Language.EN, "Your place")])
@pytest.mark.parametrize("make", [lambda language: session_mail(language=language), change])
def test_a_mail_about_a_place_has_a_button_and_the_same_address_in_its_text(
    make: Any, language: Language, words: str
) -> None:
    message = written(make(language), page_of=lambda mail, person_id: LONG)
    assert f'href="{LONG}"' in body(message, "html") and words in body(message, "html")
    assert f"{words}:\n  {LONG}\n" in body(message, "plain").replace("\r\n", "\n")


def test_a_mail_leads_each_person_to_their_own_page() -> None:
    asked: list[str] = []
    written(session_mail(), page_of=lambda mail, person_id: asked.append(person_id) or LONG)
    assert asked == [ZANETA.person_id]


def test_a_cancellation_and_a_mail_without_pages_lead_nowhere() -> None:
    for message in (written(cancellation(), page_of=lambda mail, person_id: LONG), written(session_mail())):
        assert "/enrolment/place/" not in body(message, "html") + body(message, "plain")
        assert "Twoje miejsce" not in body(message, "html")
