"""Needs declared and met as a page, for whoever has a token that may read. The figures are those of the API, and each opens what it counts."""

from __future__ import annotations

from fastapi import Request, Response

from services.attendance import needs
from services.attendance.counting import Asked, By
from services.attendance.lists import ListRules
from services.attendance.needs_api import needs_shown
from services.attendance.pages.report import address, asked_of, may_read, query_of, when_of, who_are_you
from services.attendance.reporting import names_of
from services.attendance.reports_api import PeopleAsked, ReportAsked
from shared.process.runtime import Runtime
from shared.web.pages.kit import Pages
from shared.web.routes import Routes

MOST_NEEDS = 1_000


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules

    # Before the report's own pages, whose address ends in any figure.
    @routes.get("/report/needs")
    async def show_needs(request: Request) -> Response:
        language = pages.language(request)
        if not await may_read(request):
            return who_are_you(pages, request, language)
        asked: Asked = asked_of(ReportAsked, query_of(request)).asked(rules)
        found = await needs_shown(runtime, asked, language)
        each = [needs.within(asked, needs.Met(one.city_id, one.topic, one.declared, one.trained)) for one in found.rows]
        return pages.answer(
            request,
            "needs.html",
            language,
            when=when_of(asked, language),
            found=found,
            rows=list(zip(found.rows, each, strict=True)),
            declared=lambda its: address("needs/declared", its, language),
            trained=lambda its: address("people", its, language),
        )

    @routes.get("/report/needs/declared")
    async def show_declared(request: Request) -> Response:
        language = pages.language(request)
        if not await may_read(request):
            return who_are_you(pages, request, language)
        page = asked_of(PeopleAsked, {"limit": str(MOST_NEEDS), **query_of(request)})
        async with runtime.engine.connect() as connection:
            listed = await needs.declared(connection, page.asked(rules), after=page.after, limit=page.limit)
            towns = await names_of(connection, By.TOWN, sorted({one.city_id for one in listed}), language)
            topics = await names_of(connection, By.TOPIC, sorted({one.topic for one in listed}), language)
        return pages.answer(
            request,
            "needs_declared.html",
            language,
            when=when_of(page.asked(rules), language),
            needs=listed,
            towns=towns,
            topics=topics,
            more=address("declared", page.asked(rules), language, after=listed[-1].need_id)
            if len(listed) == page.limit
            else None,
        )
