"""The page of a person's own papers of one session, opened by the link from a mail: their certificate, and that they were there on a day.

Everything is printed when it is asked for, as it is then: a certificate that was revoked since is shown as that and printed no more, and
whose data were erased has nothing to print.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import sheets_reading as sheets
from services.attendance import views
from services.attendance.certificates_api import Printers, address_of
from services.attendance.checking import AUDIENCE
from services.attendance.documents.printing import certificate_pdf, day_pdf
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Session
from services.attendance.store import LINK_KEY
from shared.contracts.model import Language
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.links import Purpose, Rejection
from shared.web.opening import opened
from shared.web.pages.kit import Pages
from shared.web.routes import Routes


@immutable
class Opened:
    """What a link opens: all papers of one human in one session."""

    connection: AsyncConnection
    session: Session
    papers: sheets.Papers
    readers: Language
    """The language in which the link was sent."""


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    link_of = partial(opened, runtime, LINK_KEY, audience=AUDIENCE, purpose=Purpose.PAPERS)
    settings, printers = runtime.settings, Printers()
    assert isinstance(settings, AttendanceSettings)
    rules = settings.rules

    @contextlib.asynccontextmanager
    async def opened_by(request: Request, token: str) -> AsyncIterator[Opened | Response]:
        """What the link opens, while it is read from; or what is answered instead of any paper."""
        link = await link_of(token)
        if isinstance(link, Rejection):
            yield pages.opens_nothing(request, link)
            return
        async with runtime.reading.connect() as connection:
            ids = await views.ids_of(connection, link.person_id)
            if await sheets.is_erased(connection, ids):
                yield pages.message(request, "erased", 410, readers=link.language)
                return
            session = await views.session_row(connection, link.session_id)
            if session is None:
                yield pages.message(request, "unknown", 404, readers=link.language)
                return
            papers = await sheets.papers(connection, rules, session, ids)
            yield Opened(connection, session, papers, link.language)

    @routes.get("/papers/{token}")
    async def show(request: Request, token: str) -> Response:
        async with opened_by(request, token) as found:
            if isinstance(found, Response):
                return found
        papers, language = found.papers, pages.language(request, found.readers)
        days = sorted((one.meeting for one in papers.days.values()), key=lambda one: (one.starts_at, one.meeting_id))
        return pages.answer(request, "papers.html", language, token=token, certificate=papers.certificate, days=days)

    @routes.get("/papers/{token}/certificate.pdf")
    async def print_certificate(request: Request, token: str) -> Response:
        async with opened_by(request, token) as found:
            if isinstance(found, Response):
                return found
            certificate = found.papers.certificate
            if certificate is None or not certificate.is_valid:
                return pages.message(request, "unknown", 404, readers=found.readers)
            address, language = address_of(certificate, settings.base_url), pages.language(request, found.readers)
            sheet = await sheets.certificate_sheet(found.connection, certificate, settings.programme, language, address)
        return await printers.answer(certificate_pdf, sheet, certificate.number)

    @routes.get("/papers/{token}/days/{meeting_id}.pdf")
    async def print_day(request: Request, token: str, meeting_id: str) -> Response:
        async with opened_by(request, token) as found:
            if isinstance(found, Response):
                return found
            session, language = found.session, pages.language(request, found.readers)
            there = found.papers.days.get(meeting_id)
            if there is None:
                return pages.message(request, "unknown", 404, readers=found.readers)
            now = runtime.service.clock()
            sheet = await sheets.day_sheet(found.connection, session, there, settings.programme, language, now=now)
        return await printers.answer(day_pdf, sheet, meeting_id)
