"""The page of a person's own papers of one session, opened by the link from a mail: their certificate, and that they were there on a day.

Everything is printed when it is asked for, as it is then: a certificate that was revoked since is shown as that and printed no more, and
whose data were erased has nothing to print.
"""

from __future__ import annotations

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
from shared.process.runtime import Runtime
from shared.web.links import Link, Purpose, Rejection
from shared.web.opening import opened
from shared.web.pages.kit import Pages
from shared.web.routes import Routes


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    link_of = partial(opened, runtime, LINK_KEY, audience=AUDIENCE, purpose=Purpose.PAPERS)
    settings, printers = runtime.settings, Printers()
    assert isinstance(settings, AttendanceSettings)
    rules = settings.rules

    async def whose(
        request: Request, connection: AsyncConnection, link: Link
    ) -> tuple[Session, sheets.Papers] | Response:
        """The session, and all papers of the human of whom the link is; or what is answered instead of any paper."""
        ids = await views.ids_of(connection, link.person_id)
        if await sheets.is_erased(connection, ids):
            return pages.message(request, "erased", 410, readers=link.language)
        session = await views.session_row(connection, link.session_id)
        if session is None:
            return pages.message(request, "unknown", 404, readers=link.language)
        return session, await sheets.papers(connection, rules, session, ids)

    @routes.get("/papers/{token}")
    async def show(request: Request, token: str) -> Response:
        link = await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        async with runtime.reading.connect() as connection:
            found = await whose(request, connection, link)
        if isinstance(found, Response):
            return found
        session, papers = found
        language = pages.language(request, link.language)
        days = [one for one in session.meetings if one.meeting_id in papers.days]
        return pages.answer(request, "papers.html", language, token=token, certificate=papers.certificate, days=days)

    @routes.get("/papers/{token}/certificate.pdf")
    async def print_certificate(request: Request, token: str) -> Response:
        link = await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        async with runtime.reading.connect() as connection:
            found = await whose(request, connection, link)
            if isinstance(found, Response):
                return found
            certificate = found[1].certificate
            if certificate is None or not certificate.is_valid:
                return pages.message(request, "unknown", 404, readers=link.language)
            address = address_of(certificate, settings.base_url)
            sheet = await sheets.certificate_sheet(
                connection, certificate, settings.programme, pages.language(request, link.language), address
            )
        return await printers.answer(certificate_pdf, sheet, certificate.number)

    @routes.get("/papers/{token}/days/{meeting_id}.pdf")
    async def print_day(request: Request, token: str, meeting_id: str) -> Response:
        link = await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        async with runtime.reading.connect() as connection:
            found = await whose(request, connection, link)
            if isinstance(found, Response):
                return found
            session, papers = found
            meeting, record = session.meeting(meeting_id), papers.days.get(meeting_id)
            if meeting is None or record is None:
                return pages.message(request, "unknown", 404, readers=link.language)
            sheet = await sheets.day_sheet(
                connection, session, meeting, record, settings.programme, pages.language(request, link.language)
            )
        return await printers.answer(day_pdf, sheet, meeting_id)
