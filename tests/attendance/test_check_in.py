"""Checking in by oneself over HTTP: a link of one's own and the code on the room's screen, from both sides."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.attendance.rooms import MOST_WRONG, ROOM_TEXTS, RoomRule, RoomRules
from services.attendance.state import Record
from shared.contracts.attendance import Method, Presence
from shared.contracts.directory import PersonMerged
from shared.web.links import new_key
from tests.attendance.building import (
    DURING,
    ENDS,
    SESSION,
    STARTS,
    cancelled,
    close,
    day,
    rescheduled,
    scheduled,
    withdrawn,
)
from tests.attendance.test_pages import read
from tests.attendance.trainer import SIGNER, TRAINER, TrainersPage, trainers_page

ROOMS = RoomRules()
SHOWN = ROOMS.shown_from(DURING)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
async def here(url: str) -> AsyncIterator[TrainersPage]:
    async with trainers_page(url) as page:
        yield page


async def screen(here: TrainersPage, by: str = TRAINER) -> httpx.Response:
    """What the room's screen shows, opened from the trainer's page."""
    path = here.path(by)
    led = re.search(r'href="\.\./(room/[^"?]+)', (await here.http.get(path)).text)
    assert led is not None, "the trainer's page leads to no screen"
    return await here.http.get(f"/{led[1]}?lang=en")


def code_on(page: httpx.Response) -> str:
    found = re.search(r'aria-label="((?:\d ){5}\d)"', page.text)
    assert found is not None, read(page.text)
    return found[1].replace(" ", "")


def link(here: TrainersPage, person: str = "anna") -> str:
    return f"/check-in/{here.ticket(person)}?lang=en"


async def types(here: TrainersPage, code: str, person: str = "anna") -> httpx.Response:
    return await here.http.post(link(here, person), data={"code": code})


async def record(here: TrainersPage, person: str = "anna") -> Record:
    return (await here.records())[person]


def says(page: httpx.Response, rule: RoomRule) -> bool:
    return ROOM_TEXTS[rule][0] in read(page.text)


async def test_the_code_on_the_screen_and_ones_own_link_together_say_that_somebody_is_here(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    asked = await here.http.get(link(here))
    assert asked.status_code == 200 and "Code from the screen" in read(asked.text)
    code = code_on(await screen(here))
    answer = await types(here, code)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{here.ticket('anna')}?lang=en")
    came = await record(here)
    assert (came.state, came.method, came.decided_by) == (Presence.PRESENT, Method.SELF, None)
    assert "Your presence is recorded since" in read((await here.http.get(link(here))).text)
    assert "People here so far: 1" in read((await screen(here)).text)
    assert "bartek" not in await here.records()


async def test_when_the_code_was_shown_and_when_it_was_sent_stand_apart(here: TrainersPage) -> None:
    await here.begin("anna")
    code = code_on(await screen(here))
    here.clock[0] = DURING + MINUTE
    assert (await types(here, code)).status_code == 303
    came = await record(here)
    assert (came.scanned_at, came.received_at) == (SHOWN, DURING + MINUTE)


async def test_the_same_code_sent_twice_at_once_is_one_scan(here: TrainersPage) -> None:
    await here.begin("anna")
    code = code_on(await screen(here))
    answers = await asyncio.gather(*(types(here, code) for _ in range(3)))
    here.clock[0] += MINUTE
    answers.append(await types(here, code))
    assert [one.status_code for one in answers] == [303] * 4
    assert await here.said() == 1


async def test_looking_changes_nothing_and_neither_a_link_nor_a_code_alone_admits(here: TrainersPage) -> None:
    await here.begin("anna")
    code = code_on(await screen(here))
    for path in (link(here), f"{link(here)}&code={code}"):
        assert (await here.http.get(path)).status_code == 200
    forged = dataclasses.replace(SIGNER, private_key=new_key()[0])
    for token in ("x", here.path().rpartition("/")[2], here.ticket("anna", signer=forged)):
        for answer in (await here.http.get(f"/check-in/{token}"),
                       await here.http.post(f"/check-in/{token}", data={"code": code})):  # fmt: skip
            assert answer.status_code == 404, token
    assert says(await types(here, ""), RoomRule.CODE_WRONG)
    assert await here.records() == {}


async def test_what_a_code_is_refused_for_is_said_by_name_in_both_languages(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([scheduled(session_id="session-0002", trainers=("tomek",))])
    code = code_on(await screen(here))
    wrong = await types(here, "000000")
    assert wrong.status_code == 409 and says(wrong, RoomRule.CODE_WRONG)
    in_polish = await here.http.post(link(here).replace("lang=en", "lang=pl"), data={"code": "000000"})
    assert ROOM_TEXTS[RoomRule.CODE_WRONG][1] in read(in_polish.text)
    foreign = await here.http.post(
        f"/check-in/{here.ticket('anna', session_id='session-0002')}?lang=en", data={"code": code}
    )
    assert says(foreign, RoomRule.CODE_OF_ANOTHER_MEETING)
    here.clock[0] = DURING + 3 * MINUTE
    assert says(await types(here, code), RoomRule.CODE_TOO_OLD)
    here.clock[0] = STARTS - 2 * dt.timedelta(hours=1)
    early = await types(here, code)
    assert early.status_code == 403 and says(early, RoomRule.CHECK_IN_TOO_EARLY)
    here.clock[0] = ENDS + dt.timedelta(hours=1)
    late = await types(here, code)
    assert late.status_code == 410 and says(late, RoomRule.CHECK_IN_TOO_LATE)
    assert await here.records() == {}


async def test_whoever_gave_the_place_back_is_sent_to_the_trainer(here: TrainersPage) -> None:
    await here.begin("anna")
    code = code_on(await screen(here))
    await here.runtime.decider.act([withdrawn("anna", at=DURING)])
    refused = await types(here, code)
    assert refused.status_code == 403 and says(refused, RoomRule.NOT_ON_THE_LIST)
    assert 'name="code"' not in (await here.http.get(link(here))).text
    assert await here.records() == {}


async def test_the_link_of_before_lets_in_who_turned_out_to_be_somebody_else(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    await here.hears(PersonMerged(person_id="bartek", into_person_id="anna"))
    await here.runtime.decider.act([withdrawn("bartek", at=DURING)])
    code = code_on(await screen(here))
    assert (await types(here, code, "bartek")).status_code == 303
    assert (await record(here)).state is Presence.PRESENT
    for person in ("anna", "bartek"):
        assert "Your presence is recorded since" in read((await here.http.get(link(here, person))).text)


async def test_who_guesses_is_stopped_and_cannot_come_in_with_the_right_code_after_that(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    code = code_on(await screen(here))
    wrong = [f"{number:06}" for number in range(MOST_WRONG + 1) if f"{number:06}" != code][:MOST_WRONG]
    for one in wrong:
        assert says(await types(here, one), RoomRule.CODE_WRONG)
    stopped = await types(here, code)
    assert stopped.status_code == 429 and says(stopped, RoomRule.TOO_MANY_CODES)
    assert (await types(here, code, "bartek")).status_code == 303
    assert set(await here.records()) == {"bartek"}


async def test_the_trainers_word_stands_against_a_code_that_was_shown_before_it(here: TrainersPage) -> None:
    await here.begin("anna")
    code = code_on(await screen(here))
    await here.tap("anna", "absent")
    answer = await types(here, code)
    assert answer.status_code == 409 and "The list says otherwise" in read(answer.text)
    here.clock[0] += MINUTE
    assert (await types(here, code_on(await screen(here)))).status_code == 303
    assert (await record(here)).state is Presence.PRESENT


async def test_of_a_training_that_was_called_off_nobody_checks_in(here: TrainersPage) -> None:
    await here.begin("anna")
    shown, code = await screen(here), code_on(await screen(here))
    assert shown.status_code == 200
    await here.runtime.decider.act([cancelled(at=DURING)])
    answer = await types(here, code)
    assert answer.status_code == 409 and "does not take place" in read(answer.text)
    assert await here.records() == {}


async def test_the_screen_shows_no_code_before_the_hour_and_none_once_the_list_has_closed(here: TrainersPage) -> None:
    await here.begin("anna")
    led = str((await screen(here)).url.path)
    here.clock[0] = STARTS - dt.timedelta(hours=1) - MINUTE
    early = await here.http.get(f"{led}?lang=en")
    assert early.status_code == 200 and "6 October 2026, 8:00" in read(early.text) and "digits" not in early.text
    here.clock[0] = DURING
    await here.runtime.decider.act([close(at=DURING)])
    over = await here.http.get(f"{led}?lang=en")
    assert "Check-in is over" in read(over.text) and "digits" not in over.text


async def test_the_screens_address_opens_no_list_and_dies_with_the_trainer(here: TrainersPage) -> None:
    await here.begin("anna")
    shown = await screen(here)
    path = shown.url.path
    token = here.path().rpartition("/")[2]
    assert token not in shown.text and token not in path and "Żółć" not in shown.text
    assert (await here.http.get(path.replace("day-1", "day-2"))).status_code == 404
    assert (await here.http.get(f"{path[:-1]}{'0' if path[-1] != '0' else '1'}")).status_code == 404
    assert (await here.http.get(f"/lists/{path.rpartition('/')[2]}")).status_code == 404
    await here.runtime.decider.act([rescheduled(trainers=("zofia",), at=DURING)])
    assert (await here.http.get(path)).status_code == 404


async def test_every_process_shows_the_same_code(here: TrainersPage, url: str) -> None:
    await here.begin("anna")
    from services.attendance.store import room_key

    keys = await asyncio.gather(*(room_key(here.runtime.engine) for _ in range(5)))
    assert len(set(keys)) == 1 and code_on(await screen(here)) == ROOMS.code(keys[0], SESSION, "day-1", DURING)


async def test_whoever_was_here_on_the_day_from_which_it_was_moved_checks_in_anew(here: TrainersPage) -> None:
    """Nothing says that they are here now: neither their own page, which asks for the code, nor the screen of the room."""
    await here.begin("anna")
    assert (await types(here, code_on(await screen(here)))).status_code == 303
    await here.runtime.decider.act([rescheduled(day(days_later=7), trainers=(TRAINER,), at=DURING + MINUTE)])
    here.clock[0] = DURING + dt.timedelta(days=7)

    assert 'name="code"' in (await here.http.get(link(here))).text
    assert "People here so far: 0" in read((await screen(here)).text)

    assert (await types(here, code_on(await screen(here)))).status_code == 303
    assert "Your presence is recorded since" in read((await here.http.get(link(here))).text)
    assert "People here so far: 1" in read((await screen(here)).text)
