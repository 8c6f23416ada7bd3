"""Needs declared and met over HTTP, and whom and what each figure counts; the same as CSV and XLSX."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, JsonValue

from services.attendance import needs
from services.attendance.counting import Asked, By
from services.attendance.exporting import Cell, as_csv, as_xlsx
from services.attendance.lists import ListRules
from services.attendance.reporting import in_alphabet, names_of
from services.attendance.reports_api import NOT_KNOWN, CsvResponse, PeopleAsked, ReportAsked, XlsxResponse
from shared.contracts.model import Language
from shared.contracts.survey import NeedLevel
from shared.problems import READ
from shared.process.runtime import Runtime
from shared.web.answers import Shape, exemplified
from shared.web.asking import Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes

_MET: dict[str, JsonValue] = {
    "city_id": "geonames:776597",
    "town": "Augustów",
    "topic": "climate",
    "title": "Adaptacja do zmian klimatu",
    "declared": 18,
    "trained": 15,
    "met": 15,
    "unmet": 3,
}


class MetShown(Shape):
    """What a town has declared on a topic, and what came of it."""

    model_config = exemplified(**_MET)

    city_id: str | None = Field(description="Null: it is not known.")
    town: str | None
    topic: str | None
    title: str | None = Field(description="What the topic is called.")
    declared: int = Field(
        description="People for whom the town has declared a need. `GET …/needs/declared` lists the needs."
    )
    trained: int = Field(
        description="People who came for the town to a training on the topic, each human once. `GET …/people/people` lists them."
    )
    met: int = Field(description="Of those declared: no more than there are.")
    unmet: int = Field(description="Of those declared.")


class NeedsShown(Shape):
    """Needs declared and met by town and topic."""

    model_config = exemplified(declared=18, met=15, unmet=3, rows=[_MET])

    declared: int = Field(description="Of all rows; so are the two below.")
    met: int
    unmet: int
    rows: list[MetShown]


class NeedShown(Shape):
    """A need that a town has declared."""

    model_config = exemplified(
        need_id="need-776597-climate",
        city_id="geonames:776597",
        topic="climate",
        level="basic",
        audience="departments of environment and investments",
        people=18,
    )

    need_id: str
    city_id: str
    topic: str
    level: NeedLevel
    audience: str | None
    people: int


def need_routes(runtime: Runtime) -> Routes:
    """Needs declared and met, and the same as files."""
    routes = Routes(prefix="/api/v1/reports/needs", dependencies=[Reader])
    answers: dict[str, Any] = {"responses": may_answer(*READ)}
    rules: ListRules = runtime.service.rules

    @routes.get("", **answers)
    async def show_needs(asked: Annotated[ReportAsked, Query()]) -> NeedsShown:
        """For how many each town has declared a need on each topic, how many came, and what is met. `since` and `until` are about trainings;
        `as_of` is about all of it."""
        return await needs_shown(runtime, asked.asked(rules), Language.PL)

    @routes.get("/csv", response_class=CsvResponse, **answers)
    async def needs_as_csv(asked: Annotated[ReportAsked, Query()]) -> Response:
        """The same for a spreadsheet: UTF-8, `;` between cells."""
        found = await needs_shown(runtime, asked.asked(rules), Language.PL)
        return _file(CsvResponse, await asyncio.to_thread(as_csv, *_table(found)), "needs.csv")

    @routes.get("/xlsx", response_class=XlsxResponse, **answers)
    async def needs_as_xlsx(asked: Annotated[ReportAsked, Query()]) -> Response:
        """The same as XLSX."""
        found = await needs_shown(runtime, asked.asked(rules), Language.PL)
        return _file(XlsxResponse, await asyncio.to_thread(as_xlsx, "Potrzeby", *_table(found)), "needs.xlsx")

    @routes.get("/declared", **answers)
    async def list_declared(asked: Annotated[PeopleAsked, Query()]) -> list[NeedShown]:
        """Exactly the needs whose people a row counts as declared; the next page begins `after` the last `need_id`."""
        async with runtime.engine.connect() as connection:
            found = await needs.declared(connection, asked.asked(rules), after=asked.after, limit=asked.limit)
        return [NeedShown(**{name: getattr(one, name) for name in NeedShown.model_fields}) for one in found]

    return routes


async def needs_shown(runtime: Runtime, asked: Asked, language: Language) -> NeedsShown:
    """The report behind every shape of it."""
    async with runtime.engine.connect() as connection:
        found = await needs.needs_met(connection, asked)
        towns = await names_of(connection, By.TOWN, sorted({one.city_id for one in found if one.city_id}), language)
        topics = await names_of(connection, By.TOPIC, sorted({one.topic for one in found if one.topic}), language)
    rows = [
        MetShown(
            city_id=one.city_id,
            town=towns[one.city_id].name if one.city_id in towns else None,
            topic=one.topic,
            title=topics[one.topic].name if one.topic in topics else None,
            declared=one.declared,
            trained=one.trained,
            met=one.met,
            unmet=one.unmet,
        )
        for one in sorted(found, key=lambda one: (in_alphabet(towns, one.city_id), in_alphabet(topics, one.topic)))
    ]
    return NeedsShown(
        declared=sum(one.declared for one in rows),
        met=sum(one.met for one in rows),
        unmet=sum(one.unmet for one in rows),
        rows=rows,
    )


HEAD = {
    "city_id": "identyfikator miasta",
    "town": "miasto",
    "topic": "temat",
    "title": "nazwa tematu",
    "declared": "zgłoszone potrzeby (osoby)",
    "trained": "przeszkolone osoby",
    "met": "potrzeby zaspokojone",
    "unmet": "potrzeby niezaspokojone",
}


def _table(found: NeedsShown) -> tuple[Sequence[str], list[Sequence[Cell]]]:
    rows: list[Sequence[Cell]] = [[_cell(one, name) for name in HEAD] for one in found.rows]
    total = ["razem", None, None, None, found.declared, None, found.met, found.unmet]
    return list(HEAD.values()), [*rows, total]


def _cell(row: MetShown, name: str) -> Cell:
    is_called = {"town": row.city_id, "title": row.topic}
    if name in is_called and is_called[name] is None:
        return NOT_KNOWN
    found: Cell = getattr(row, name)
    return found


def _file(kind: type[Response], content: bytes, name: str) -> Response:
    return kind(content, headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})
