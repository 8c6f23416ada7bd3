"""Mutes: what one may do without, by whose word, and that nothing else is held back by it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email
import email.policy
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import differences
from services.notifications.api import app_of
from services.notifications.decisions import claim
from services.notifications.kinds import KINDS, Subject
from services.notifications.ledger import Notice, OpenNotice, Told, told_after
from services.notifications.linking import OWN, Links
from services.notifications.mail import Renderer
from services.notifications.muting import Mute, say_muted
from services.notifications.pages.mute import is_one_click
from services.notifications.settings import NotificationsSettings
from services.notifications.state import Person, Session
from services.notifications.tables import ensure_key
from shared.contracts.model import Language
from shared.contracts.notifications import Mutable, NoticeFailed, NoticesMuted
from shared.outbox.journal import JOURNAL
from shared.process.runtime import Runtime
from shared.state.rows import EVERY_ROW
from shared.web import tokens
from shared.web.links import (
    Purpose,
    Refused,
    Rejection,
    Signer,
    Subscription,
    VerifyingKey,
    new_key,
    read_subscription,
)
from shared.web.pages.kit import Office as PagesOffice
from shared.web.pages.kit import Pages
from tests.notifications.building import (
    BEFORE,
    NOW,
    TERMS,
    _meta,
    contact,
    content,
    meeting,
    notice,
    open_notice,
    person,
    place,
    session,
    settled,
    topic,
    town,
    truth,
)  # fmt: skip
from tests.notifications.mails import LETTER, ZANETA, body, brief_mail
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.office import settled as settled_notices

BASE = "https://rollcall.example.org"
NEVER_MUTED = {"place", "offer", "waiting", "refusal", "call", "nomination", "nominated", "risk"}
TOMORROW = meeting("2026-11-21T09:00", "2026-11-21T15:00")


def mute(*muted: Mutable, recipient: str = "person-1") -> Mute:
    return Mute(*_meta(BEFORE, "rollcall/notifications"), recipient, tuple(muted), None, None, BEFORE)


# --- what may be muted -----------------------------------------------------------------------


def test_nobody_can_do_without_what_happens_to_their_own_place() -> None:
    assert {name for name in NEVER_MUTED if KINDS[Subject(name)].mutes is not None} == set()
    assert {kind.mutes for name, kind in KINDS.items() if name in ("reminder", "reply", "unanswered")} == {
        Mutable.REMINDERS
    }


def test_whoever_does_without_a_mail_that_is_planned_already_does_not_get_it() -> None:
    working = SERVICE.working(NOW)
    for kind in (Told, Notice, OpenNotice):
        working[kind].loaded([], EVERY_ROW)
    its = truth()
    assert claim(working, open_notice(), its, "lease", TERMS) is not None
    silent = dataclasses.replace(its, to=dataclasses.replace(its.to, muted=True))
    assert claim(working, open_notice(), silent, "lease", TERMS) is None
    assert working.said == []


def test_a_muted_mail_that_may_have_left_is_not_called_unsent() -> None:
    working = SERVICE.working(NOW)
    for kind in (Told, Notice, OpenNotice):
        working[kind].loaded([], EVERY_ROW)
    silent = truth()
    silent = dataclasses.replace(silent, to=dataclasses.replace(silent.to, muted=True))
    tried = open_notice(
        kind="confirmation", language=Language.PL, content=content(), attempts=1, doubts=1, stated_at=BEFORE
    )
    assert claim(working, tried, silent, "lease", TERMS) is None
    (said,) = working.said
    assert isinstance(said.body, NoticeFailed) and said.body.code == "outcome_unknown"


def test_what_is_so_already_is_not_said_again() -> None:
    working = SERVICE.working(NOW)
    working[Mute].loaded([], EVERY_ROW)
    assert say_muted(working, ["person-1"], [Mutable.REMINDERS, Mutable.REMINDERS], by="anna", reason="asked")
    assert not say_muted(working, ["person-1"], [Mutable.REMINDERS])
    assert say_muted(working, ["person-1"], [])
    assert [one.body.muted for one in working.said if isinstance(one.body, NoticesMuted)] == [("reminders",), ()]
    assert [one.version for one in working.said] == [1, 2]


# --- what is sent ----------------------------------------------------------------------------


async def test_a_muted_reminder_stays_away_and_comes_once_it_is_wanted_again_while_it_is_of_use(office: Office) -> None:
    office.settings.reminder_hour = 6
    comes = session(TOMORROW)
    await office.is_true(comes, settled(comes), place(), _told_of_place(comes), mute(Mutable.REMINDERS))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert await office.outcomes() == [] and (await office.books())["notices"]["muted"] == 1
        assert (await office.books())["told_is_true"], "whoever does without it misses nothing"
        moved = dataclasses.replace(session(meeting("2026-11-24T09:00", "2026-11-24T15:00")), version=2)
        await office.hears(moved, settled(moved))
        assert [kind for kind, _, _ in await settled_notices(office, 1)] == ["change"], "never of the place itself"


async def test_what_is_muted_is_not_planned_over_and_over(office: Office) -> None:
    office.settings.reminder_hour = 6
    comes = session(TOMORROW)
    await office.is_true(comes, settled(comes), place(), _told_of_place(comes), mute(Mutable.REMINDERS))
    async with office.engine.connect() as connection:
        await ensure_key(connection)
        common = {"now": NOW, "most": 100} | office.settings.rules.parameters()
        assert (await differences.plan_all(connection, common)).total() == 0


async def test_a_mute_follows_whoever_said_it_into_the_id_that_stays(office: Office) -> None:
    office.settings.reminder_hour = 6
    comes = session(TOMORROW)
    gone = _into("person-9", "person-1")
    await office.is_true(comes, settled(comes), place(), _told_of_place(comes), gone)
    await office.is_true(mute(Mutable.REMINDERS, recipient="person-9"))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert await office.outcomes() == [] and (await office.books())["notices"]["muted"] == 1
        parted = dataclasses.replace(person("person-9"), version=3)
        await office.hears(parted)
        assert [kind for kind, _, _ in await settled_notices(office, 1)] == ["reminder"], "they are two again"


async def test_what_is_wanted_again_is_told_while_it_is_of_use(office: Office) -> None:
    office.settings.reminder_hour = 6
    comes = session(TOMORROW)
    await office.is_true(comes, settled(comes), place(), _told_of_place(comes), mute())
    async with office.server.listening(), office.sending():
        assert [kind for kind, _, _ in await settled_notices(office, 1)] == ["reminder"]


def _told_of_place(its: Session) -> Told:
    return told_after(None, notice(said=content(its), decided_at=NOW - dt.timedelta(days=9)))


# --- the link --------------------------------------------------------------------------------


@pytest.fixture
async def here(engine: AsyncEngine, database_url: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A service with its pages, and the path of a link to do without reminders."""
    text, row = tokens.new_token("anna", ("read", "office"), now=NOW)
    settings = NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url))
    runtime = Runtime(SERVICE, settings)
    runtime.own_heard.set()
    links = Links(runtime.decider, BASE)
    await links.ready(OWN)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
        await write_rows(connection, person(), contact(), town(), topic())
    app = app_of(runtime)
    Pages("services.notifications.pages", PagesOffice("Biuro", "biuro@example.org")).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://n", headers=headers) as client:
        yield client, links.to_mute(Mutable.REMINDERS, Language.EN, "person-1").removeprefix(f"{BASE}/{OWN}")
    await runtime.engine.dispose()


async def muted(client: httpx.AsyncClient, recipient: str = "person-1") -> list[str]:
    answer = (await client.get(f"/api/v1/mutes/{recipient}")).json()
    found: list[str] = answer["muted"]
    return found


async def test_following_the_link_changes_nothing_and_one_click_does(here: tuple[httpx.AsyncClient, str]) -> None:
    client, link = here
    shown = await client.get(link)
    assert (shown.status_code, await muted(client)) == (200, [])
    assert "Stop these mails" in shown.text and "person-1" not in shown.text
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(2):  # Mail programs try again.
        clicked = await client.post(link, content=b"List-Unsubscribe=One-Click", headers=form)
        assert clicked.status_code == 200, "no redirect: RFC 8058"
    assert await muted(client) == ["reminders"]
    assert "Send me these mails again" in (await client.get(link)).text


async def test_the_button_undoes_it_and_both_are_facts(
    here: tuple[httpx.AsyncClient, str], engine: AsyncEngine
) -> None:
    client, link = here
    assert (await client.post(link, data={"act": "mute"})).status_code == 303
    assert (await client.post(link, data={"act": "unmute"})).status_code == 303
    async with engine.connect() as connection:
        rows = await connection.execute(
            sa.select(JOURNAL.c.body)
            .where(JOURNAL.c.type == NoticesMuted.type_name())
            .order_by(JOURNAL.c.said_at, JOURNAL.c.event_id)
        )
        said = [json.loads(one)["muted"] for (one,) in rows]
    assert said == [["reminders"], []] and await muted(client) == []


@pytest.mark.parametrize("broken", ["x", "other", "act"])
async def test_what_is_no_link_or_no_word_of_ours_mutes_nobody(
    here: tuple[httpx.AsyncClient, str], broken: str
) -> None:
    client, link = here
    address = {"x": link[:-1] + ("A" if link[-1] != "A" else "B"), "other": "/mute/nothing", "act": link}[broken]
    sent = {"act": "erase"} if broken == "act" else {"act": "mute"}
    assert (await client.post(address, data=sent)).status_code in (400, 404)
    assert await muted(client) == []


async def test_the_link_of_whoever_turned_out_to_be_somebody_else_speaks_for_them(
    here: tuple[httpx.AsyncClient, str], engine: AsyncEngine
) -> None:
    client, link = here
    async with engine.begin() as connection:
        merged = dataclasses.replace(person(), version=2, given_name=None, family_name=None, merged_into="person-2")
        await write_rows(connection, merged, person("person-2"))
    await client.post(link, data={"act": "mute"})
    assert (await muted(client, "person-1"), await muted(client, "person-2")) == (["reminders"], ["reminders"])
    assert "Send me these mails again" in (await client.get(link)).text


async def test_the_page_shows_what_is_so_of_whoever_they_are_in_the_end(
    here: tuple[httpx.AsyncClient, str], engine: AsyncEngine
) -> None:
    client, link = here
    async with engine.begin() as connection:
        first, second = (
            dataclasses.replace(person(one), version=2, given_name=None, family_name=None, merged_into=into)
            for one, into in (("person-1", "person-2"), ("person-2", "person-3"))
        )
        await write_rows(connection, first, second, person("person-3"))
    await client.post(link, data={"act": "mute"})
    assert await muted(client, "person-3") == ["reminders"]
    assert "Send me these mails again" in (await client.get(link)).text


async def test_what_was_muted_under_either_of_two_ids_the_human_does_without_and_takes_back_at_once(
    here: tuple[httpx.AsyncClient, str], engine: AsyncEngine
) -> None:
    client, link = here
    async with engine.begin() as connection:
        await write_rows(connection, mute(Mutable.REMINDERS), mute(Mutable.MESSAGES, recipient="person-2"))
        await write_rows(connection, _into("person-1", "person-2"), person("person-2"))
    shown = (await client.get("/api/v1/mutes/person-1")).json()
    assert (shown["recipient"], shown["muted"]) == ("person-2", ["messages", "reminders"])
    assert [(one["recipient"], one["tag"]) for one in (await client.get("/api/v1/mutes")).json()] == [("person-2", "2")]
    assert "Send me these mails again" in (await client.get(link)).text
    await client.post(link, data={"act": "unmute"})
    assert await muted(client, "person-2") == ["messages"]
    asked = {"muted": [], "reason": "asked on the phone"}
    refused = await client.post("/api/v1/mutes/person-1", json=asked, headers={"If-Match": f'"{shown["tag"]}"'})
    tag = (await client.get("/api/v1/mutes/person-1")).json()["tag"]
    done = await client.post("/api/v1/mutes/person-1", json=asked, headers={"If-Match": f'"{tag}"'})
    assert (refused.status_code, done.json()["muted"], await muted(client, "person-1")) == (412, [], [])


def _into(person_id: str, into_id: str) -> Person:
    return dataclasses.replace(person(person_id), version=2, given_name=None, family_name=None, merged_into=into_id)


def test_a_token_for_something_else_mutes_nobody() -> None:
    private, public = new_key()
    signer = Signer("key-1", private, NOW + dt.timedelta(days=1), NOW + dt.timedelta(days=2))
    key = VerifyingKey("key-1", OWN, public, NOW + dt.timedelta(days=2))
    to_mute = Subscription(OWN, Purpose.MUTE, "person-1", "reminders", Language.EN)
    other = dataclasses.replace(to_mute, purpose=Purpose.PLACE)

    def read(of: Subscription, now: dt.datetime = NOW) -> Subscription | Rejection:
        return read_subscription(signer.subscription(of), audience=OWN, purpose=Purpose.MUTE, key=key, now=now)

    assert read(to_mute) == to_mute
    assert read(other) == Rejection(Refused.UNKNOWN)
    assert read(to_mute, NOW + dt.timedelta(days=3)) == Rejection(Refused.EXPIRED, Language.EN)


def test_one_click_is_known_in_both_forms_and_nothing_else_is() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--'
    assert is_one_click(b"List-Unsubscribe=One-Click") and is_one_click(part)
    assert not is_one_click(b"act=unmute") and not is_one_click(b"")


# --- the office ------------------------------------------------------------------------------


async def test_the_office_does_not_overwrite_what_somebody_said_meanwhile(here: tuple[httpx.AsyncClient, str]) -> None:
    client, link = here
    asked = {"muted": ["reminders", "messages"], "reason": "asked on the phone"}
    tag = (await client.get("/api/v1/mutes/person-1")).json()["tag"]
    await client.post(link, data={"act": "mute"})
    refused = await client.post("/api/v1/mutes/person-1", json=asked, headers={"If-Match": f'"{tag}"'})
    assert (refused.status_code, await muted(client)) == (412, ["reminders"])
    done = await client.post("/api/v1/mutes/person-1", json=asked, headers={"If-Match": '"1"'})
    again = await client.post("/api/v1/mutes/person-1", json=asked, headers={"If-Match": '"1"'})
    assert (done.status_code, done.json()["by"]) == (200, "anna") and again.json() == done.json()
    assert [one["recipient"] for one in (await client.get("/api/v1/mutes")).json()] == ["person-1"]


# --- the mail --------------------------------------------------------------------------------


def rendered(*, mutes: Mutable | None) -> bytes:
    renderer = Renderer(
        sender="a@example.org", sender_name="Biuro", organiser="b@example.org", organiser_name="Biuro",
        mute_of=lambda what, language, person_id: f"{BASE}/notifications/mute/{what}.{language}.{person_id}",
    )  # fmt: skip
    sheet = dataclasses.replace(KINDS[Subject.REMINDER].sheet(brief_mail("reminder"), renderer.office), mutes=mutes)
    return renderer.message(renderer.shared(sheet), ZANETA, LETTER)


def test_a_mail_that_may_be_muted_says_where_at_one_click_and_no_other_does() -> None:
    message = email.message_from_bytes(rendered(mutes=Mutable.REMINDERS), policy=email.policy.default)
    address = f"{BASE}/notifications/mute/reminders.pl.{ZANETA.person_id}"
    assert message["List-Unsubscribe"] == f"<{address}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address in body(message, "plain") and f'href="{address}"' in body(message, "html")
    other = email.message_from_bytes(rendered(mutes=None), policy=email.policy.default)
    assert other["List-Unsubscribe"] is None and "/mute/" not in body(other, "html")
