"""Calendars that people subscribe to: what stands in them, for whom they are open, and that a program asks for them cheaply."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import recurring_ical_events
from icalendar import Calendar
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.api import app_of
from services.notifications.calendar import as_trainer, entry_uid, town_uid
from services.notifications.feeds import LAST_SEQUENCE, Listed, Whose, feed, has_it, sequence_of, tag_of
from services.notifications.kinds import KINDS, Subject
from services.notifications.ledger import nothing_yet, told_after
from services.notifications.linking import OWN, Links
from services.notifications.place_sheet import place_sheet
from services.notifications.settings import NotificationsSettings
from services.notifications.sheets import Feed
from services.notifications.state import CANCELLED, SCHEDULED, Session
from services.notifications.templates.wording import OURS
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import CallEnd, Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Mutable
from shared.contracts.planner import SessionKind
from shared.process.runtime import Runtime
from shared.state.rows import Row
from shared.web.pages.kit import Office as PagesOffice
from shared.web.pages.kit import Pages
from tests.notifications.building import (
    BEFORE,
    MONDAY,
    NOW,
    TUESDAY,
    call,
    content,
    meeting,
    member,
    notice,
    person,
    place,
    said_then,
    session,
    topic,
    town,
)
from tests.notifications.mails import body, brief_mail, session_mail
from tests.notifications.office import SERVICE, write_rows
from tests.notifications.test_ticket import written

BASE = "https://rollcall.example.org"
FILE = "szkolenia.ics"
TOWN = "geonames:776597"
DAY = dt.timedelta(days=1)
OWN_WORDS = Whose(OURS.common[Language.PL], "biuro@example.org")


def listed(*meetings: Any, **changes: Any) -> Listed:
    one = Listed(
        entry_uid("session-1", "person-1"), 1, BEFORE, False, SessionKind.SUPPLEMENTARY, "Klimat", "Augustów",
        "Urząd, sala 12", "ul. Młyńska 35", meetings or (MONDAY,),
    )  # fmt: skip
    return replace(one, **changes)


def read(content: bytes) -> Any:
    return Calendar.from_ical(content)


def shown(content: bytes, year: int = 2026) -> list[tuple[str, str]]:
    """What a program shows in that year, in UTC."""
    found = recurring_ical_events.of(read(content)).between((year, 1, 1), (year + 1, 1, 1))
    return sorted((f"{one['DTSTART'].dt.astimezone(dt.UTC):%m-%d %H:%M}", str(one["SUMMARY"])) for one in found)


# --- what stands in it -------------------------------------------------------------------------


def test_a_calendar_says_what_it_is_called_and_how_often_to_look() -> None:
    calendar = read(feed(OWN_WORDS, []))
    assert str(calendar["NAME"]) == str(calendar["X-WR-CALNAME"]) == "Moje szkolenia"
    assert calendar["REFRESH-INTERVAL"].to_ical() == b"PT1H"
    lines = feed(OWN_WORDS, []).decode().split("\r\n")
    assert {"REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"} <= set(lines)
    assert "METHOD" not in calendar, "it asks nobody for anything"


def test_an_entry_is_called_and_numbered_as_the_invitation_to_it() -> None:
    (event,) = read(feed(OWN_WORDS, [listed()])).walk("VEVENT")
    assert (str(event["UID"]), event["SEQUENCE"]) == (entry_uid("session-1", "person-1"), 1)
    assert (str(event["STATUS"]), event["DTSTAMP"].dt) == ("CONFIRMED", BEFORE)
    assert str(event["SUMMARY"]) == "Szkolenie: Klimat"
    assert str(event["LOCATION"]) == "Urząd, sala 12, ul. Młyńska 35, Augustów"
    assert "ATTENDEE" not in event and "ORGANIZER" not in event


def test_what_is_off_says_so() -> None:
    for meetings in ((MONDAY,), (MONDAY, TUESDAY)):
        (event,) = read(feed(OWN_WORDS, [listed(*meetings, is_off=True)])).walk("VEVENT")
        assert str(event["STATUS"]) == "CANCELLED"


def test_every_day_of_a_session_and_every_session_is_shown_at_its_hour_on_both_nights_of_the_year() -> None:
    spring = meeting("2026-03-28T09:00", "2026-03-28T15:00"), meeting("2026-03-30T09:00", "2026-03-30T15:00", "day-2")
    autumn = meeting("2026-10-24T09:00", "2026-10-24T15:00"), meeting("2026-10-25T09:00", "2026-10-25T15:00", "day-2")
    night = meeting("2026-10-25T02:30", "2026-10-25T03:30")
    summer = replace(listed(*spring), uid="a"), replace(listed(*autumn), uid="b"), replace(listed(night), uid="c")
    whole = feed(OWN_WORDS, summer)
    assert [at for at, _ in shown(whole)] == ["03-28 08:00", "03-30 07:00", "10-24 07:00", "10-25 00:30", "10-25 08:00"]
    calendar = read(whole)
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Warsaw"]
    named = [component.name for component in calendar.subcomponents]
    assert named.index("VTIMEZONE") < named.index("VEVENT")


def test_sessions_in_two_zones_each_have_theirs() -> None:
    far = listed(meeting("2026-11-23T09:00", "2026-11-23T15:00").model_copy(update={"zone": "Europe/Kyiv"}), uid="b")
    zones = {str(one["TZID"]) for one in read(feed(OWN_WORDS, [listed(), far])).walk("VTIMEZONE")}
    assert zones == {"Europe/Warsaw", "Europe/Kyiv"}


def test_a_towns_calendar_tells_how_many_and_names_nobody() -> None:
    whose = Whose(OURS.common[Language.PL], "biuro@example.org", "Augustów")
    calendar = read(feed(whose, [listed(people=3, sequence=2**40)]))
    (event,) = calendar.walk("VEVENT")
    assert str(calendar["NAME"]) == "Szkolenia: Augustów"
    assert "Osoby z miasta Augustów, które mają miejsce: 3" in str(event["DESCRIPTION"])
    assert event["SEQUENCE"] == LAST_SEQUENCE


def test_a_towns_entry_is_never_taken_for_that_of_a_person_of_the_same_id() -> None:
    assert town_uid("session-1", "ada") not in (
        entry_uid("session-1", "ada"),
        entry_uid(as_trainer("session-1"), "ada"),
    )


def test_the_number_is_the_one_of_the_mail_that_tells_it() -> None:
    monday, tuesday = session(MONDAY), session(TUESDAY)
    told = told_after(None, notice(said=content(monday), sequence=2))
    assert sequence_of(None, monday.content) == 0
    assert sequence_of(told, monday.content) == 2
    assert sequence_of(told, tuesday.content) == 3, "as the mail about it will have"
    assert sequence_of(told, None) == 3
    assert sequence_of(nothing_yet("person-1", "place/session-1"), None) == 0


def test_the_same_is_the_same_bytes_and_another_another_tag() -> None:
    assert feed(OWN_WORDS, [listed()]) == feed(OWN_WORDS, [listed()])
    tag = tag_of(feed(OWN_WORDS, [listed()]))
    assert tag != tag_of(feed(OWN_WORDS, [listed(TUESDAY)]))
    assert has_it([f'"x", W/{tag}'], tag) and has_it([tag], tag) and has_it(["*"], tag)
    assert not has_it([], tag) and not has_it(['"x"'], tag)


# --- which mails lead there ----------------------------------------------------------------------


def leading(mail: Any, sheet: Any) -> EmailMessage:
    return written(mail, sheet, calendar_of=lambda feed, language, who: f"{BASE}/{feed.city_id}/{language}/{who}")


@pytest.mark.parametrize("language", Language)
def test_a_mail_about_ones_own_place_or_training_leads_to_ones_own_calendar(language: Language) -> None:
    training = KINDS[Subject.TRAINING].sheet
    for mail, sheet in ((session_mail(language=language), place_sheet), (session_mail(language=language), training)):
        message, address = leading(mail, sheet), f"{BASE}/None/{language}/person-0001"
        assert f"{OURS.common[language].feed.own_label}: {address}" in " ".join(body(message, "plain").split())
        assert f'href="{address}"' in body(message, "html")


def test_a_call_to_nominate_leads_to_the_calendar_of_that_town() -> None:
    mail = brief_mail("call", town="Augustów", town_id=TOWN, moment=NOW, figures=(("places", 4),))
    message = leading(mail, KINDS[Subject.CALL].sheet)
    text = " ".join(body(message, "plain").split())
    assert f"{OURS.common[Language.PL].feed.town_label}: {BASE}/{TOWN}/pl/person-0001" in text
    assert BASE not in body(leading(replace(mail, town_id=None), KINDS[Subject.CALL].sheet), "plain")


def test_a_mail_that_leads_nowhere_leads_to_no_calendar() -> None:
    assert OURS.common[Language.PL].feed.own_label not in body(written(session_mail()), "plain")


# --- for whom ------------------------------------------------------------------------------------


@dataclass
class Here:
    """A service with its pages, and its links."""

    client: httpx.AsyncClient
    engine: AsyncEngine
    links: Links

    async def knows(self, *rows: Row) -> None:
        said = [said_then(row) for row in rows if type(row) is Session]
        async with self.engine.begin() as connection:
            await write_rows(connection, *rows, *said)

    def link(self, feed: Feed = Feed(), language: Language = Language.PL) -> str:  # A value.
        return self.links.to_calendar(feed, language, "person-1").removeprefix(f"{BASE}/{OWN}")

    async def fetch(self, feed: Feed = Feed(), **headers: str) -> httpx.Response:  # A value.
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(f"{self.link(feed)}/{FILE}", headers=named)

    async def events(self, feed: Feed = Feed()) -> dict[str, str]:  # A value.
        """The status of each entry, by its UID."""
        answer = await self.fetch(feed)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
        return {str(one["UID"]): str(one["STATUS"]) for one in read(answer.content).walk("VEVENT")}


@pytest.fixture
async def here(engine: AsyncEngine, database_url: str) -> AsyncIterator[Here]:
    settings = NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url), base_url=BASE)
    runtime = Runtime(SERVICE, settings)
    runtime.own_heard.set()
    links = Links(runtime.decider, BASE)
    await links.all_ready()
    app = app_of(runtime)
    Pages("services.notifications.pages", PagesOffice("Biuro", "biuro@example.org")).add_to(app, runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://n") as client:
        its = Here(client, engine, links)
        await its.knows(person(), topic(), town(), session())
        yield its
    await runtime.engine.dispose()


UID = entry_uid("session-1", "person-1")
TOWNS = Feed(TOWN)
COORDINATOR = member("person-1", kind=MemberKind.COORDINATOR)


async def test_whoever_has_a_place_finds_it_moved_cancelled_and_held_again(here: Here) -> None:
    assert await here.events() == {}
    await here.knows(place())
    assert await here.events() == {UID: "CONFIRMED"}
    await here.knows(replace(session(TUESDAY), version=2))
    assert shown((await here.fetch()).content) == [("11-24 08:00", "Szkolenie: Adaptacja do zmian klimatu")]
    await here.knows(replace(session(TUESDAY), version=3, state=CANCELLED))
    assert await here.events() == {UID: "CANCELLED"}
    await here.knows(replace(session(TUESDAY), version=4, state=SCHEDULED))
    assert await here.events() == {UID: "CONFIRMED"}


@pytest.mark.parametrize("state", [Standing.WITHDRAWN, Standing.WAITLISTED, Standing.OFFERED])
async def test_a_place_that_is_gone_is_called_off_where_a_mail_has_told_of_it_and_else_is_not_there(
    here: Here, state: Standing
) -> None:
    gone = place(state, queue=1, version=2)
    await here.knows(gone)
    assert await here.events() == {}
    await here.knows(told_after(None, notice(said=content(), about="place/session-1")))
    assert await here.events() == {UID: "CANCELLED"}


async def test_a_training_that_one_holds_oneself_is_an_entry_of_its_own(here: Here) -> None:
    await here.knows(place(), replace(session(), version=2, trainers=("person-1", "person-2")))
    training = entry_uid(as_trainer("session-1"), "person-1")
    assert await here.events() == {UID: "CONFIRMED", training: "CONFIRMED"}


async def test_a_draft_that_was_never_announced_was_not_called_off(here: Here) -> None:
    draft = session(session_id="session-2", state=CANCELLED)
    await here.knows(draft, place(session_id="session-2"), place())
    assert await here.events() == {UID: "CONFIRMED"}


async def test_what_was_over_a_year_ago_is_not_shown_any_more(here: Here) -> None:
    long_ago = meeting("2025-11-10T09:00", "2025-11-10T15:00")
    await here.knows(session(long_ago, session_id="session-2"), place(session_id="session-2"), place())
    assert await here.events() == {UID: "CONFIRMED"}


async def test_nobody_sees_what_is_somebody_elses(here: Here) -> None:
    await here.knows(place(person_id="person-2"), person("person-2"))
    assert await here.events() == {}


async def test_a_program_that_has_it_is_told_so_and_one_that_has_not_gets_it(here: Here) -> None:
    await here.knows(place())
    first = await here.fetch()
    assert first.headers["cache-control"] == "private, max-age=900"
    tag = first.headers["etag"]
    again = await here.fetch(if_none_match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await here.knows(replace(session(TUESDAY), version=2))
    changed = await here.fetch(if_none_match=tag)
    assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)
    head = await here.client.head(f"{here.link()}/{FILE}")
    assert (head.status_code, head.headers["etag"]) == (200, changed.headers["etag"])


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (replace(person(), version=2, erased=True, given_name=None, family_name=None), 410),
        (replace(person(), version=2, merged_into="person-2", given_name=None, family_name=None), 410),
    ],
)
async def test_the_link_of_whoever_is_erased_or_somebody_else_by_now_opens_nothing(
    here: Here, who: Row, code: int
) -> None:
    await here.knows(place(), who, COORDINATOR)
    for its in (Feed(), TOWNS):
        answer = await here.fetch(its)
        assert (answer.status_code, answer.content) == (code, b"")
        assert (await here.client.get(here.link(its))).status_code == code


async def test_the_link_of_somebody_who_is_not_known_here_yet_says_so(here: Here) -> None:
    link = here.links.to_calendar(Feed(), Language.PL, "person-9").removeprefix(f"{BASE}/{OWN}")
    assert (await here.client.get(f"{link}/{FILE}")).status_code == 404


async def test_a_towns_calendar_has_what_is_for_its_people_and_nobodys_own_entries(here: Here) -> None:
    elsewhere, theirs, called, ended = (
        session(session_id=f"session-{number}", city_id="geonames:1", kind=SessionKind.IN_DEPTH)
        for number in (2, 3, 4, 5)
    )
    await here.knows(
        COORDINATOR,
        elsewhere,
        theirs,
        called,
        ended,
        place(person_id="person-1"),
        place(person_id="person-2", session_id="session-3"),
        call(session_id="session-4"),
        call(session_id="session-5", ended=CallEnd.TOWN_NOT_ELIGIBLE),
        replace(elsewhere, session_id="session-6"),
        call(NOW - DAY, session_id="session-6"),
    )
    expected = {town_uid(f"session-{number}", TOWN): "CONFIRMED" for number in (1, 3, 4)}
    assert await here.events(TOWNS) == expected
    answer = await here.fetch(TOWNS)
    assert "person-" not in answer.text and "Wiśniewska" not in answer.text
    assert town_uid("session-1", TOWN) != UID


@pytest.mark.parametrize(
    "was",
    [
        replace(COORDINATOR, kind=MemberKind.PROJECT_STAFF),
        replace(COORDINATOR, until_date=(NOW - DAY).date()),
        replace(COORDINATOR, from_date=(NOW + DAY).date()),
        replace(COORDINATOR, city_id="geonames:1"),
    ],
)
async def test_a_towns_link_ends_with_the_office_of_who_has_it(here: Here, was: Row) -> None:
    await here.knows(was)
    assert (await here.fetch(TOWNS)).status_code == 410
    assert (await here.client.get(here.link(TOWNS))).status_code == 410
    assert (await here.fetch()).status_code == 200, "their own is theirs"


async def test_a_link_for_something_else_opens_no_calendar(here: Here) -> None:
    mute = here.links.to_mute(Mutable.REMINDERS, Language.PL, "person-1").rpartition("/")[2]
    altered = here.link()[:-2] + ("AA" if here.link()[-2:] != "AA" else "BB")
    for path in (f"/calendar/{mute}", altered, "/calendar/x"):
        assert (await here.client.get(path)).status_code == 404
        assert (await here.client.get(f"{path}/{FILE}")).status_code == 404
    assert (await here.client.get(f"/mute/{here.link().rpartition('/')[2]}")).status_code == 404


@pytest.mark.parametrize(("its", "says"), [(Feed(), "Your trainings"), (TOWNS, "The trainings of Augustów")])
async def test_the_page_leads_a_program_to_the_calendar_and_names_nobody(here: Here, its: Feed, says: str) -> None:
    await here.knows(COORDINATOR, place())
    link = here.link(its, Language.EN)
    page = await here.client.get(link)
    assert (page.status_code, says in page.text) == (200, True)
    assert f'href="webcal://rollcall.example.org/notifications{link}/{FILE}"' in page.text
    assert f"{BASE}/notifications{link}/{FILE}" in page.text
    assert "person-1" not in page.text and "Wiśniewska" not in page.text
