"""Reports over HTTP: figures, files for a spreadsheet and pages say the same, and no cell is a formula. On a real database."""

from __future__ import annotations

import base64
import csv
import dataclasses
import html
import io
import re
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from services.attendance.api import app_of
from services.attendance.app import service_of
from services.attendance.exporting import as_csv, as_xlsx, harmless
from services.attendance.reports_api import HEAD
from services.attendance.settings import AttendanceSettings
from shared.contracts.attendance import ParticipantAttended
from shared.contracts.directory import PersonRegistered
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityQualified
from shared.contracts.survey import TrainingNeedDeclared
from shared.process.runtime import Runtime
from shared.web import tokens
from shared.web.pages.kit import Office, Pages
from tests.attendance.building import ARCHIVE, BEFORE, DURING, LATER, RULES, enrolled, heard, mark, scan, scheduled

FIGURES = ("enrolled", "present", "late", "left_early", "absent", "excused", "without_place")


@dataclasses.dataclass
class Desk:
    runtime: Runtime
    http: httpx.AsyncClient
    token: str

    async def get(self, path: str) -> Any:
        answer = await self.http.get(f"/api/v1/reports/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Desk]:
    text, row = tokens.new_token("office", ("read",), now=DURING)
    targets: Any = [{"until": "2026-12-31", "people": 4}]
    settings = AttendanceSettings(kafka="127.0.0.1:9", database_url=SecretStr(url), port=0, report_targets=targets)
    runtime = Runtime(dataclasses.replace(service_of(RULES), clock=lambda: LATER), settings)
    async with runtime.engine.begin() as connection:
        await tokens.store(connection, row)
    app = app_of(runtime, settings)
    Pages("services.attendance.pages", Office("Biuro", "biuro@example.org")).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {text}"}
    town = {"city_id": "town-of-anna", "stage": 1, "name": "=Łódź", "decided_on": "2026-03-02"}
    said = [scheduled(trainers=("t-1",)), *(enrolled(one) for one in ("anna", "ewa", "jan"))]
    said += [scan("anna"), scan("ewa"), mark("jan", "excused"), heard(CityQualified(**town), at=BEFORE)]
    said += [heard(PersonRegistered(person_id="anna", given_name="Anna", family_name="Żółć"), at=BEFORE)]
    for one in said:
        await runtime.decider.act([one])
    async with httpx.AsyncClient(transport=transport, base_url="http://attendance", headers=headers) as client:
        yield Desk(runtime, client, text)
    await runtime.engine.dispose()


@pytest.mark.long  # Every figure by everything.
async def test_every_figure_of_every_report_is_as_many_as_its_list_has(desk: Desk) -> None:
    for by, narrowed in (("town", "city_id"), ("session", "session_id"), ("topic", "topic"), ("person", "person_id")):
        report = await desk.get(f"by/{by}")
        for row in report["rows"]:
            for figure in FIGURES:
                listed = await desk.get(f"lines/{figure}?{narrowed}={row['key']}")
                assert len(listed) == row[figure], (by, figure)
            assert len(await desk.get(f"people/people?{narrowed}={row['key']}")) == row["people"]
    assert report["total"]["present"] == 2


async def test_hours_are_always_said_which(desk: Desk) -> None:
    total = (await desk.get("by/town"))["total"]
    assert (total["minutes"], total["clock_hours"], total["teaching_hours"]) == (720, 12.0, 16.0)
    (trainer,) = await desk.get("trainers")
    assert (trainer["clock_hours"], trainer["teaching_hours"]) == (6.0, 8.0)
    held = await desk.get("trainers/t-1/meetings")
    assert len(held) == trainer["meetings"]
    assert {one for one in HEAD.values() if "godziny" in one} == {
        "godziny zegarowe (60 min)",
        "godziny lekcyjne (45 min)",
    }


async def test_the_files_say_what_the_api_says(desk: Desk) -> None:
    report = await desk.get("by/town")
    answer = await desk.http.get("/api/v1/reports/by/town/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    present = head.index("obecności")
    assert [int(row[present]) for row in rows] == [row["present"] for row in [*report["rows"], report["total"]]]
    assert [row[1] for row in rows if row[0] == "town-of-anna"] == ["'=Łódź"]
    sheet = (await desk.http.get("/api/v1/reports/by/town/xlsx")).content
    with zipfile.ZipFile(io.BytesIO(sheet)) as book:
        written = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=Łódź" in written
    assert "<f>" not in written


@pytest.mark.parametrize("text", ["=1+1", "+48 600", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1"])
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}"
    with zipfile.ZipFile(io.BytesIO(as_xlsx("x", [text], [[text]]))) as book:
        assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()


def test_numbers_stay_numbers_and_names_stay_names() -> None:
    written = as_csv(["a"], [[-5, 66.7, "Żółć", None]]).decode("utf-8-sig")
    assert written == "a\r\n-5;66,7;Żółć;\r\n"


async def test_towns_and_people_stand_in_the_order_of_the_polish_alphabet_wherever_they_are_read(desk: Desk) -> None:
    names = {"p-1": "Zamość", "p-2": "Ćmielów", "p-3": "Łomża", "p-4": "Cieszyn", "p-5": "Lublin"}
    for person, name in names.items():
        town = {"city_id": f"town-of-{person}", "stage": 1, "name": name, "decided_on": "2026-03-02"}
        called = PersonRegistered(person_id=person, given_name="Ala", family_name=name)
        await desk.runtime.decider.act(
            [heard(CityQualified.model_validate(town), at=BEFORE), heard(called, at=BEFORE), enrolled(person)]
        )
    await desk.runtime.decider.act([mark("walk-in-1")])
    in_order = ["Cieszyn", "Ćmielów", "Lublin", "Łomża", "Zamość"]

    rows = (await desk.get("by/town"))["rows"]
    assert [one["name"] for one in rows if one["name"] in in_order] == in_order
    assert rows[-1]["key"] is None
    people = (await desk.get("by/person"))["rows"]
    assert [one["name"] for one in people if one["key"] in names] == [f"Ala {name}" for name in in_order]
    for where in ("/api/v1/reports/by/town/csv", "/report?by=town&lang=pl"):
        text = (await desk.http.get(where)).content.decode("utf-8-sig")
        assert sorted(in_order, key=text.index) == in_order


async def test_whoever_is_of_no_town_is_called_the_same_wherever_they_are_read(desk: Desk) -> None:
    await desk.runtime.decider.act([mark("walk-in-1")])

    page = (await desk.http.get("/report?by=town&lang=pl")).text
    assert '<th scope="row">nieznane</th>' in page and re.search(r'<text x="0" y="\d+">nieznane</text>', page)
    assert "nieznane: 1" in page and "–: 1" not in page
    for path in ("by/town", "needs"):
        answer = await desk.http.get(f"/api/v1/reports/{path}/csv")
        *_, unknown, _ = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
        assert unknown[:2] == ["", "nieznane"]


async def test_a_page_writes_numbers_as_its_reader_does(desk: Desk) -> None:
    report = (await desk.get("by/town"))["total"]
    for language, comma in (("pl", ","), ("en", ".")):
        page = (await desk.http.get(f"/report?by=town&lang={language}")).text
        whom = (await desk.http.get(f"/report/people?lang={language}")).text
        for figure in ("rate_percent", "clock_hours", "teaching_hours"):
            assert f"<td>{str(report[figure]).replace('.', comma)}</td>" in page, figure
        assert not re.search(rf"<td>\d+[{'.' if comma == ',' else ','}]\d</td>", page + whom)


async def test_the_page_shows_the_same_and_every_figure_leads_to_whom_it_counts(desk: Desk) -> None:
    page = await desk.http.get("/report?by=town&lang=en")
    assert page.status_code == 200
    links = [
        (link.replace("&amp;", "&"), int(number))
        for link, number in re.findall(r'<td><a href="(report/[^"]+)">(\d+)</a>', page.text)
    ]
    assert len(links) == 5 * 4 + 2
    for link, number in links:
        listed = await desk.http.get(f"/{link}")
        assert listed.text.count('<th scope="row">') == number, link
    assert "Clock hours (60 min)" in page.text
    assert "<svg" in page.text
    assert "<script" not in page.text.replace("<script src", "")


@pytest.mark.long  # Every figure by everything.
async def test_of_whom_several_things_are_not_known_a_figure_leads_to_those_it_counts(desk: Desk) -> None:
    """A walk-in of a training that is known; of another one, which nobody has announced, somebody of a town and somebody of none."""
    elsewhere = {"session_id": "elsewhere", "meeting_id": "day-1", "scanned_at": BEFORE, "decided_at": BEFORE}
    await desk.runtime.decider.act([mark("walk-in-1")])
    for person, city_id in (("p-1", None), ("p-2", "town-of-anna")):
        body = ParticipantAttended(person_id=person, city_id=city_id, with_place=True, minutes=60, **elsewhere)
        await desk.runtime.decider.act([heard(body, at=BEFORE, source=ARCHIVE)])

    for path in ("/report?by=town&is_unknown=topic", "/report?by=kind&is_unknown=town", "/report/needs?lang=en"):
        page = await desk.http.get(path)
        links = [
            (html.unescape(link), int(number))
            for link, number in re.findall(r'<td><a href="((?:report/|people)[^"]+)">(\d+)</a>', page.text)
        ]
        assert len(links) >= 2, path
        for link, number in links:
            listed = await desk.http.get(f"/{link}" if link.startswith("report") else f"/report/{link}")
            assert listed.text.count('<th scope="row">') == number, (path, link)
    one = await desk.get("lines/present?is_unknown=topic,town")
    assert [each["person_id"] for each in one] == ["p-1"]


async def test_pages_and_files_call_kinds_towns_and_levels_as_people_do(desk: Desk) -> None:
    body = TrainingNeedDeclared(need_id="n-1", city_id="town-of-anna", topic="climate", level="basic", people=1)
    topic = TopicDefined(rule_id="r-1", topic="climate", name_pl="Adaptacja", name_en="Adaptation")
    await desk.runtime.decider.act([heard(body, at=BEFORE, source="urn:example:survey"), heard(topic, at=BEFORE)])

    shown = {
        path: (await desk.http.get(path)).text
        for path in ("/report?by=kind&lang=pl", "/report/present?lang=pl", "/report/needs/declared?lang=pl")
    }
    by_kind, whom, needs = shown.values()
    assert '<th scope="row">Szkolenie pogłębione</th>' in by_kind and "<td>=Łódź</td>" in whom
    for cell in ("=Łódź", "Adaptacja", "Podstawowy"):
        assert f"<td>{cell}</td>" in needs
    for code in ("in_depth", "town-of-anna", "basic", "climate"):
        assert not any(f">{code}<" in page for page in shown.values()), code
    assert ";Szkolenie pogłębione;" in (await desk.http.get("/api/v1/reports/by/kind/csv")).text
    assert "In-depth training" in (await desk.http.get("/report?by=kind&lang=en")).text


async def test_a_browser_says_the_token_as_its_password_and_nobody_else_sees_a_report(desk: Desk) -> None:
    password = base64.b64encode(f"office:{desk.token}".encode()).decode()
    assert (await desk.http.get("/report", headers={"Authorization": f"Basic {password}"})).status_code == 200
    for refused in ("", "Basic x", "Bearer rc_x_y", f"Basic {base64.b64encode(b'office:wrong').decode()}"):
        for path in ("/report", "/report/people"):
            answer = await desk.http.get(path, headers={"Authorization": refused})
            assert answer.status_code == 401
            assert "WWW-Authenticate" in answer.headers
            assert "Żółć" not in answer.text
    assert (await desk.http.get("/api/v1/reports/by/town", headers={"Authorization": ""})).status_code == 401


async def test_targets_stand_beside_what_came_of_them(desk: Desk) -> None:
    (period,) = await desk.get("targets")
    assert (period["new"], period["new_target"], period["cumulative"]) == (2, 4, 2)


def test_targets_that_are_not_in_order_are_refused() -> None:
    days: Any = [{"until": "2026-12-31", "people": 4}, {"until": "2026-06-30", "people": 4}]
    with pytest.raises(ValidationError, match="after the one before it"):
        AttendanceSettings(kafka="x:1", database_url=SecretStr("x"), port=0, report_targets=days)
