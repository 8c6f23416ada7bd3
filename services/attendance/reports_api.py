"""Reports over HTTP, also as CSV and XLSX: the figures of reporting.py, and whom each of them counts."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from services.attendance import reporting
from services.attendance.counting import Asked, By, Figure
from services.attendance.exporting import Cell, as_csv, as_xlsx
from services.attendance.hours import CLOCK_MINUTES, teaching_hours
from services.attendance.lists import ListRules
from services.attendance.paths import PersonId
from services.attendance.settings import AttendanceSettings
from shared.contracts.model import Date, Id, Language, Moment
from shared.contracts.planner import SessionKind
from shared.problems import READ
from shared.process.runtime import Runtime
from shared.web.answers import Shape, exemplified
from shared.web.asking import MOST_LISTED, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes

_FIRST_DAY, _LAST_DAY = dt.date(2000, 1, 1), dt.date(2199, 12, 31)


def _of_our_time(day: dt.date) -> dt.date:
    """Beyond these nothing is: clocks of the place are known there, and their ends can be counted."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def _moment_of_our_time(moment: dt.datetime) -> dt.datetime:
    first, last = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (_FIRST_DAY, _LAST_DAY))
    return min(max(moment, first), last)


Day = Annotated[Date, AfterValidator(_of_our_time)]


_BYS = "|".join(By)


class ReportAsked(BaseModel):
    """What a report is about; what is not said narrows nothing."""

    model_config = ConfigDict(extra="forbid")

    as_of: Annotated[Moment, AfterValidator(_moment_of_our_time)] | None = Field(
        None, description="By what had been heard then: the report as it was made at that moment. None: now."
    )
    since: Day | None = Field(None, description="Meetings from this day on, by Polish time.")
    until: Day | None = Field(None, description="Meetings up to this day, which is included.")
    city_id: Id | None = Field(None, description="People who came for this town.")
    stage: int | None = Field(None, ge=1, le=99, description="Towns that have qualified in this stage.")
    phase: int | None = Field(None, ge=1, le=99)
    kind: SessionKind | None = None
    topic: Id | None = None
    session_id: Id | None = None
    person_id: Id | None = Field(None, description="Under any of the ids that they have had.")
    is_unknown: str | None = Field(
        None,
        pattern=rf"^({_BYS})(,({_BYS}))*$",
        max_length=100,
        description="Those of whom this is not known: the row without a key. Several, with commas between them: of whom none is known.",
        examples=["town", "town,topic"],
    )

    def asked(self, rules: ListRules) -> Asked:
        said = {name: getattr(self, name) for name in ReportAsked.model_fields}
        said["is_unknown"] = tuple(By(one) for one in (self.is_unknown or "").split(",") if one)
        return Asked(
            **said, scans_before=rules.scans_before, scans_after=rules.scans_after, live_since=rules.live_since
        )


class LinesAsked(ReportAsked):
    """Whom a figure counts, page by page."""

    after: str = Field(
        "",
        pattern=r"^([A-Za-z0-9._:-]{1,64}/[A-Za-z0-9._:-]{0,64}/[A-Za-z0-9._:-]{1,64})?$",
        description="`cursor` of the last one of the page before.",
    )
    limit: int = Field(100, ge=1, le=MOST_LISTED)


class PeopleAsked(ReportAsked):
    """Which people a figure counts, page by page."""

    after: str = Field("", pattern=r"^[A-Za-z0-9._:-]{0,64}$", description="`person_id` of the last one.")
    limit: int = Field(100, ge=1, le=MOST_LISTED)


_FIGURES: dict[str, JsonValue] = {
    "key": "geonames:776597",
    "name": "Augustów",
    "enrolled": 40,
    "present": 31,
    "late": 2,
    "left_early": 1,
    "absent": 9,
    "excused": 3,
    "without_place": 1,
    "people": 31,
    "rate_percent": 76.9,
    "minutes": 11160,
    "clock_hours": 186.0,
    "teaching_hours": 248.0,
}


class Figures(Shape):
    """The figures of one group. Trainers and observers are in none of them."""

    model_config = exemplified(**_FIGURES)

    key: str | None = Field(description="Null: it is not known; or all of it.")
    name: str | None
    enrolled: int = Field(description="Places in sessions that take place.")
    present: int = Field(description="Person and meeting: came, however late.")
    late: int = Field(description="Of those present.")
    left_early: int = Field(description="Of those present.")
    absent: int = Field(description="Person and meeting: awaited, and did not come.")
    excused: int = Field(description="Of those absent.")
    without_place: int = Field(description="Of those present: not awaited.")
    people: int = Field(description="Who came at least once; each human once, whatever ids they have had.")
    rate_percent: float | None = Field(description="Of those awaited of whom it is known, how many came.")
    minutes: int
    clock_hours: float = Field(description="Hours of 60 minutes, cut off behind one digit.")
    teaching_hours: float = Field(description="Hours of 45 minutes, cut off behind one digit.")


class ReportShown(Shape):
    """A report. Who was invited is not known to attendance, and is left out."""

    model_config = exemplified(
        by="town", as_of="2026-10-31T23:00:00Z", total=_FIGURES | {"key": None, "name": None}, rows=[_FIGURES]
    )

    by: By
    as_of: dt.datetime | None
    total: Figures = Field(description="All of it: somebody who came for two towns is one person.")
    rows: list[Figures]


class LineShown(Shape):
    """A place, or a person at a meeting, that a figure counts."""

    model_config = exemplified(
        session_id="session-0001",
        meeting_id="day-1",
        person_id="person-0001",
        human="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        state="present",
        with_place=True,
        minutes=360,
        entry_at="2026-10-24T07:00:00Z",
        exit_at="2026-10-24T13:00:00Z",
        cursor="session-0001/day-1/person-0001",
    )

    session_id: str
    meeting_id: str | None = Field(description="Null: it is a place.")
    person_id: str
    human: str = Field(description="Who that turned out to be.")
    given_name: str | None
    family_name: str | None
    city_id: str | None
    state: str | None
    with_place: bool
    minutes: int | None
    entry_at: dt.datetime | None
    exit_at: dt.datetime | None
    cursor: str


class HumanShown(Shape):
    """Somebody who came."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        meetings=4,
        minutes=1440,
        first_entry_at="2026-10-24T07:00:00Z",
        last_exit_at="2027-03-12T14:00:00Z",
    )

    person_id: str
    given_name: str | None
    family_name: str | None
    meetings: int
    minutes: int
    first_entry_at: dt.datetime
    last_exit_at: dt.datetime


class PeriodShown(Shape):
    """What came of a target of the settings, and of all up to it."""

    model_config = exemplified(
        since="2026-07-01", until="2026-12-31", new=540, new_target=600, cumulative=1020, cumulative_target=1100
    )

    since: dt.date | None = Field(description="Null: from the beginning.")
    until: dt.date
    new: int = Field(description="People whose first meeting ever lies in the period.")
    new_target: int
    cumulative: int
    cumulative_target: int


class TrainerShown(Shape):
    """What a trainer has held: meetings that are over and at which somebody was seen."""

    model_config = exemplified(
        trainer_id="person-0900",
        given_name="Jan",
        family_name="Nowak",
        meetings=12,
        minutes=4320,
        clock_hours=72.0,
        teaching_hours=96.0,
    )

    trainer_id: str
    given_name: str | None
    family_name: str | None
    meetings: int
    minutes: int
    clock_hours: float
    teaching_hours: float


class DeliveredShown(Shape):
    """A meeting that a trainer has held."""

    model_config = exemplified(
        trainer_id="person-0900",
        session_id="session-0001",
        meeting_id="day-1",
        topic="climate",
        starts_at="2026-10-24T07:00:00Z",
        ends_at="2026-10-24T13:00:00Z",
        minutes=360,
    )

    trainer_id: str
    session_id: str
    meeting_id: str
    topic: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    minutes: int


class CsvResponse(Response):
    media_type = "text/csv"


class XlsxResponse(Response):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


ByPath = Annotated[By, Path(description="What there is a row for.", examples=["town"])]
In = Annotated[Language, Query(description="The language of names and headings.")]
LineFigure = Literal["enrolled", "present", "late", "left_early", "absent", "excused", "without_place"]
PeopleFigure = Literal["people", "new_people"]


def report_routes(runtime: Runtime, settings: AttendanceSettings) -> Routes:
    """Reports, whom they count, and the same as files."""
    routes = Routes(prefix="/api/v1/reports", dependencies=[Reader])
    answers: dict[str, Any] = {"responses": may_answer(*READ)}
    rules = settings.rules

    async def shown(by: By, asked: Asked, language: Language) -> ReportShown:
        return await report_shown(runtime, by, asked, language)

    @routes.get("/by/{by}", **answers)
    async def show_report(by: ByPath, asked: Annotated[ReportAsked, Query()]) -> ReportShown:
        """Enrolled, present, hours, rate and people: a row for each town, stage, phase, kind, topic, session or person.

        `as_of` a past moment it is the report that was made then.
        """
        return await shown(by, asked.asked(rules), Language.PL)

    @routes.get("/by/{by}/csv", response_class=CsvResponse, **answers)
    async def report_as_csv(by: ByPath, asked: Annotated[ReportAsked, Query()]) -> Response:
        """The same for a spreadsheet: UTF-8, `;` between cells, a comma in numbers."""
        found = await shown(by, asked.asked(rules), Language.PL)
        return await _file(CsvResponse, as_csv, f"{by}.csv", *table_of(found))

    @routes.get("/by/{by}/xlsx", response_class=XlsxResponse, **answers)
    async def report_as_xlsx(by: ByPath, asked: Annotated[ReportAsked, Query()]) -> Response:
        """The same as XLSX."""
        found = await shown(by, asked.asked(rules), Language.PL)
        return await _file(
            XlsxResponse, lambda head, rows: as_xlsx("Raport", head, rows), f"{by}.xlsx", *table_of(found)
        )

    @routes.get("/lines/{figure}", **answers)
    async def list_lines(
        figure: Annotated[LineFigure, Path(examples=["present"])], asked: Annotated[LinesAsked, Query()]
    ) -> list[LineShown]:
        """Exactly the places, or the people at meetings, that a figure of a report with the same filters counts."""
        async with runtime.engine.connect() as connection:
            found = await reporting.lines_of(
                connection, Figure(figure), asked.asked(rules), after=asked.after, limit=asked.limit
            )
        return [_as(LineShown, one) for one in found]

    @routes.get("/people/{figure}", **answers)
    async def list_people(
        figure: Annotated[PeopleFigure, Path(examples=["people"])], asked: Annotated[PeopleAsked, Query()]
    ) -> list[HumanShown]:
        """Exactly the people whom a figure counts, with when they first came and last left. `new_people`: those who had not come before
        `since`."""
        async with runtime.engine.connect() as connection:
            found = await reporting.people_of(
                connection, Figure(figure), asked.asked(rules), after=asked.after, limit=asked.limit
            )
        return [_as(HumanShown, one) for one in found]

    @routes.get("/targets", **answers)
    async def show_targets(asked: Annotated[ReportAsked, Query()]) -> list[PeriodShown]:
        """New and cumulative people of each period that the settings have a target for. What is asked for as a period plays no part."""
        async with runtime.engine.connect() as connection:
            found = await reporting.progress(connection, settings.targets, asked.asked(rules))
        return [_as(PeriodShown, one) for one in found]

    @routes.get("/trainers", **answers)
    async def show_trainers(asked: Annotated[ReportAsked, Query()]) -> list[TrainerShown]:
        """Delivered hours by trainer, of the period and as of the moment asked for; the other filters play no part."""
        async with runtime.engine.connect() as connection:
            found = await reporting.trainers(connection, asked.asked(rules), runtime.service.clock())
        return [
            TrainerShown(
                trainer_id=one.trainer_id,
                given_name=one.given_name,
                family_name=one.family_name,
                meetings=one.meetings,
                minutes=one.minutes,
                **hours_of(one.minutes),
            )
            for one in found
        ]

    @routes.get("/trainers/{person_id}/meetings", **answers)
    async def list_delivered(person_id: PersonId, asked: Annotated[ReportAsked, Query()]) -> list[DeliveredShown]:
        """Exactly the meetings whose hours a trainer has."""
        async with runtime.engine.connect() as connection:
            found = await reporting.meetings_of(connection, person_id, asked.asked(rules), runtime.service.clock())
        return [_as(DeliveredShown, one) for one in found]

    return routes


async def report_shown(runtime: Runtime, by: By, asked: Asked, language: Language) -> ReportShown:
    """The report behind every shape of it."""
    async with runtime.engine.connect() as connection:
        found = await reporting.report(connection, by, asked)
        names = await reporting.names_of(connection, by, [row.key for row in found.rows if row.key], language)
    return ReportShown(
        by=by,
        as_of=asked.as_of,
        total=_figures(found.total, None),
        rows=[_figures(row, names.get(row.key or "")) for row in _read(found.rows, names)],
    )


def _read(rows: Sequence[reporting.Row], names: dict[str, reporting.Called]) -> Sequence[reporting.Row]:
    """In the order in which people read them: by what they are called; what has no name of its own by its key, as they stand."""
    return sorted(rows, key=lambda row: reporting.in_alphabet(names, row.key)) if names else rows


def _figures(row: reporting.Row, called: reporting.Called | None) -> Figures:
    counts: dict[str, Any] = {figure.value: count for figure, count in row.counts.items()} | hours_of(row.minutes)
    return Figures(
        key=row.key, name=called.name if called else None, **counts, rate_percent=row.rate, minutes=row.minutes
    )


def hours_of(minutes: int) -> dict[str, float]:
    """Both kinds of hours, never more than there were."""
    clock = minutes * 10 // CLOCK_MINUTES / 10
    return {"clock_hours": clock, "teaching_hours": float(teaching_hours(minutes))}


def _as(kind: Callable[..., Any], one: Any) -> Any:
    return kind(**{name: getattr(one, name) for name in kind.model_fields})  # type: ignore[attr-defined]


HEAD = {
    "key": "identyfikator",
    "name": "nazwa",
    "enrolled": "miejsca",
    "present": "obecności",
    "late": "w tym spóźnienia",
    "left_early": "w tym wyjścia przed końcem",
    "absent": "nieobecności",
    "excused": "w tym usprawiedliwione",
    "without_place": "obecności bez miejsca",
    "people": "osoby",
    "rate_percent": "frekwencja (%)",
    "minutes": "minuty",
    "clock_hours": "godziny zegarowe (60 min)",
    "teaching_hours": "godziny lekcyjne (45 min)",
}
"""The headings of a file, which the office reads in Polish."""
NOT_KNOWN = "nieznane"
"""What the page calls a row without a key."""


def table_of(report: ReportShown) -> tuple[Sequence[str], list[Sequence[Cell]]]:
    """A report as a table; its last row is all of it."""
    rows = [
        [NOT_KNOWN if one.key is None and name == "name" else getattr(one, name) for name in HEAD]
        for one in report.rows
    ]
    total = [getattr(report.total, name) for name in HEAD]
    return list(HEAD.values()), [*rows, ["razem", *total[1:]]]


async def _file(
    kind: type[Response],
    written: Callable[[Sequence[str], list[Sequence[Cell]]], bytes],
    name: str,
    head: Sequence[str],
    rows: list[Sequence[Cell]],
) -> Response:
    content = await asyncio.to_thread(written, head, rows)
    return kind(content, headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})
