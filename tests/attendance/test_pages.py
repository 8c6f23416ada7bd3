"""The page on which a trainer keeps a list: who may open it and when, what a tap does without a script, and what a browser sends later."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import html
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.attendance.pages.lists import KEPT_UNTIL
from services.attendance.pages.opening import Opening, moment_of, opening, opens_at
from services.attendance.state import session_of
from shared.alphabet import folded
from shared.contracts.directory import PersonErased, PersonMerged
from shared.contracts.model import Language
from shared.contracts.planner import Meeting, SessionStanding
from shared.events.envelope import Reason
from shared.web.links import Purpose, new_key
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    close,
    correction,
    day,
    enrolled,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    waitlisted,
)
from tests.attendance.trainer import SIGNER, STATED, TRAINER, TrainersPage, trainers_page

PL, EN = Language.PL, Language.EN
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
async def here(url: str) -> AsyncIterator[TrainersPage]:
    async with trainers_page(url) as page:
        yield page


def read(text: str) -> str:
    """What a person reads of a page."""
    body = re.sub(r"<template.*?</template>", " ", text[text.index("<main") :], flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u2060", "").split())


def people(text: str) -> list[str]:
    return re.findall(r'data-person="([^"]+)"', text)


def kept(person: str, state: str = "present", *, id: str = "", seen: str = "0", **fields: Any) -> dict[str, Any]:
    about = {"id": id or f"tap-{person}-{state}", "meeting_id": "day-1", "person_id": person, "state": state}
    return about | {"made_at": DURING.isoformat(), "seen": seen} | fields


# --- who may open it, and when ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (opens_at(session_of(scheduled())) - MINUTE, Opening.EARLY),
        (opens_at(session_of(scheduled())), Opening.OPEN),
        (ENDS + dt.timedelta(days=9), Opening.OPEN),
    ],
)
def test_it_opens_with_the_day_before_and_stays_open_until_the_last_list_closes(
    at: dt.datetime, state: Opening
) -> None:
    announced = session_of(scheduled(trainers=(TRAINER,)))
    assert opening(announced, {}, RULES, at, trains=True) is state
    assert opens_at(announced).isoformat() == "2026-10-05T00:00:00+02:00"


async def test_the_list_is_shown_with_whom_and_when_in_both_languages(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    polish, english = await here.get(), await here.get(language=EN)
    assert (polish.status_code, english.status_code) == (200, 200)
    for part in ("Adaptacja do zmian klimatu", "wtorek, 6 października 2026, 9:00–15:00", "Żółć Anna", "Obecność",
                 "0 z 2 na miejscu", "Zamknij listę"):  # fmt: skip
        assert part in read(polish.text), part
    for part in ("Climate adaptation", "Tuesday, 6 October 2026, 9:00–15:00", "Żółć Anna", "0 of 2 are here"):
        assert part in read(english.text), part


async def test_before_the_day_before_nobody_is_named(here: TrainersPage) -> None:
    await here.begin("anna")
    here.clock[0] = opens_at(session_of(scheduled())) - MINUTE
    page = await here.get()
    assert page.status_code == 403 and "Żółć" not in page.text and "poniedziałek, 5 października" in read(page.text)


async def test_the_same_tap_on_the_list_of_another_training_is_another_mark(here: TrainersPage) -> None:
    """A trainer has the same team on the first day of two trainings: people and days are called alike in both."""
    await here.begin("anna")
    await here.runtime.decider.act([scheduled(session_id="session-0002", trainers=(TRAINER,))])
    form = {"act": "mark", "meeting": "day-1", "person": "anna", "mark": "present", "seen": "0"}
    for session_id in (SESSION, "session-0002"):
        assert (await here.http.post(here.path(session_id=session_id), data=form)).status_code == 303
    assert await here.said() == 2


async def test_a_trainer_who_was_replaced_sees_nobody_and_marks_nobody(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([rescheduled(trainers=("zofia",), at=DURING)])
    page = await here.get()
    assert page.status_code == 403 and "Nie prowadzisz już tego szkolenia" in read(page.text)
    assert "Żółć" not in page.text
    refused = await here.tap("anna", "present")
    assert refused.status_code == 403 and "wpisze to biuro" in read(refused.text)
    (answer,) = await here.send("marks", kept("anna"))
    assert answer == {"id": "tap-anna-present", "outcome": "refused", "reason": "not_theirs"}
    (read_code,) = await here.send(
        "scans", {"id": "s", "ticket": here.ticket("anna"), "scanned_at": DURING.isoformat()}
    )
    assert (read_code["outcome"], read_code["reason"], read_code["name"]) == ("refused", "not_theirs", None)
    assert await here.records() == {}


async def test_a_code_that_was_noted_stays_noted_when_its_reader_is_replaced(here: TrainersPage) -> None:
    await here.begin()
    scanned = {"id": "s", "ticket": here.ticket("dawid"), "scanned_at": DURING.isoformat()}
    assert [one["outcome"] for one in await here.send("scans", scanned)] == ["held"]
    await here.runtime.decider.act([rescheduled(trainers=("zofia",), at=DURING)])
    await here.runtime.decider.act([enrolled("dawid", at=DURING)])
    assert await here.states() == {"dawid": "present"}


def test_of_a_training_that_does_not_take_place_there_is_no_list() -> None:
    announced = session_of(scheduled(trainers=(TRAINER,)))
    gone = dataclasses.replace(announced, state=SessionStanding.CANCELLED)
    assert opening(gone, {}, RULES, DURING, trains=True) is Opening.CANCELLED


async def test_once_the_last_list_has_closed_nobody_is_named_until_the_office_opens_it_again(
    here: TrainersPage,
) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([close(at=ENDS)])
    over = await here.get()
    assert over.status_code == 410 and "Lista jest zamknięta" in read(over.text) and "Żółć" not in over.text
    await here.runtime.decider.act([reopening()])
    assert "Żółć Anna" in read((await here.get()).text)


async def test_a_link_that_is_altered_foreign_or_for_something_else_opens_nothing(here: TrainersPage) -> None:
    await here.begin("anna")
    good = here.path()
    forged = dataclasses.replace(SIGNER, private_key=new_key()[0])
    bad = [
        good[:-1],
        here.path(signer=forged),
        here.path(signer=dataclasses.replace(SIGNER, key_id="key-9")),
        here.path(audience="enrolment"),
        here.path(purpose=Purpose.PLACE),
        f"/lists/{here.ticket(TRAINER)}",
        "/lists/x",
    ]
    for path in bad:
        for answer in (await here.http.get(path), await here.http.post(path, data={"act": "close"}),
                       await here.http.post(f"{path}/marks", json={"kept": [kept("anna")]}),
                       await here.http.post(f"{path}/scans", json={"kept": [{}]}),
                       await here.http.get(f"{path}/app.webmanifest")):  # fmt: skip
            assert answer.status_code == 404, path
    assert await here.records() == {}


async def test_a_link_whose_time_is_over_says_so(here: TrainersPage) -> None:
    await here.begin("anna")
    here.clock[0] = LATER + dt.timedelta(days=400)
    assert (await here.get()).status_code == 410
    assert (await here.http.post(f"{here.path()}/marks", json={"kept": [kept("anna")]})).status_code == 410


async def test_a_key_that_is_withdrawn_opens_nothing_any_more(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.hears(STATED.model_copy(update={"verifies_until": BEFORE}))
    assert (await here.get()).status_code == 410


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": "http://attendance"}, 303),
        ({"Origin": "null"}, 303),
        ({}, 303),
    ],
)
async def test_what_another_site_makes_a_browser_send_is_refused(
    here: TrainersPage, headers: dict[str, str], status: int
) -> None:
    await here.begin("anna")
    form = {"act": "mark", "meeting": "day-1", "person": "anna", "mark": "present", "seen": "0"}
    assert (await here.http.post(here.path(), data=form, headers=headers)).status_code == status
    assert await here.states() == ({"anna": "present"} if status == 303 else {})


# --- what a tap does without a script --------------------------------------------------------


async def test_a_tap_marks_says_so_and_can_be_undone(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    done = await here.tap("anna", "present")
    assert done.status_code == 303
    page = await here.http.get(f"/lists/{done.headers['location']}")
    assert people(page.text) == ["bartek", "anna"]  # Whoever is not recorded first.
    assert "Żółć Anna Obecność 360 min Twój wpis Cofnij" in read(page.text) and "1 z 2 na miejscu" in read(page.text)
    record = (await here.records())["anna"]
    assert (record.state, record.decided_by) == ("present", f"trainer:{TRAINER}")
    await here.tap("anna", "not_recorded", seen=record.tag)
    assert people((await here.get()).text) == ["bartek", "anna"] and "0 z 2" in read((await here.get()).text)
    assert not (await here.records())["anna"].state.is_told


@pytest.mark.parametrize("state", ["present", "late", "left_early", "excused", "absent"])
async def test_each_state_is_one_tap(here: TrainersPage, state: str) -> None:
    await here.begin("anna")
    assert (await here.tap("anna", state)).status_code == 303
    assert await here.states() == {"anna": state}


async def test_a_tap_pressed_twice_or_at_the_same_time_is_one_mark(here: TrainersPage) -> None:
    await here.begin("anna")
    answers = await asyncio.gather(*(here.tap("anna", "late") for _ in range(4)))
    answers.append(await here.tap("anna", "late"))
    assert {one.status_code for one in answers} == {303} and await here.said() == 1


async def test_later_the_clock_on_the_wall_says_when_somebody_came(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    here.clock[0] = ENDS + dt.timedelta(hours=1)
    assert (await here.tap("anna", "late")).status_code == 409  # Of after the end nobody knows since when.
    assert (await here.tap("anna", "late", at="10:30")).status_code == 303
    record = (await here.records())["anna"]
    assert (record.arrived_at, record.minutes) == (STARTS + 90 * MINUTE, 270)
    assert (await here.tap("bartek", "late", at="25:00")).status_code == 400
    refused = await here.tap("bartek", "late", at="21:00")
    assert refused.status_code == 409 and "O tej porze to niemożliwe" in read(refused.text)


def test_of_a_night_the_clock_shows_the_hours_after_midnight_of_the_next_day() -> None:
    night = Meeting.model_validate(
        {"meeting_id": "n", "starts_local": "2026-10-06T22:00:00", "ends_local": "2026-10-07T04:00:00"}
    )
    assert moment_of(night, "01:30").isoformat() == "2026-10-06T23:30:00+00:00"
    assert moment_of(night, "23:00").isoformat() == "2026-10-06T21:00:00+00:00"


def test_a_time_that_the_clocks_skip_is_none() -> None:
    spring = Meeting.model_validate(
        {"meeting_id": "day-1", "starts_local": "2027-03-28T00:30:00", "ends_local": "2027-03-28T06:00:00"}
    )
    with pytest.raises(ValueError, match="skip"):
        moment_of(spring, "02:30")
    assert moment_of(spring, "03:30").isoformat() == "2027-03-28T01:30:00+00:00"
    autumn = Meeting.model_validate(
        {"meeting_id": "day-1", "starts_local": "2026-10-25T00:30:00", "ends_local": "2026-10-25T06:00:00"}
    )
    assert moment_of(autumn, "02:30").isoformat() == "2026-10-25T00:30:00+00:00"  # Of two the first, as everywhere.


async def test_a_telephone_may_keep_the_page_until_the_last_list_is_to_close_also_one_that_was_opened_again(
    here: TrainersPage,
) -> None:
    """Else it says that it works without a network, and opens nothing."""
    await here.begin("anna")

    async def kept_until() -> dt.datetime:
        return dt.datetime.fromtimestamp(int((await here.get()).headers[KEPT_UNTIL]) / 1000, dt.UTC)

    assert await kept_until() == CLOSES
    await here.runtime.decider.act([close(at=ENDS)])
    here.clock[0] = LATER
    await here.runtime.decider.act([reopening(at=LATER)])
    assert await kept_until() == LATER + RULES.close_after


async def test_the_link_of_before_opens_the_lists_of_a_trainer_who_turned_out_to_be_somebody_else(
    here: TrainersPage,
) -> None:
    """The planner names them by the id that stays; what their telephone has kept under the link of before is sent all the same."""
    await here.begin("anna", "bartek")
    await here.hears(PersonMerged(person_id=TRAINER, into_person_id="zofia"))
    screen = re.search(r'href="\.\./(room/[^"?]+)', (await here.get()).text)
    await here.runtime.decider.act([rescheduled(trainers=("zofia",), at=DURING)])

    assert (await here.get()).status_code == 200
    assert (await here.tap("anna", "present")).status_code == 303
    (answer,) = await here.send("marks", kept("bartek"))
    assert (answer["outcome"], answer["state"]) == ("set", "present")
    scan_of_anna = {"id": "s-1", "ticket": here.ticket("anna"), "scanned_at": DURING.isoformat()}
    (answer,) = await here.send("scans", scan_of_anna)
    assert (answer["outcome"], answer["name"]) == ("repeated", "Anna Żółć")
    assert screen is not None and (await here.http.get(f"/{screen[1]}")).status_code == 200


@pytest.mark.parametrize("meeting", ["", "day 1", "x" * 70])
async def test_a_list_of_no_meeting_is_closed_by_nobody_and_that_is_said(here: TrainersPage, meeting: str) -> None:
    await here.begin("anna")
    answer = await here.http.post(here.path(), data={"act": "close", "meeting": meeting})
    assert answer.status_code == 400 and await here.said() == 0


async def test_what_somebody_else_marked_meanwhile_is_shown_and_not_overwritten(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([mark("anna", "excused", by="office")])
    for language, words in ((PL, "W międzyczasie pojawił się inny wpis"), (EN, "It was marked otherwise meanwhile")):
        form = {"act": "mark", "meeting": "day-1", "person": "anna", "mark": "present", "seen": "0"}
        answer = await here.http.post(here.path(language=language), data=form)
        assert answer.status_code == 409 and words in read(answer.text)
    assert await here.states() == {"anna": "excused"}


async def test_a_list_is_closed_once_and_then_the_office_corrects_it(here: TrainersPage) -> None:
    await here.begin("anna", "bartek", session=scheduled(day(), day("day-2", days_later=1), trainers=(TRAINER,)))
    await here.tap("anna", "present")
    form = {"act": "close", "meeting": "day-1"}
    assert [(await here.http.post(here.path(), data=form)).status_code for _ in range(2)] == [303, 303]
    assert await here.states() == {"anna": "present", "bartek": "absent"}
    page = await here.get(query="?meeting=day-1")
    assert "Lista jest zamknięta" in read(page.text) and 'name="mark"' not in page.text
    refused = await here.tap("bartek", "present", seen="1")
    assert refused.status_code == 409 and "Błędy poprawia biuro" in read(refused.text)
    (answer,) = await here.send("marks", kept("bartek", seen="1"))
    assert (answer["outcome"], answer["reason"]) == ("refused", Reason.LIST_CLOSED)
    assert 'name="mark"' in (await here.get(query="?meeting=day-2")).text
    early = await here.http.post(here.path(), data={"act": "close", "meeting": "day-2"})
    assert early.status_code == 409 and "zajęcia jeszcze się nie zaczęły" in read(early.text)


async def test_in_another_language_it_is_still_the_same_meeting(here: TrainersPage) -> None:
    await here.begin("anna", session=scheduled(day(), day("day-2", days_later=1), trainers=(TRAINER,)))
    page = await here.get(query='?meeting=day-2&lang=pl&none="of ours"')
    assert re.findall(r'<a href="([^"]*)" lang="en"', page.text) == [
        "?meeting=day-2&amp;none=%22of+ours%22&amp;lang=en"
    ]


async def test_a_walk_in_is_present_under_letters_of_their_own(here: TrainersPage) -> None:
    await here.begin("anna")
    page = await here.get()
    named = re.search(r'name="person" value="(walk-in-[0-9a-f]{8})"', page.text)
    assert named is not None
    form = {"act": "walk_in", "meeting": "day-1", "person": named[1], "mark": "present"}
    assert [(await here.http.post(here.path(), data=form)).status_code for _ in range(2)] == [303, 303]
    assert await here.states() == {named[1]: "present"}
    assert f"Spoza listy: {named[1][-4:].upper()}" in read((await here.get()).text)


async def test_people_are_found_by_name_and_town_without_accents_and_capitals(here: TrainersPage) -> None:
    await here.begin("anna", "bartek", "celina")
    assert people((await here.get(query="?q=LOS")).text) == ["bartek"]
    assert people((await here.get(query="?q=zolc%20an")).text) == ["anna"]
    nobody = await here.get(query="?q=%3Cb%3E")
    assert people(nobody.text) == [] and "Na liście nie ma nikogo takiego" in read(nobody.text)
    assert folded("ŁÓDŹ Żółć") == "lodz zolc"


async def test_whoever_waits_or_gave_a_place_back_stands_apart_and_can_be_marked(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([waitlisted("dawid")])
    text = (await here.get()).text
    assert people(text) == ["anna", "dawid"] and text.index('id="others"') < text.index('data-person="dawid"')
    await here.tap("dawid", "present")
    assert (await here.states())["dawid"] == "present"


async def test_whoever_is_erased_has_no_name_here(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.hears(PersonErased(person_id="anna"))
    assert "Nazwisko nieznane" in read((await here.get()).text) and "Żółć" not in (await here.get()).text


async def test_a_code_and_a_mark_that_differ_are_seen(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([mark("anna", "absent", at=DURING + MINUTE)])
    await here.runtime.decider.act([scan("anna", at=DURING + 2 * MINUTE, made=DURING)])
    assert "Odczytano kod, który temu przeczy" in read((await here.get()).text)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "explode"},
        {"act": "mark"},
        {"act": "mark", "meeting": "day-1", "person": "anna", "mark": "asleep"},
        {"act": "mark", "meeting": "day-1", "person": "a/b", "mark": "present"},
        {"act": "mark", "meeting": "day-1", "person": "anna", "mark": "present", "seen": "1\n2"},
    ],
)
async def test_a_form_that_says_nothing_we_know_is_a_page_that_says_so(
    here: TrainersPage, form: dict[str, str]
) -> None:
    await here.begin("anna")
    answer = await here.http.post(here.path(), data=form)
    assert answer.status_code == 400 and await here.records() == {}


async def test_of_which_session_and_by_whom_comes_from_the_link(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([scheduled(session_id="another", trainers=("zofia",))])
    (answer,) = await here.send("marks", kept("anna") | {"session_id": "another"})
    assert answer["reason"] == "unreadable"
    theirs = here.ticket("anna", session_id="another")
    (code,) = await here.send("scans", {"id": "s", "ticket": theirs, "scanned_at": DURING.isoformat()})
    assert (code["outcome"], code["reason"], code["name"]) == ("refused", "ticket_of_another_session", None)
    assert await here.records() == {}


# --- what a browser sends later --------------------------------------------------------------


async def test_marks_that_were_kept_count_once_however_often_they_are_sent(here: TrainersPage) -> None:
    await here.begin("anna", "bartek")
    batch = [kept("anna"), kept("bartek", "late")]
    here.clock[0] = ENDS + dt.timedelta(hours=2)
    first = await here.send("marks", *batch)
    assert [(one["outcome"], one["tag"], one["stands"]) for one in first] == [("set", "1", True)] * 2
    assert await here.send("marks", *batch) == first and await here.said() == 2
    record = (await here.records())["bartek"]
    assert (record.arrived_at, record.received_at) == (DURING, here.clock[0])


async def test_a_conflict_shows_what_stands_and_whose_it_is(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.runtime.decider.act([mark("anna", "absent", by="office")])
    (answer,) = await here.send("marks", kept("anna"))
    assert (answer["outcome"], answer["stands"], answer["tag"]) == ("changed_since", False, "1")
    assert (answer["state"], answer["by"]) == ("absent", "office")
    assert await here.states() == {"anna": "absent"}


async def test_what_was_set_and_has_changed_since_stands_no_more(here: TrainersPage) -> None:
    await here.begin("anna")
    await here.send("marks", kept("anna"))
    await here.runtime.decider.act([correction("anna", "absent", at=DURING)])
    (answer,) = await here.send("marks", kept("anna"))
    assert (answer["outcome"], answer["stands"], answer["state"]) == ("set", False, "absent")


async def test_one_that_nobody_can_read_costs_itself(here: TrainersPage) -> None:
    await here.begin("anna")
    answers = await here.send("marks", {"id": 7}, kept("anna"), kept("anna", id="x", at="99:99"), {})
    assert [one["outcome"] for one in answers] == ["refused", "set", "refused", "refused"]
    scans = await here.send("scans", {"id": "s", "ticket": "ż" * 2000, "scanned_at": "never"}, {})
    assert [one["reason"] for one in scans] == ["unreadable"] * 2


async def test_codes_are_answered_by_rule_in_the_readers_language(here: TrainersPage) -> None:
    await here.begin("anna")
    one = {"id": "s1", "ticket": here.ticket("anna"), "scanned_at": DURING.isoformat()}
    again = one | {"id": "s2"}
    forged = one | {"id": "s3", "ticket": here.ticket("anna")[:-4] + "AAAA"}
    early = one | {"id": "s4", "scanned_at": BEFORE.isoformat()}
    answers = await here.send("scans", one, again, forged, early)
    assert [(each["outcome"], each["reason"]) for each in answers] == [
        ("accepted", "in_time"),
        ("repeated", "repeated"),
        ("refused", "ticket_altered"),
        ("refused", "no_meeting_now"),
    ]
    assert answers[0]["name"] == "Anna Żółć" and answers[0]["text"] == "Obecność zapisana."
    (english,) = await here.send("scans", one, query="?lang=en")
    assert english["text"] == "Present."
    assert await here.said() == 1


# --- how it is answered ----------------------------------------------------------------------


async def test_every_page_carries_the_strict_headers_and_nothing_inline(here: TrainersPage) -> None:
    await here.begin("anna")
    for page in (await here.get(), await here.tap("x", "y"), await here.http.get("/lists/x")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store" and page.headers["referrer-policy"] == "no-referrer"
        assert not re.search(r"<style|style=|\son\w+=|javascript:|<script(?![^>]* src=)", page.text)
    assert "camera=(self)" in (await here.get()).headers["permissions-policy"]
    assert "camera=()" in (await here.http.get("/lists/x")).headers["permissions-policy"]


async def test_without_the_files_of_others_the_page_has_no_script_and_works(here: TrainersPage) -> None:
    await here.begin("anna")
    assert "<script" not in (await here.get()).text


async def test_the_worker_and_the_manifest_are_served_beside_the_page(here: TrainersPage) -> None:
    await here.begin("anna")
    worker = await here.http.get("/lists/worker.js")
    assert worker.status_code == 200 and worker.headers["cache-control"] == "no-cache"
    manifest = await here.http.get(f"{here.path()}/app.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert manifest.json()["start_url"] == f"../{here.path().rpartition('/')[2]}"
    assert (await here.http.get(manifest.json()["icons"][0]["src"].removeprefix("../.."))).status_code == 200


async def test_looking_changes_nothing(here: TrainersPage) -> None:
    await here.begin("anna")
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        await here.http.request(method, here.path() + "?act=mark&person=anna&mark=present&meeting=day-1")
    assert await here.said() == 0
