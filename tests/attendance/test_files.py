"""Files of a session: attached once, known by their bytes, served to the office, taken away; and all of its papers in one ZIP."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator

import httpx
import pytest

from services.attendance.books import books
from services.attendance.filing import MOST_BYTES
from services.attendance.folder import Folder
from services.attendance.lists import LIST
from services.attendance.subjects import list_subject
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.state.working import Due
from tests.attendance.building import (
    BEFORE,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    cancelled,
    close,
    day,
    enrolled,
    heard,
    mark,
    reopening,
    rescheduled,
    restated,
    scan,
    scheduled,
)
from tests.attendance.door import Door, opened
from tests.attendance.papers import text_of

A_DAY = dt.timedelta(days=1)
FILES = f"/api/v1/sessions/{SESSION}/files"
SCAN = b"%PDF-1.7\nsigned by everybody\n"
SHA = hashlib.sha256(SCAN).hexdigest()


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        named = [PersonRegistered(person_id=one, given_name=one.title(), family_name="Ćwik") for one in ("anna", "jan")]
        await here.runtime.decider.act([heard(one, at=BEFORE) for one in named])
        await here.runtime.decider.act([scheduled(), *map(enrolled, ("anna", "jan"))])
        here.clock[0] = ENDS
        yield here


async def attached(
    door: Door, content: bytes = SCAN, *, key: str = "file-1", path: str = FILES, **query: str
) -> httpx.Response:
    asked = {"name": "lista.pdf", "kind": "signed_list", "meeting_id": "day-1"} | query
    return await door.http.post(path, content=content, params=asked, headers={"Idempotency-Key": key})


async def remove(door: Door, *, by: str = "office") -> httpx.Response:
    return await door.http.post(f"{FILES}/{SHA}/remove", json={"note": "of another training"}, headers=door.by(by))


async def unzipped(door: Door) -> zipfile.ZipFile:
    answer = await door.http.get(f"/api/v1/sessions/{SESSION}/papers/zip", headers=door.by("office"))
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


async def test_a_file_is_attached_by_whoever_keeps_the_list_and_fetched_by_the_office_as_it_was(door: Door) -> None:
    answer = (await attached(door)).json()

    assert (answer["outcome"], answer["file"]["sha256"], answer["file"]["size"]) == ("FileAttached", SHA, len(SCAN))
    assert (answer["file"]["decided_by"], answer["file"]["media_type"]) == ("door", "application/pdf")
    assert (await door.http.get(f"{FILES}/{SHA}")).status_code == 403
    fetched = await door.http.get(f"{FILES}/{SHA}", headers=door.by("office"))
    assert (fetched.content, fetched.headers["content-type"]) == (SCAN, "application/octet-stream")
    assert fetched.headers["content-disposition"].startswith("attachment;")
    assert fetched.headers["x-content-type-options"] == "nosniff"


async def test_the_same_bytes_are_one_file_however_often_they_are_sent(door: Door) -> None:
    first = (await attached(door)).json()
    again, anew = (await attached(door)).json(), (await attached(door, key="file-2", name="other.pdf")).json()

    assert again == first
    assert (anew["outcome"], anew["file"]["name"]) == ("AlreadyAttached", "lista.pdf")
    assert len((await door.http.get(FILES)).json()) == 1
    assert (await attached(door, b"%PDF-other", key="file-1")).json()["type"].endswith("key-taken")


async def test_a_scan_of_two_days_is_one_file_of_both_and_one_of_the_session_is_of_all(door: Door) -> None:
    """The list that is printed for a session has a column for each day, and is scanned once."""
    await door.runtime.decider.act([rescheduled(day(), day("day-2", days_later=1), day("day-3", days_later=2))])

    async def missing() -> list[str]:
        said = (await unzipped(door)).read("CONTENTS.txt").decode()
        return [line.split()[-1] for line in said.splitlines() if line.startswith("- the signed list")]

    for number, meeting_id in enumerate(("day-1", "day-2", "day-2")):
        answer = (await attached(door, key=f"file-{number}", meeting_id=meeting_id)).json()
    assert (answer["outcome"], answer["file"]["meeting_id"]) == ("AlreadyAttached", "day-1")
    assert [one["meeting_id"] for one in answer["file"]["meetings"]] == ["day-1", "day-2"]
    assert await missing() == ["day-3"]

    whole = {"name": "lista.pdf", "kind": "signed_list"}
    answer = (await door.http.post(FILES, content=SCAN, params=whole)).json()
    assert (answer["file"]["meeting_id"], answer["file"]["meetings"]) == (None, [])
    assert await missing() == []
    assert (await attached(door, key="file-9", meeting_id="day-2")).json()["outcome"] == "AlreadyAttached"


@pytest.mark.parametrize("content", [b"", b"MZ\x90", b"<html>", b"PK\x03\x04", b" %PDF-1.7"])
async def test_what_is_no_page_is_not_attached_whatever_it_is_called(door: Door, content: bytes) -> None:
    answer = await attached(door, content)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rollcall:problem:not-attachable")
    assert (await door.http.get(FILES)).json() == []
    assert list(door.files.rglob("*")) == []


async def test_what_is_too_large_is_refused_while_it_arrives(door: Door) -> None:
    assert (await attached(door, SCAN + b"x" * MOST_BYTES)).status_code == 413


async def test_a_file_is_of_a_session_and_a_meeting_that_there_are(door: Door) -> None:
    elsewhere = FILES.replace(SESSION, "nowhere")
    assert (await attached(door, path=elsewhere)).json()["type"].endswith("no-such-session")
    assert (await attached(door, meeting_id="day-9")).json()["type"].endswith("no-such-meeting")
    assert (await attached(door, kind="report")).status_code == 422


async def test_bytes_that_cannot_be_kept_are_no_file(door: Door) -> None:
    door.files.joinpath(_first_letters()).write_bytes(b"")  # Where its folder would be.

    answer = await attached(door)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:rollcall:problem:files-away")
    assert (await door.http.get(FILES)).json() == []


def _first_letters() -> str:
    return hashlib.sha256(f"{SESSION}/{SHA}".encode()).hexdigest()[:2]


async def test_what_is_taken_away_is_deleted_and_that_it_was_there_is_kept(door: Door) -> None:
    await attached(door)
    assert (await remove(door, by="other")).status_code == 403

    gone = (await remove(door)).json()

    assert (gone["outcome"], gone["file"]["note"]) == ("FileRemoved", "of another training")
    assert await Folder(door.files).get(SESSION, SHA) is None
    assert (await door.http.get(f"{FILES}/{SHA}", headers=door.by("office"))).status_code == 410
    assert (await remove(door)).json()["outcome"] == "AlreadyRemoved"
    assert (await attached(door, key="file-3")).json()["outcome"] == "FileAttached"
    assert await Folder(door.files).get(SESSION, SHA) == SCAN


async def test_bytes_that_are_others_by_now_are_not_served_as_these(door: Door) -> None:
    await attached(door)
    (path,) = (one for one in door.files.rglob("*") if one.is_file())
    path.write_bytes(SCAN + b"altered")

    assert (await door.http.get(f"{FILES}/{SHA}", headers=door.by("office"))).status_code == 410
    contents = (await unzipped(door)).read("CONTENTS.txt").decode()
    assert f"- the bytes of {SHA}, or they are others by now" in contents


async def test_the_papers_of_a_session_are_one_zip_that_says_what_is_missing(door: Door) -> None:
    await door.runtime.decider.act([scan("anna")])
    early = (await unzipped(door)).read("CONTENTS.txt").decode()
    for missing in ("the closed list of day-1", "the signed list of day-1", "the agenda"):
        assert f"- {missing}" in early
    await door.runtime.decider.act([close(at=ENDS)])
    await attached(door)
    await attached(door, b"\x89PNG\r\n\x1a\nagenda", key="file-2", kind="agenda", name="agenda.png")

    papers = await unzipped(door)

    names = set(papers.namelist())
    contents = papers.read("CONTENTS.txt").decode()
    assert "Nothing is missing." in contents
    assert papers.read(f"signed/day-1-{SHA[:16]}.pdf") == SCAN
    assert {one.partition("/")[0] for one in names} == {
        *("CONTENTS.txt", "list.pdf", "records.csv", "history.csv", "certificates", "signed", "agenda"),
    }
    assert all(name in contents for name in names - {"CONTENTS.txt"})
    assert SHA in contents
    assert "Anna" in papers.read("records.csv").decode("utf-8-sig")
    assert (await door.http.get(f"/api/v1/sessions/{SESSION}/papers/zip")).status_code == 403


async def test_nobody_who_was_erased_has_a_name_in_the_zip_and_it_says_where_one_may_stand(door: Door) -> None:
    await door.runtime.decider.act([scan("anna"), scan("jan")])
    await door.runtime.decider.act([close(at=ENDS)])
    await attached(door)
    await door.runtime.decider.act([heard(PersonErased(person_id="anna"), at=LATER)])

    papers = await unzipped(door)

    printed = [text_of(papers.read(one)) for one in papers.namelist() if one.startswith(("list", "certificates"))]
    said = papers.read("records.csv").decode("utf-8-sig")
    assert "Jan" in said
    assert "Anna" not in "".join([*printed, said])
    assert "what was scanned may show it" in papers.read("CONTENTS.txt").decode()


async def test_the_records_of_a_session_say_for_which_town_somebody_came_then_and_what_was_on_days_dropped_since(
    door: Door,
) -> None:
    """As reports and certificates count them."""
    await door.runtime.decider.act([scan("anna"), scan("jan")])
    await door.runtime.decider.act([close(at=ENDS)])
    door.clock[0] = LATER
    await door.runtime.decider.act([restated("anna", town="town-2", at=LATER)])
    await door.runtime.decider.act([rescheduled(day("d-1"), at=LATER)])

    of_anna = [(row[0], row[4], row[6], row[7]) for row in await records_of(door, "anna")]
    assert of_anna == [("d-1", "town-2", "not_yet", ""), ("day-1", "town-of-anna", "present", "360")]


async def missing_of(door: Door) -> list[str]:
    """What the table of contents says is missing."""
    said = (await unzipped(door)).read("CONTENTS.txt").decode().splitlines()
    return [line.removeprefix("- ") for line in said if line.startswith("- ")]


async def test_while_a_list_is_put_right_the_papers_say_so_also_of_a_day_that_was_dropped_meanwhile(door: Door) -> None:
    """Whoever looks at the certificates meanwhile reads that they are of before that; in doubt is none of them."""
    two = (day(), day("day-2", days_later=1))
    opened_at = door.clock[0] = LATER + A_DAY
    await door.runtime.decider.act([rescheduled(*two), scan("anna"), scan("anna", "day-2", at=DURING + A_DAY)])
    await door.runtime.decider.act([close(at=ENDS)])
    await door.runtime.decider.act([close("day-2", at=ENDS + A_DAY)])
    await door.runtime.decider.act([reopening(at=opened_at)])
    opened = f"it had closed, and office opened it at {opened_at.isoformat()} to put it right (closed too soon)"
    said = f"the closed list of day-1: {opened}; until it has closed again certificates are as they were before that"
    assert said in await missing_of(door)

    await door.runtime.decider.act([rescheduled(two[1], at=opened_at)])

    assert said in await missing_of(door)
    assert [row[6:] for row in await records_of(door, "anna") if row[0] == "day-1"] == [["present", "360"]]
    async with door.runtime.engine.connect() as connection:
        assert (await books(connection, RULES))["open"]["certificates_in_doubt"] == 0

    door.clock[0] += RULES.close_after
    await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), door.clock[0])])
    assert [one for one in await missing_of(door) if one.startswith("the closed list")] == []


async def test_of_a_session_that_was_called_off_after_a_day_of_it_was_held_that_days_papers_are_asked_for(
    door: Door,
) -> None:
    two = (day(), day("day-2", days_later=1))
    await door.runtime.decider.act([rescheduled(*two), scan("anna"), close(at=ENDS)])
    door.clock[0] = LATER
    await door.runtime.decider.act([cancelled(*two, at=LATER)])

    assert await missing_of(door) == ["the signed list of day-1", "the agenda"]
    assert "The session is cancelled" in (await unzipped(door)).read("CONTENTS.txt").decode()


async def test_a_signed_list_is_of_the_day_it_was_signed_on_whatever_that_is_called_since(door: Door) -> None:
    await door.runtime.decider.act([scan("anna"), close(at=ENDS)])
    door.clock[0] = LATER
    await door.runtime.decider.act([rescheduled(day("d-1"), at=LATER)])
    assert "the signed list of day-1" in await missing_of(door)

    assert (await attached(door)).json()["outcome"] == "FileAttached"

    assert "the signed list of day-1" not in await missing_of(door)


async def records_of(door: Door, person: str) -> list[list[str]]:
    lines = (await unzipped(door)).read("records.csv").decode("utf-8-sig").splitlines()
    return [row for line in lines if (row := line.split(";"))[1] == person]


async def test_what_is_printed_before_a_day_is_over_confirms_no_hours_of_it(door: Door) -> None:
    await door.runtime.decider.act([scan("anna"), scan("jan")])
    await door.runtime.decider.act([mark("jan", "left_early", at=DURING + dt.timedelta(hours=1))])
    path = f"/api/v1/sessions/{SESSION}/meetings/day-1/people"

    async def confirmed(person: str) -> str:
        return text_of((await door.http.get(f"{path}/{person}/confirmation/pdf")).content)

    door.clock[0] = DURING + dt.timedelta(hours=1)
    assert "Anna Ćwik" in await confirmed("anna") and "godz." not in await confirmed("anna")
    assert "1 godz. zegarowych 10 min" in await confirmed("jan")  # Who has left already was there for so long.
    door.clock[0] = ENDS
    assert "6 godz. zegarowych" in await confirmed("anna")
