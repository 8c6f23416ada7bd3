"""Documents and certificates over HTTP: printed when asked for, from what is known, and kept nowhere."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Response
from pydantic import Field

from services.attendance import sheets_reading as sheets
from services.attendance import views
from services.attendance.certificates import Certificate
from services.attendance.documents.printing import attendance_list_pdf, certificate_pdf, day_pdf
from services.attendance.hours import teaching_hours
from services.attendance.paths import (
    NO_SUCH_CERTIFICATE,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NOT_THERE,
    MeetingId,
    PersonId,
    SessionId,
    found,
    meeting_of,
)
from services.attendance.settings import AttendanceSettings
from shared.contracts.certificates import CertificateEnds
from shared.contracts.model import ID_PATTERN, Id, Language
from shared.problems import NO_SUCH_PATH, READ, Problem
from shared.process.runtime import Runtime
from shared.web.answers import Shape, exemplified
from shared.web.asking import Page, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes

PRINTERS = 2
"""Documents that are printed at once, each by a thread of its own: more would take more memory and no less time."""
MOST_EMPTY_ROWS = 40
PAGE = "certificates"
"""Where the public page of a certificate is, below this service's path at the origin."""

Number = Annotated[
    str, Path(pattern=ID_PATTERN, description="The number of the certificate.", examples=["RC-2026-0001"])
]
In = Annotated[Language, Query(description="The language of the document.")]
S = TypeVar("S")


class CertificateShown(Shape):
    """A certificate, and those before and after it."""

    model_config = exemplified(
        number="RC-2026-0001",
        series="RC-2026",
        serial=1,
        session_id="session-0001",
        person_id="person-0001",
        city_id="geonames:776597",
        topic="climate",
        days=["2026-10-24"],
        minutes=360,
        teaching_hours="8",
        required_minutes=288,
        issued_on="2026-10-24",
        is_valid=True,
        ended=None,
        supersedes=None,
        superseded_by=None,
        page="https://rollcall.example.org/attendance/certificates/RC-2026-0001/k7m2q9x4tbwe",
        event_id="0199aa00-0000-7000-8000-000000000009",
    )

    number: str
    series: str
    serial: int
    session_id: str
    person_id: str
    city_id: str | None
    topic: str | None
    days: list[dt.date]
    minutes: int = Field(description="For how long the person was there.")
    teaching_hours: str = Field(description="The same in hours of 45 minutes, with one digit behind the point.")
    required_minutes: int
    issued_on: dt.date
    is_valid: bool
    ended: CertificateEnds | None = Field(description="Why it is valid no longer.")
    supersedes: str | None = Field(description="The one that the person had before.")
    superseded_by: str | None
    page: str | None = Field(
        description="Where anybody sees whether it is valid. Null: it has no code, or no address is set."
    )
    event_id: str = Field(description="The fact that says so.")


class CertificatesAsked(Page):
    """Which certificates."""

    session_id: Id | None = Field(None, description="Of this session.", examples=["session-0001"])
    person_id: Id | None = Field(
        None, description="Of this person, under any of the ids that they have had.", examples=["person-0001"]
    )


class PdfResponse(Response):
    media_type = "application/pdf"


class Printers:
    """Prints sheets beside the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(PRINTERS, "printer")

    async def answer(self, printed: Callable[[S], bytes], sheet: S, name: str) -> PdfResponse:
        content = await asyncio.get_running_loop().run_in_executor(self._threads, printed, sheet)
        return PdfResponse(
            content, headers={"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "no-store"}
        )


def certificate_routes(runtime: Runtime, settings: AttendanceSettings) -> Routes:
    """Certificates, and every document that is printed."""
    routes = Routes(prefix="/api/v1", dependencies=[Reader])
    programme, printers = settings.programme, Printers()
    of_a_certificate = may_answer(*READ, NO_SUCH_CERTIFICATE, NO_SUCH_PATH)
    of_a_meeting = may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_MEETING, NO_SUCH_PATH)
    pdf: dict[str, Any] = {"response_class": PdfResponse}

    @routes.get("/certificates", responses=may_answer(*READ))
    async def list_certificates(asked: Annotated[CertificatesAsked, Query()]) -> list[CertificateShown]:
        """Certificates by number, of a person or a session; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            listed = await sheets.certificates(
                connection,
                session_id=asked.session_id,
                person_id=asked.person_id,
                after=asked.after,
                limit=asked.limit,
            )
        return [_shown(one, settings) for one in listed]

    @routes.get("/certificates/{number}", responses=of_a_certificate)
    async def show_certificate(number: Number) -> CertificateShown:
        """One certificate: what it says, whether it is valid, and which came before and after it."""
        async with runtime.reading.connect() as connection:
            return _shown(_known(await sheets.certificate(connection, number), number), settings)

    @routes.get("/certificates/{number}/pdf", responses=of_a_certificate, **pdf)
    async def print_certificate(number: Number, language: In = Language.PL) -> PdfResponse:
        """The certificate to print. As long as nothing of it changes it is the same, byte for byte."""
        async with runtime.reading.connect() as connection:
            certificate = _known(await sheets.certificate(connection, number), number)
            sheet = await sheets.certificate_sheet(
                connection, certificate, programme, language, address_of(certificate, settings.base_url)
            )
        return await printers.answer(certificate_pdf, sheet, number)

    @routes.get("/sessions/{session_id}/list/pdf", responses=may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH), **pdf)
    async def print_session_list(
        session_id: SessionId,
        language: In = Language.PL,
        empty_rows: Annotated[int, Query(ge=0, le=MOST_EMPTY_ROWS, description="For who is not on it.")] = 8,
    ) -> PdfResponse:
        """The attendance list of all meetings of a session, to be signed: a column for each day."""
        return await _listed(session_id, None, language, empty_rows)

    @routes.get("/sessions/{session_id}/meetings/{meeting_id}/list/pdf", responses=of_a_meeting, **pdf)
    async def print_list(
        session_id: SessionId,
        meeting_id: MeetingId,
        language: In = Language.PL,
        empty_rows: Annotated[int, Query(ge=0, le=MOST_EMPTY_ROWS, description="For who is not on it.")] = 8,
    ) -> PdfResponse:
        """The attendance list of one meeting, to be signed."""
        return await _listed(session_id, meeting_id, language, empty_rows)

    @routes.get(
        "/sessions/{session_id}/meetings/{meeting_id}/people/{person_id}/confirmation/pdf",
        responses=may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_MEETING, NOT_THERE, NO_SUCH_PATH),
        **pdf,
    )
    async def print_confirmation(
        session_id: SessionId, meeting_id: MeetingId, person_id: PersonId, language: In = Language.PL
    ) -> PdfResponse:
        """That somebody was there on this day, for their travel claim; whatever a certificate takes."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            ids = await views.ids_of(connection, person_id)
            there = (await sheets.papers(connection, settings.rules, session, ids)).days.get(meeting_id)
            if there is None:
                meeting_of(session, meeting_id)
                raise Problem(NOT_THERE, f"the list of {meeting_id} does not say that {person_id} came")
            now = runtime.service.clock()
            sheet = await sheets.day_sheet(connection, session, there, programme, language, now=now)
        return await printers.answer(day_pdf, sheet, f"{session_id}-{meeting_id}-{person_id}")

    async def _listed(session_id: str, meeting_id: str | None, language: Language, empty_rows: int) -> PdfResponse:
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            meetings = session.meetings if meeting_id is None else (meeting_of(session, meeting_id),)
            sheet = await sheets.list_sheet(
                connection,
                settings.rules,
                session,
                meetings,
                programme,
                language,
                as_of=runtime.service.clock(),
                empty_rows=empty_rows,
            )
        name = "-".join(filter(None, (session_id, meeting_id, "list")))
        return await printers.answer(attendance_list_pdf, sheet, name)

    return routes


def address_of(certificate: Certificate, base_url: str | None) -> str | None:
    """Where anybody sees whether it is valid: the address behind its code."""
    if base_url is None or certificate.code is None:
        return None
    return f"{base_url.rstrip('/')}/attendance/{PAGE}/{certificate.number}/{certificate.code}"


def _known(certificate: Certificate | None, number: str) -> Certificate:
    if certificate is None:
        raise Problem(NO_SUCH_CERTIFICATE, f"nothing has been heard of {number}", field="number")
    return certificate


def _shown(one: Certificate, settings: AttendanceSettings) -> CertificateShown:
    return CertificateShown(
        number=one.number,
        series=one.series,
        serial=one.serial,
        session_id=one.session_id,
        person_id=one.person_id,
        city_id=one.city_id,
        topic=one.topic,
        days=list(one.days),
        minutes=one.minutes,
        teaching_hours=teaching_hours(one.minutes),
        required_minutes=one.required_minutes,
        issued_on=one.issued_on,
        is_valid=one.is_valid,
        ended=one.ended,
        supersedes=one.supersedes,
        superseded_by=one.superseded_by,
        page=address_of(one, settings.base_url),
        event_id=one.event_id,
    )
