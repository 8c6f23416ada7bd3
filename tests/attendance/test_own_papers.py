"""The page of a person's own papers: who may open it, what it offers, and what of it is printed."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.attendance.lists import LIST
from services.attendance.subjects import list_subject
from shared.contracts.attendance import ParticipantAttended
from shared.contracts.directory import PersonErased, PersonMerged
from shared.contracts.model import Language
from shared.state.working import Due
from shared.web.links import Link, Purpose, Signer, new_key
from tests.attendance.building import (
    ARCHIVE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    SESSION,
    day,
    heard,
    rescheduled,
    scan,
)
from tests.attendance.papers import text_of
from tests.attendance.trainer import SIGNER, TRAINER, YEAR, TrainersPage, trainers_page

STRANGER = Signer("key-1", new_key()[0], LATER + YEAR, LATER + YEAR)
NUMBER = "RC-2026-0001"
CERTIFICATE, DAY = "/certificate.pdf", "/days/day-1.pdf"
EVERYTHING = ("", CERTIFICATE, DAY)


@pytest.fixture
async def here(url: str) -> AsyncIterator[TrainersPage]:
    """Anna was there all day, Bartek for an hour, Celina not at all; the list is closed."""
    async with trainers_page(url) as page:
        await page.begin("anna", "bartek", "celina")
        await was_there(page, "anna", 360)
        await was_there(page, "bartek", 60)
        page.clock[0] = LATER
        await page.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
        yield page


async def was_there(page: TrainersPage, person: str, minutes: int) -> None:
    where = {"session_id": SESSION, "meeting_id": "day-1", "person_id": person}
    body = ParticipantAttended(**where, minutes=minutes, decided_at=DURING, scanned_at=DURING)
    await page.runtime.decider.act([heard(body, source=ARCHIVE, at=DURING)])


async def papers(
    page: TrainersPage,
    person: str,
    what: str = "",
    *,
    purpose: Purpose = Purpose.PAPERS,
    language: Language = Language.PL,
    signer: Signer = SIGNER,
) -> httpx.Response:
    link = Link("attendance", purpose, person, SESSION, language, "x", LATER + YEAR)
    return await page.http.get(f"/papers/{signer.token(link)}{what}")


def read(answer: httpx.Response) -> str:
    """What a person reads of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text[answer.text.index("<main") :])).split())


def offered(answer: httpx.Response) -> list[str]:
    """The documents that the page leads to."""
    assert answer.status_code == 200, answer.text
    return [path[path.index("/") :] for path in re.findall(r'href="([^"?]+\.pdf)', answer.text)]


async def test_who_earned_a_certificate_finds_it_and_the_confirmation_of_the_day(here: TrainersPage) -> None:
    assert offered(await papers(here, "anna")) == [CERTIFICATE, DAY]
    for what in (CERTIFICATE, DAY):
        printed = await papers(here, "anna", what)
        assert printed.headers["content-type"] == "application/pdf"
        assert "Anna Żółć" in text_of(printed.content)


@pytest.mark.parametrize(
    ("language", "words"), [(Language.PL, "nie ma zaświadczenia"), (Language.EN, "There is no certificate")]
)
async def test_who_came_and_earned_none_finds_the_confirmation_of_the_day_alone(
    here: TrainersPage, language: Language, words: str
) -> None:
    shown = await papers(here, "bartek", language=language)
    assert offered(shown) == [DAY]
    assert words in read(shown)
    assert (await papers(here, "bartek", CERTIFICATE)).status_code == 404
    assert (await papers(here, "bartek", DAY)).status_code == 200


async def test_who_did_not_come_has_nothing_to_print(here: TrainersPage) -> None:
    assert offered(await papers(here, "celina")) == []
    assert [(await papers(here, "celina", what)).status_code for what in (CERTIFICATE, DAY)] == [404, 404]


async def test_nobody_prints_what_is_another_persons(here: TrainersPage) -> None:
    printed = await papers(here, "bartek", DAY)
    assert "Bartłomiej Łoś" in text_of(printed.content) and "Anna" not in text_of(printed.content)
    assert NUMBER not in read(await papers(here, "bartek"))


async def test_a_revoked_certificate_is_shown_as_that_and_printed_no_more(here: TrainersPage) -> None:
    await was_there(here, "anna", 60)
    shown = await papers(here, "anna")
    assert offered(shown) == [DAY]
    assert "Twoje zaświadczenie straciło ważność" in read(shown)
    assert (await papers(here, "anna", CERTIFICATE)).status_code == 404


@pytest.mark.parametrize(("former", "stays"), [("anna", "celina"), ("celina", "anna")])
async def test_who_turned_out_to_be_somebody_else_finds_their_papers_by_either_link(
    here: TrainersPage, former: str, stays: str
) -> None:
    await here.hears(PersonMerged(person_id=former, into_person_id=stays))
    for one in (former, stays):
        assert offered(await papers(here, one)) == [CERTIFICATE, DAY]
        assert [(await papers(here, one, what)).status_code for what in (CERTIFICATE, DAY)] == [200, 200]
    await here.hears(PersonErased(person_id=stays))
    assert {(await papers(here, one, what)).status_code for one in (former, stays) for what in EVERYTHING} == {410}


@pytest.mark.parametrize("what", EVERYTHING)
async def test_whose_data_were_erased_has_no_papers(here: TrainersPage, what: str) -> None:
    await here.hears(PersonErased(person_id="anna"))
    assert (await papers(here, "anna", what)).status_code == 410


@pytest.mark.parametrize("what", EVERYTHING)
async def test_a_link_that_has_expired_opens_nothing(here: TrainersPage, what: str) -> None:
    here.clock[0] = LATER + 2 * YEAR
    assert (await papers(here, "anna", what)).status_code == 410


@pytest.mark.parametrize("what", EVERYTHING)
async def test_a_link_to_something_else_or_that_a_stranger_signed_opens_nothing(here: TrainersPage, what: str) -> None:
    assert (await papers(here, "anna", what, purpose=Purpose.LISTS)).status_code == 404
    assert (await papers(here, "anna", what, signer=STRANGER)).status_code == 404


async def test_a_day_that_there_is_not_is_not_found(here: TrainersPage) -> None:
    assert (await papers(here, "anna", "/days/day-9.pdf")).status_code == 404


async def test_of_a_day_that_was_moved_since_it_is_not_confirmed_that_anybody_was_there(url: str) -> None:
    """The new day lies ahead; what was scanned on the old one is kept, and says nothing of it."""
    async with trainers_page(url) as page:
        await page.begin("anna")
        await page.runtime.decider.act([scan("anna")])
        assert offered(await papers(page, "anna")) == [DAY]

        await page.runtime.decider.act([rescheduled(day(days_later=7), trainers=(TRAINER,), at=ENDS)])

        assert offered(await papers(page, "anna")) == []
        assert (await papers(page, "anna", DAY)).status_code == 404


async def test_a_day_whose_list_stays_closed_is_confirmed_wherever_it_is_moved_by_then(here: TrainersPage) -> None:
    await here.runtime.decider.act([rescheduled(day(until=17), trainers=(TRAINER,), at=LATER)])
    assert offered(await papers(here, "bartek")) == [DAY]
