"""Certificates and documents over HTTP, and the public page behind the code: on a real database."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from services.attendance.api import app_of
from services.attendance.app import service_of
from services.attendance.lists import LIST
from services.attendance.settings import AttendanceSettings
from services.attendance.subjects import list_subject
from shared.contracts.attendance import ParticipantAbsent, ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered
from shared.contracts.model import Event
from shared.contracts.rules import TopicDefined
from shared.process.runtime import Runtime
from shared.state.working import Due
from shared.web import tokens
from shared.web.pages.kit import Office, Pages
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    CLOSES,
    DURING,
    LATER,
    RULES,
    SESSION,
    day,
    enrolled,
    heard,
    mark,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)
from tests.attendance.papers import codes_on, text_of

BASE = "https://szkolenia.example.org"


@dataclasses.dataclass
class Desk:
    """The service without its Kafka, its API and its pages."""

    runtime: Runtime
    http: httpx.AsyncClient

    async def hear(self, *bodies: Event, source: str = "urn:example:outside", at: dt.datetime = BEFORE) -> None:
        for body in bodies:
            await self.runtime.decider.act([heard(body, at=at, source=source)])

    async def certify(self, *people: str, minutes: int = 360) -> None:
        """A training of one day, whose list is closed, and these people were there."""
        named = TopicDefined(
            rule_id="t", topic="climate", name_pl="Adaptacja do zmian klimatu", name_en="Climate adaptation"
        )
        await self.hear(named)
        await self.runtime.decider.act([scheduled(), *(enrolled(one) for one in people)])
        for one in people:
            await self.hear(PersonRegistered(person_id=one, given_name=one.title(), family_name="Żółć"))
            await self.was_there(one, minutes)
        await self.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])

    async def was_there(self, person: str, minutes: int) -> None:
        where = {"session_id": SESSION, "meeting_id": "day-1", "person_id": person}
        body = ParticipantAttended(**where, minutes=minutes, decided_at=DURING, scanned_at=DURING)
        await self.hear(body, source=ARCHIVE, at=DURING)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/api/v1/{path}")

    async def page(self, number: str, *, language: str = "pl") -> httpx.Response:
        """As a phone would open it that has read the code."""
        shown = (await self.get(f"certificates/{number}")).json()
        path = urlsplit(shown["page"]).path.removeprefix("/attendance")
        return await self.http.get(f"{path}?lang={language}", headers={"Authorization": ""})


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Desk]:
    text, row = tokens.new_token("office", ("read",), now=DURING)
    settings = AttendanceSettings(
        kafka="127.0.0.1:9",
        database_url=SecretStr(url),
        port=0,
        base_url=BASE,
        programme_name="Program Szkoleń dla Miast",
    )
    runtime = Runtime(dataclasses.replace(service_of(RULES), clock=lambda: LATER), settings)
    async with runtime.engine.begin() as connection:
        await tokens.store(connection, row)
    app = app_of(runtime, settings)
    Pages("services.attendance.pages", Office("Biuro", "biuro@example.org")).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://attendance", headers=headers) as client:
        yield Desk(runtime, client)
    await runtime.engine.dispose()


def read(text: str) -> str:
    """What a person reads of a page."""
    body = text[text.index("<main") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


# --- the API -----------------------------------------------------------------------------------


async def test_certificates_are_listed_by_number_of_a_person_or_a_session_and_in_pages(desk: Desk) -> None:
    await desk.certify("anna", "ewa", "jan")
    numbers = [one["number"] for one in (await desk.get(f"certificates?session_id={SESSION}")).json()]
    assert numbers == ["RC-2026-0001", "RC-2026-0002", "RC-2026-0003"]
    assert [one["person_id"] for one in (await desk.get("certificates?person_id=ewa")).json()] == ["ewa"]
    page = (await desk.get("certificates?limit=2&after=RC-2026-0001")).json()
    assert [one["number"] for one in page] == numbers[1:]
    assert (await desk.get("certificates?person_id=nobody")).json() == []


async def test_a_certificate_says_what_it_is_for_and_where_anybody_can_look(desk: Desk) -> None:
    await desk.certify("anna")
    shown = (await desk.get("certificates/RC-2026-0001")).json()
    assert (shown["minutes"], shown["teaching_hours"], shown["required_minutes"]) == (360, "8", 288)
    assert (shown["is_valid"], shown["days"]) == (True, ["2026-10-06"])
    assert re.fullmatch(f"{BASE}/attendance/certificates/RC-2026-0001/[0-9a-z]{{12}}", shown["page"])


async def test_the_chain_is_seen_from_either_end(desk: Desk) -> None:
    await desk.certify("anna")
    await desk.was_there("anna", 300)
    old, new = [(await desk.get(f"certificates/RC-2026-000{number}")).json() for number in (1, 2)]
    assert (old["is_valid"], old["ended"], old["superseded_by"]) == (False, "corrected", "RC-2026-0002")
    assert (new["is_valid"], new["supersedes"], new["minutes"]) == (True, "RC-2026-0001", 300)


@pytest.mark.parametrize("what", ["certificates/none", "certificates/none/pdf", "sessions/none/list/pdf"])
async def test_what_is_not_known_is_not_found(desk: Desk, what: str) -> None:
    assert (await desk.get(what)).status_code == 404


# --- what is printed ---------------------------------------------------------------------------


async def test_a_certificate_is_printed_the_same_every_time_and_its_code_leads_to_its_page(desk: Desk) -> None:
    await desk.certify("anna")
    first, again = [await desk.get("certificates/RC-2026-0001/pdf") for _ in range(2)]
    assert (first.status_code, first.headers["content-type"]) == (200, "application/pdf")
    assert first.content == again.content
    for part in (
        "Anna Żółć",
        "RC-2026-0001",
        "Adaptacja do zmian klimatu",
        "6 godz. zegarowych czyli 8 godz. lekcyjnych",
    ):
        assert part in text_of(first.content)
    assert codes_on(first.content) == [(await desk.get("certificates/RC-2026-0001")).json()["page"]]


async def test_a_certificate_is_printed_in_english_too(desk: Desk) -> None:
    await desk.certify("anna")
    said = text_of((await desk.get("certificates/RC-2026-0001/pdf?language=en")).content)
    assert "Climate adaptation" in said and "8 teaching hours" in said


async def test_of_somebody_who_is_erased_the_evidence_stays_and_the_name_goes(desk: Desk) -> None:
    await desk.certify("anna")
    await desk.hear(PersonErased(person_id="anna"), at=LATER)
    assert (await desk.get("certificates/RC-2026-0001")).json()["is_valid"]
    said = text_of((await desk.get("certificates/RC-2026-0001/pdf")).content)
    assert "Żółć" not in said and "dane usunięte lub nieznane" in said


async def test_the_certificate_of_somebody_who_turned_out_to_be_somebody_else_bears_their_name(desk: Desk) -> None:
    await desk.certify("anna")
    await desk.hear(PersonRegistered(person_id="ania", given_name="Anna", family_name="Ćwik"))
    await desk.hear(PersonMerged(person_id="anna", into_person_id="ania"), at=LATER)
    assert "Anna Ćwik" in text_of((await desk.get("certificates/RC-2026-0001/pdf")).content)


async def test_a_name_that_is_put_right_is_no_other_certificate(desk: Desk) -> None:
    await desk.certify("anna")
    await desk.hear(PersonRegistered(person_id="anna", given_name="Anna", family_name="Kowalska"), at=LATER)
    await desk.was_there("anna", 360)
    assert len((await desk.get("certificates")).json()) == 1
    assert "Anna Kowalska" in text_of((await desk.get("certificates/RC-2026-0001/pdf")).content)


async def test_a_list_names_who_has_a_place_in_polish_order_and_neither_mail_nor_phone(desk: Desk) -> None:
    await desk.runtime.decider.act([scheduled(), *(enrolled(one) for one in ("a", "b", "c"))])
    for person, family in (("a", "Zych"), ("b", "Ćwik"), ("c", "Czech")):
        await desk.hear(PersonRegistered(person_id=person, given_name="Jan", family_name=family))
    printed = await desk.get(f"sessions/{SESSION}/meetings/day-1/list/pdf?empty_rows=2")
    said = text_of(printed.content)
    assert "1 Czech Jan 2 Ćwik Jan 3 Zych Jan 4 5" in said
    assert "6 października 2026, 9:00–15:00" in said
    assert "@" not in said
    assert (await desk.get(f"sessions/{SESSION}/list/pdf?language=en")).status_code == 200


async def test_the_list_of_a_day_that_is_over_names_who_trained_it_and_whoever_trains_since_as_who_came(
    desk: Desk,
) -> None:
    """Printed when Ola trains, who was a participant on the first day; as its list, its reports and its certificates say."""
    days = (day(), day("day-2", days_later=1))
    for person, family in (("ola", "Sum"), ("teresa", "Żak")):
        await desk.hear(PersonRegistered(person_id=person, given_name=person.title(), family_name=family))
    await desk.runtime.decider.act([scheduled(*days, trainers=("teresa",)), enrolled("ola"), scan("ola")])
    await desk.runtime.decider.act([rescheduled(*days, trainers=("ola",), at=CLOSES)])

    printed = [await desk.get(f"sessions/{SESSION}/{of}list/pdf") for of in ("meetings/day-1/", "meetings/day-2/", "")]
    first, second, both = (text_of(one.content) for one in printed)
    assert ("Teresa Żak" in first, "Ola Sum" in first, "1 Sum Ola" in first) == (True, False, True)
    assert ("Teresa Żak" in second, "Ola Sum" in second, "Sum Ola" in second) == (False, True, False)
    assert ("Teresa Żak" in both, "Ola Sum" in both, "Sum Ola" in both) == (True, True, False)


async def test_the_list_of_a_day_that_has_closed_names_whom_it_awaited_and_nobody_who_came_in_since(desk: Desk) -> None:
    """Jan gives his place back for the second day, and Ewa has it. Printed for an auditor, the first day's list says what its records say."""
    days = (day(), day("day-2", days_later=1))
    for person, family in (("anna", "Sum"), ("jan", "Lin"), ("ewa", "Karp")):
        await desk.hear(PersonRegistered(person_id=person, given_name=person.title(), family_name=family))
    await desk.runtime.decider.act([scheduled(*days), enrolled("anna"), enrolled("jan"), scan("anna")])
    await desk.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
    await desk.runtime.decider.act([withdrawn("jan", at=LATER), enrolled("ewa", at=LATER)])

    printed = [await desk.get(f"sessions/{SESSION}/{of}list/pdf") for of in ("meetings/day-1/", "meetings/day-2/", "")]
    first, second, both = (text_of(one.content) for one in printed)
    assert ("Lin Jan" in first, "Karp Ewa" in first) == (True, False)
    assert ("Lin Jan" in second, "Karp Ewa" in second) == (False, True)
    assert ("Lin Jan" in both, "Karp Ewa" in both) == (True, True)


async def test_whoever_came_without_a_place_on_the_day_from_which_it_was_moved_is_not_on_the_new_ones_list(
    desk: Desk,
) -> None:
    await desk.hear(PersonRegistered(person_id="ola", given_name="Ola", family_name="Sum"))
    await desk.runtime.decider.act([scheduled(), enrolled("anna"), mark("ola")])
    await desk.runtime.decider.act([rescheduled(day(days_later=7), at=DURING)])

    printed = await desk.get(f"sessions/{SESSION}/meetings/day-1/list/pdf")
    assert "Sum Ola" not in text_of(printed.content)


async def test_a_day_is_confirmed_to_who_was_there_and_to_nobody_else(desk: Desk) -> None:
    await desk.certify("anna", minutes=100)  # Too little for a certificate.
    at = f"sessions/{SESSION}/meetings/day-1/people"
    said = text_of((await desk.get(f"{at}/anna/confirmation/pdf")).content)
    assert "Anna Żółć" in said and "1 godz. zegarowych 40 min" in said
    assert (await desk.get("certificates")).json() == []
    for person in ("nobody", "gone"):
        gone = ParticipantAbsent(session_id=SESSION, meeting_id="day-1", person_id="gone", decided_at=DURING)
        await desk.hear(gone, source=ARCHIVE, at=DURING)
        refused = await desk.get(f"{at}/{person}/confirmation/pdf")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:rollcall:problem:not-there")


async def test_a_day_that_was_called_otherwise_after_its_list_had_closed_is_confirmed_as_it_was(desk: Desk) -> None:
    """Whoever was there has travelled, whatever the planner calls it by now."""
    await desk.certify("anna", minutes=100)
    await desk.runtime.decider.act([rescheduled(day("d-1", days_later=9), at=LATER)])

    at = f"sessions/{SESSION}/meetings/day-1/people"
    said = text_of((await desk.get(f"{at}/anna/confirmation/pdf")).content)
    assert "6 października 2026" in said and "1 godz. zegarowych 40 min" in said
    assert (await desk.get(f"{at}/nobody/confirmation/pdf")).status_code == 404


# --- the public page ---------------------------------------------------------------------------


async def test_the_page_says_in_both_languages_that_a_certificate_is_valid_and_never_whose_it_is(desk: Desk) -> None:
    await desk.certify("anna")
    polish, english = await desk.page("RC-2026-0001"), await desk.page("RC-2026-0001", language="en")
    assert (polish.status_code, english.status_code) == (200, 200)
    for part in ("Ważne", "RC-2026-0001", "Adaptacja do zmian klimatu", "wtorek, 6 października 2026"):
        assert part in read(polish.text)
    for part in ("Valid", "RC-2026-0001", "Climate adaptation", "Tuesday, 6 October 2026"):
        assert part in read(english.text)
    for page in (polish.text, english.text):
        assert "Żółć" not in page and "anna" not in page.lower()


async def test_the_page_of_one_that_was_replaced_or_revoked_says_so_and_by_what(desk: Desk) -> None:
    await desk.certify("anna", "ewa")
    await desk.was_there("anna", 300)
    await desk.was_there("ewa", 10)
    replaced = read((await desk.page("RC-2026-0001")).text)
    assert "Nieważne" in replaced and "Zastąpione przez RC-2026-0003" in replaced
    assert "Zastępuje RC-2026-0001" in read((await desk.page("RC-2026-0003")).text)
    assert "zostało unieważnione" in read((await desk.page("RC-2026-0002")).text)


async def test_the_page_of_one_without_a_topic_names_the_training_as_the_certificate_does(desk: Desk) -> None:
    imported = CertificateIssued(
        number="OLD-1", series="OLD", serial=1, session_id="workshop-7", person_id="p", minutes=90, code="k7m2q9x4tbwe",
        issued_on=BEFORE.date(), decided_at=BEFORE,
    )  # fmt: skip
    await desk.hear(imported, source=ARCHIVE)
    assert "Szkolenie workshop-7" in read((await desk.page("OLD-1")).text)
    printed = text_of((await desk.get("certificates/OLD-1/pdf")).content)
    assert "workshop-7" in printed and "w dniach" not in printed  # Which days these were it does not say.


async def test_a_number_without_its_code_shows_what_a_number_that_there_is_not_shows(desk: Desk) -> None:
    await desk.certify("anna")
    known = CertificateIssued(
        number="OLD-1", series="OLD", serial=1, session_id="s", person_id="p", minutes=9, issued_on=BEFORE.date(),
        decided_at=BEFORE,
    )  # fmt: skip  # Imported without a code.
    await desk.hear(known, source=ARCHIVE)
    paths = ("RC-2026-0001", "RC-2026-0001/000000000000", "RC-2026-0099/000000000000", "OLD-1/None", "OLD-1", "%00/x")
    shown = [await desk.http.get(f"/certificates/{path}") for path in paths]
    assert {one.status_code for one in shown} == {404}
    assert {read(one.text) for one in shown} == {read(shown[0].text)}
    assert "Nie ma tu takiego zaświadczenia" in read(shown[0].text)


async def test_the_code_is_read_also_as_somebody_types_it(desk: Desk) -> None:
    await desk.certify("anna")
    path = urlsplit((await desk.get("certificates/RC-2026-0001")).json()["page"]).path.removeprefix("/attendance")
    number, code = path.rsplit("/", 1)
    assert (await desk.http.get(f"{number}/{code.upper()}")).status_code == 200
