"""The page on which a trainer types in a signed list: compared first, what differs decided by a person, nothing overwritten by itself."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.attendance import files_reading
from services.attendance.files import File
from services.attendance.folder import Folder
from services.attendance.settings import AttendanceSettings
from shared.contracts.model import Language
from tests.attendance.building import DURING, ENDS, LATER, SESSION, close, day, enrolled, mark, rescheduled, scan
from tests.attendance.test_pages import read
from tests.attendance.trainer import TRAINER, TrainersPage, trainers_page


@pytest.fixture
async def here(url: str) -> AsyncIterator[TrainersPage]:
    """The meeting is over. Anna was scanned, Bartek marked absent, of Celina and Dawid nothing is recorded."""
    async with trainers_page(url) as page:
        await page.begin("anna", "bartek", "celina", "dawid")
        await page.runtime.decider.act([scan("anna"), mark("bartek", "absent", at=DURING, by="trainer:teresa")])
        page.clock[0] = ENDS
        yield page


def path(here: TrainersPage, *, meeting: str = "day-1", language: Language = Language.PL) -> str:
    return f"{here.path(language=language)}/{meeting}/signed"


async def compared(here: TrainersPage, *signed: str, language: Language = Language.PL, **times: str) -> httpx.Response:
    """`times`: `came_dawid="10:00"`."""
    form = {"act": "compare", "signed": signed} | {name.replace("_", ":", 1): at for name, at in times.items()}
    return await here.http.post(path(here, language=language), data=form)


def sheet_of(page: httpx.Response) -> str:
    found = re.search(r'name="sheet" value="([^"]+)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


async def entered(here: TrainersPage, page: httpx.Response, **counts: str) -> httpx.Response:
    """What is shown is entered, with these decisions; the page that is shown then."""
    form = {"act": "enter", "sheet": sheet_of(page)} | {f"counts:{one}": what for one, what in counts.items()}
    answer = await here.http.post(path(here), data=form)
    assert answer.status_code == 303, answer.text
    return await here.http.get(str(httpx.URL(f"http://attendance{path(here)}").join(answer.headers["location"])))


def to_decide(page: httpx.Response) -> list[str]:
    return re.findall(r'name="counts:([^"]+)" value="list"', page.text)


async def files(here: TrainersPage) -> list[File]:
    """What was typed in, the last one last."""
    async with here.runtime.engine.connect() as connection:
        found = await files_reading.files_of(connection, SESSION, limit=10)
    return sorted(found, key=lambda one: one.version)


async def test_a_sheet_with_a_time_at_the_end_of_time_is_none(here: TrainersPage) -> None:
    sheet = json.dumps({"rows": [{"person_id": "anna", "seen": "0", "arrived_at": "9999-12-31T23:59:59Z"}]})
    assert (await here.http.post(path(here), data={"act": "edit", "sheet": sheet})).status_code == 400


async def test_a_trainer_who_has_a_place_signs_in_the_head_and_is_no_line_to_tick(here: TrainersPage) -> None:
    """As on the list that is printed: whoever ticks everybody makes no participant of themselves."""
    await here.runtime.decider.act([enrolled(TRAINER, at=DURING)])
    page = await here.http.get(f"{path(here)}?all=1")
    assert 'value="anna"' in page.text and f'value="{TRAINER}"' not in page.text


async def test_comparing_shows_both_sides_of_each_difference_and_sets_nothing(here: TrainersPage) -> None:
    before, said = await here.records(), await here.said()

    page = await compared(here, "bartek", "celina")

    assert sorted(to_decide(page)) == ["anna", "bartek"]
    for part in (
        "Żółć Anna Na papierze Brak podpisu Na liście Obecność 360 min odczyt kodu",
        "Łoś Bartłomiej Na papierze Jest podpis Na liście Nieobecność",
    ):
        assert part in read(page.text), read(page.text)
    assert "Zostanie wpisane z papieru Ćwik Celina Obecność" in read(page.text)
    assert "The paper counts: Absent" in read((await compared(here, "bartek", language=Language.EN)).text)
    assert (await here.records(), await here.said()) == (before, said)


async def test_what_is_on_paper_alone_is_entered_and_what_differs_stands_until_somebody_decides(
    here: TrainersPage,
) -> None:
    page = await entered(here, await compared(here, "bartek", "celina"))

    assert await here.states() == {"anna": "present", "bartek": "absent", "celina": "present"}
    assert sorted(to_decide(page)) == ["anna", "bartek"]
    assert "Niczego, co się różni, nie nadpisano" in read(page.text)
    again = await here.http.get(path(here))
    assert "Wiersze, które czekają na rozstrzygnięcie: 2" in read(again.text)

    page = await entered(here, page, anna="list", bartek="paper")

    assert await here.states() == {"anna": "present", "bartek": "present", "celina": "present"}
    assert to_decide(page) == [] and "Wpisano: nie ma już nic do rozstrzygnięcia" in read(page.text)
    assert "Rozstrzygnięto: liczy się lista Żółć Anna" in read(page.text)


async def test_whoever_decides_is_kept_for_the_paper_and_for_the_list(here: TrainersPage) -> None:
    await entered(here, await compared(here, "bartek"), anna="list", bartek="paper")

    bartek = (await here.records())["bartek"]
    assert (bartek.decided_by, bartek.method) == (f"trainer:{TRAINER}", "paper")
    (file,) = await files(here)
    assert (file.kind, file.undecided, file.decided_by) == ("typed_list", 0, f"trainer:{TRAINER}")
    assert bartek.note is not None and file.sha256 in bartek.note
    assert isinstance(here.runtime.settings, AttendanceSettings)
    kept = json.loads(await Folder(here.runtime.settings.files).get(SESSION, file.sha256) or b"")
    assert {one["person_id"] for one in kept["rows"] if one["counts"] == "list"} == {"anna"}


async def test_what_was_decided_for_the_list_is_asked_again_once_the_list_says_something_else(
    here: TrainersPage,
) -> None:
    page = await entered(here, await compared(here, "bartek"), anna="list", bartek="list")
    assert to_decide(page) == []
    await here.runtime.decider.act([mark("bartek", "excused", at=ENDS, by="trainer:teresa", id="later")])

    again = await here.http.get(path(here), params={"sheet": (await files(here))[-1].sha256})

    assert to_decide(again) == ["bartek"]


async def test_what_was_marked_since_it_was_looked_at_is_not_overwritten(here: TrainersPage) -> None:
    page = await compared(here, "anna", "bartek", "celina")
    await here.runtime.decider.act([mark("celina", "excused", at=ENDS, by="trainer:teresa")])

    after = await entered(here, page, bartek="paper")

    assert await here.states() == {"anna": "present", "bartek": "present", "celina": "excused"}
    assert to_decide(after) == ["celina"]


async def test_pressed_twice_it_is_entered_once(here: TrainersPage) -> None:
    page = await compared(here, "anna", "celina", "bartek")
    await entered(here, page, bartek="paper")
    said = await here.said()

    await entered(here, page, bartek="paper")

    assert await here.said() == said


async def test_times_beside_a_signature_are_entered_and_those_of_no_meeting_are_asked_for_again(
    here: TrainersPage,
) -> None:
    for wrong in ({"came_dawid": "16:00"}, {"came_dawid": "12:00", "left_dawid": "11:00"}, {"left_dawid": "25:61"}):
        page = await compared(here, "anna", "dawid", **wrong)
        assert page.status_code == 422 and "Godziny przy wpisie Nowak Dawid" in read(page.text)
        assert re.search(r'value="anna" checked', page.text)  # What was typed is not lost.

    await entered(here, await compared(here, "anna", "dawid", came_dawid="10:00", left_dawid="14:30"))

    dawid = (await here.records())["dawid"]
    assert (dawid.state, dawid.minutes) == ("left_early", 270)


async def test_what_was_ticked_can_be_corrected(here: TrainersPage) -> None:
    page = await compared(here, "anna", "dawid", came_dawid="10:00")

    form = await here.http.post(path(here), data={"act": "edit", "sheet": sheet_of(page)})

    assert re.findall(r'name="signed" value="([^"]+)" checked', form.text) == ["dawid", "anna"]
    assert 'name="came:dawid" value="10:00"' in form.text


async def test_a_trainer_is_on_no_line_and_whoever_came_without_a_place_is(here: TrainersPage) -> None:
    await here.runtime.decider.act([mark(TRAINER, at=DURING), mark("walk-in-7f3a", at=DURING)])

    form = await here.http.get(path(here), params={"all": 1})

    lines = re.findall(r'name="signed" value="([^"]+)"( checked)?', form.text)
    assert {one for one, _ in lines} == {"anna", "bartek", "celina", "dawid", "walk-in-7f3a"}
    assert [one for one, ticked in lines if not ticked] == ["walk-in-7f3a"]


async def test_a_list_is_typed_in_from_its_end_until_it_closes(here: TrainersPage) -> None:
    page = await compared(here, "celina")
    here.clock[0] = DURING
    assert "dopiero po zakończeniu spotkania" in read((await here.http.get(path(here))).text)
    here.clock[0] = ENDS
    await here.runtime.decider.act(
        [rescheduled(day("day-1"), day("day-2", days_later=2), trainers=(TRAINER,), at=ENDS)]
    )
    await here.runtime.decider.act([close(at=ENDS)])
    before = await here.records()

    answer = await here.http.post(path(here), data={"act": "enter", "sheet": sheet_of(page)})

    assert answer.status_code == 409 and "wpisze biuro" in read(answer.text)
    assert await here.records() == before


async def test_whoever_trains_it_no_longer_sees_nobody_and_enters_nothing(here: TrainersPage) -> None:
    page = await compared(here, "celina")
    await here.runtime.decider.act([rescheduled(trainers=("zofia",), at=LATER)])

    shown = await here.http.get(path(here))
    sent = await here.http.post(path(here), data={"act": "enter", "sheet": sheet_of(page)})

    for answer in (shown, sent):
        assert (answer.status_code, answer.headers["location"]) == (303, f"../../{here.path().rpartition('/')[2]}")
    assert "celina" not in await here.states()


@pytest.mark.parametrize(
    "form", [{}, {"act": "enter"}, {"act": "enter", "sheet": "{}"}, {"act": "enter", "sheet": "x"}, {"act": "x"}]
)
async def test_what_is_no_sheet_is_not_read(here: TrainersPage, form: dict[str, str]) -> None:
    assert (await here.http.post(path(here), data=form or {"x": "y"})).status_code == 400


async def test_a_sheet_that_was_never_typed_in_is_none(here: TrainersPage) -> None:
    await entered(here, await compared(here, "bartek"))
    (one,) = await files(here)

    other = await here.http.get(path(here), params={"sheet": "0" * 64})

    assert to_decide(other) == [] and one.sha256 in other.text  # The form, with what was typed in before.
