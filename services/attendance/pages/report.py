"""Reports as pages, for whoever has a token that may read. The figures are those of the API, and each of them opens whom it counts.

A browser asks for a password, and that is the token: the same check as at the API, and nothing is kept on the page or in its address.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from services.attendance import reporting
from services.attendance.counting import Asked, By, Figure
from services.attendance.lists import ListRules
from services.attendance.reporting import within
from services.attendance.reports_api import (
    LinesAsked,
    PeopleAsked,
    ReportAsked,
    ReportShown,
    hours_of,
    report_shown,
)
from services.attendance.settings import AttendanceSettings
from services.attendance.views import town_names
from shared.contracts.model import Language
from shared.process.runtime import Runtime
from shared.web.pages.kit import Pages
from shared.web.pages.words import filters
from shared.web.routes import Routes
from shared.web.tokens import Actors

MOST_BARS = 60
WIDEST = 300
"""Of a bar, in the chart's own measure of 360."""


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules

    @routes.get("/report")
    async def show(request: Request) -> Response:
        language = pages.language(request)
        if not await may_read(request):
            return who_are_you(pages, request, language)
        query = query_of(request)
        by, asked = _by(query.pop("by", "town")), asked_of(ReportAsked, query).asked(rules)
        report = await report_shown(runtime, by, asked, language)
        settings = runtime.settings
        targets = settings.targets if isinstance(settings, AttendanceSettings) else ()
        async with runtime.engine.connect() as connection:
            periods = await reporting.progress(connection, targets, asked)
        return pages.answer(
            request,
            "report.html",
            language,
            report=report,
            when=when_of(asked, language),
            rows=[*((row, within(asked, by, row.key)) for row in report.rows), (report.total, asked)],
            bars=_bars(report),
            widest=WIDEST,
            periods=_periods(periods, asked, language),
            needs=address("report/needs", asked, language),
            to=lambda by: address("report", asked, language, by=by),
            whom=lambda figure, asked: address(f"report/{figure}", asked, language),
        )

    @routes.get("/report/{figure}")
    async def show_whom(request: Request, figure: str) -> Response:
        language = pages.language(request)
        if not await may_read(request):
            return who_are_you(pages, request, language)
        try:
            counted = Figure(figure)
        except ValueError:
            raise HTTPException(404) from None
        of_people = counted.is_of_people
        page = asked_of(PeopleAsked if of_people else LinesAsked, {"limit": "1000", **query_of(request)})
        asked = page.asked(rules)
        people: list[Any] | None = None
        lines: list[Any] = []
        async with runtime.engine.connect() as connection:
            if of_people:
                found = await reporting.people_of(connection, counted, asked, after=page.after, limit=page.limit)
                people, last = [_person(one, language) for one in found], found[-1].person_id if found else ""
            else:
                listed = await reporting.lines_of(connection, counted, asked, after=page.after, limit=page.limit)
                towns = await town_names(connection, sorted({one.city_id for one in listed if one.city_id}))
                lines, last = [_line(one, towns) for one in listed], listed[-1].cursor if listed else ""
        more = len(people if people is not None else lines) == page.limit
        return pages.answer(
            request,
            "report_people.html",
            language,
            when=when_of(asked, language),
            people=people,
            lines=lines,
            more=address(figure, asked, language, after=last, limit=str(page.limit)) if more else None,
        )


async def may_read(request: Request) -> bool:
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    text = credentials
    if kind.lower() == "basic":
        try:
            text = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    actors: Actors = request.app.state.actors
    actor = await actors.recognise(text)
    return actor is not None and "read" in actor.scopes


def who_are_you(pages: Pages, request: Request, language: Language) -> Response:
    answered = pages.answer(request, "report.html", language, status=401, report=None)
    answered.headers["WWW-Authenticate"] = 'Basic realm="Rollcall", charset="UTF-8"'
    return answered


def query_of(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if name != "lang" and value}


def _by(text: str) -> By:
    try:
        return By(text)
    except ValueError:
        raise HTTPException(404) from None


def asked_of(kind: type[Any], query: dict[str, str]) -> Any:
    try:
        return kind(**query)
    except ValidationError:
        raise HTTPException(422) from None


def address(path: str, asked: Asked, language: Language, **more: str) -> str:
    """Relative: whoever stands before us serves this service below a path of its own."""
    said = {name: getattr(asked, name) for name in ReportAsked.model_fields}
    said["is_unknown"] = ",".join(asked.is_unknown) or None
    named = {
        name: value.isoformat() if hasattr(value, "isoformat") else str(value)
        for name, value in said.items()
        if value is not None
    }
    return f"{path}?{urlencode(named | more | {'lang': language.value})}"


def when_of(asked: Asked, language: Language) -> str:
    return filters(language)["moment"](asked.as_of) if asked.as_of else ""


def _bars(report: ReportShown) -> list[dict[str, Any]]:
    if len(report.rows) > MOST_BARS:
        return []
    most = max((row.people for row in report.rows), default=0) or 1
    return [
        {"name": (row.name or row.key or "")[:44], "people": row.people, "width": WIDEST * row.people // most}
        for row in report.rows
    ]


def _periods(periods: list[reporting.Period], asked: Asked, language: Language) -> list[dict[str, Any]]:
    most = max((max(one.cumulative, one.cumulative_target) for one in periods), default=0) or 1
    return [
        {name: getattr(one, name) for name in ("until", "new", "new_target", "cumulative", "cumulative_target")}
        | {"width": WIDEST * one.cumulative // most, "target_width": WIDEST * one.cumulative_target // most}
        | {
            "new_href": address("report/new_people", _during(asked, one.since, one.until), language),
            "all_href": address("report/people", _during(asked, None, one.until), language),
        }
        for one in periods
    ]


def _during(asked: Asked, since: Any, until: Any) -> Asked:
    return replace(asked, since=since, until=until)


def _person(one: reporting.Human, language: Language) -> list[Any]:
    moment, number = (filters(language)[name] for name in ("moment", "number"))
    hours = [number(each) for each in hours_of(one.minutes).values()]
    times = [moment(one.first_entry_at), moment(one.last_exit_at)]
    return [_name(one), one.person_id, one.meetings, *times, *hours]


def _line(one: reporting.Line, towns: Mapping[str, str]) -> list[Any]:
    minutes = "–" if one.minutes is None else one.minutes
    town = towns.get(one.city_id, one.city_id) if one.city_id else "–"
    return [_name(one), one.person_id, one.session_id, one.meeting_id or "–", town, minutes]


def _name(one: reporting.Human | reporting.Line) -> str:
    return " ".join(filter(None, (one.given_name, one.family_name))) or "–"
