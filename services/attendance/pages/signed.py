"""The page on which a trainer types in a signed paper list: who has signed; then where the paper and the list differ, to be decided.

Comparing sets nothing. What is entered is entered as over the API (entering.py); what differs stands until somebody decides, and both
what was typed in and what was decided of it are kept as a file of the session, with whose it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from services.attendance import files_reading, rosters, views
from services.attendance.answers import OnList
from services.attendance.checking import AUDIENCE
from services.attendance.entering import Sheet, TypedRow, compare, enter, typed_before
from services.attendance.files import File
from services.attendance.lists import ListRules
from services.attendance.marking import TRAINER
from services.attendance.pages import reading
from services.attendance.pages.opening import Opening, Row, is_closed, moment_of, opening, row_of
from services.attendance.papers import Counts, Fate
from services.attendance.papers import Row as Compared
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Session
from services.attendance.store import LINK_KEY
from services.attendance.views import MOST_PEOPLE
from shared.contracts.attendance import Role
from shared.contracts.files import FileKind
from shared.contracts.planner import Meeting
from shared.problems import Problem
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.links import Link, Purpose, Rejection
from shared.web.opening import opened
from shared.web.pages.kit import HEADERS, Pages, fields_of
from shared.web.routes import Routes
from shared.web.tokens import Actor

FIELDS_MOST = 4 * MOST_PEOPLE
_CONFLICT = 409


@immutable
class Typed:
    """What somebody has typed of one line, as they typed it."""

    is_signed: bool = False
    came: str = ""
    left: str = ""


@immutable
class Here:
    """Who asks, and about which list."""

    token: str
    link: Link
    session: Session
    meeting: Meeting
    phase: str | None
    """Why nothing is typed in now; None: it may be."""

    @property
    def about(self) -> tuple[str, str]:
        return self.session.session_id, self.meeting.meeting_id


@immutable
class Impossible(Exception):
    """The times of this line are none."""

    person_id: str


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules
    assert isinstance(runtime.settings, AttendanceSettings)
    store = runtime.settings.store
    link_of = partial(opened, runtime, LINK_KEY, audience=AUDIENCE, purpose=Purpose.LISTS)

    @routes.get("/lists/{token}/{meeting_id}/signed")
    async def show(request: Request, token: str, meeting_id: str) -> Response:
        here = await find(request, token, meeting_id)
        if isinstance(here, Response):
            return here
        named = request.query_params.get("sheet")
        sheet = await typed_before(runtime, store, here.about, named) if named and here.phase is None else None
        if sheet is not None:
            return await differences(request, here, sheet, is_entered=True)
        people = await listed(here)
        all_signed = bool(request.query_params.get("all"))
        return await typing(request, here, {one.person_id: Typed(all_signed) for one in people if is_awaited(one)})

    @routes.post("/lists/{token}/{meeting_id}/signed")
    async def act(request: Request, token: str, meeting_id: str) -> Response:
        fields = await fields_of(request, FIELDS_MOST)
        here = await find(request, token, meeting_id)
        if isinstance(here, Response):
            return here
        if here.phase is not None:
            return await typing(request, here, {}, status=_CONFLICT)
        asked = dict(reversed(fields))
        try:
            match asked.get("act"):
                case "compare":
                    typed = typed_of(fields)
                    return await compared(request, here, typed)
                case "edit":
                    return await typing(request, here, retyped(Sheet.model_validate_json(asked["sheet"]), here.meeting))
                case "enter":
                    return await entered(request, here, decided(Sheet.model_validate_json(asked["sheet"]), asked))
        except (ValidationError, KeyError, OverflowError):  # The last: a time at the end of time is on no clock.
            pass
        return pages.message(request, "unreadable", 400, readers=here.link.language)

    async def find(request: Request, token: str, meeting_id: str) -> Here | Response:
        """What the link opens; or what is answered instead. Why a list may not be looked at its own page says."""
        link = await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        session, now = await reading.session(runtime.reading, link.session_id), runtime.service.clock()
        meeting = session.meeting(meeting_id) if session else None
        if session is None or meeting is None:
            return pages.message(request, "unknown", 404, readers=link.language)
        lists = await reading.lists(runtime.reading, link.session_id)
        trains = await reading.trains(runtime.reading, session, link.person_id)
        if opening(session, lists, rules, now, trains=trains) is not Opening.OPEN:
            return RedirectResponse(f"../../{token}", 303, HEADERS)
        phase = "closed" if is_closed(meeting, lists, rules) else "early" if now < meeting.ends_at else None
        return Here(token, link, session, meeting, phase)

    async def listed(here: Here) -> list[OnList]:
        """Who may have signed: trainers and observers sign elsewhere, also a trainer who has a place."""
        async with runtime.reading.connect() as connection:
            found = await rosters.of_meeting(connection, rules, here.session, here.meeting, ("", MOST_PEOPLE))
            into = await views.survivors(connection, here.session.trainers)
        train = {into.get(one, one) for one in here.session.trainers}
        return [
            one
            for one in found
            if (one.person_id not in train if one.record is None else one.record.role is Role.PARTICIPANT)
        ]

    async def compared(request: Request, here: Here, typed: dict[str, Typed]) -> Response:
        people = await listed(here)
        try:
            rows = [sheet_row(here.meeting, one.person_id, typed.get(one.person_id, Typed())) for one in people]
        except Impossible as wrong:
            return await typing(request, here, typed, status=422, problem=wrong.person_id)
        if not rows:
            return await typing(request, here, typed, status=_CONFLICT)
        return await differences(request, here, Sheet.model_validate({"rows": rows}), is_entered=False)

    async def entered(request: Request, here: Here, sheet: Sheet) -> Response:
        actor = Actor(f"{TRAINER}{here.link.person_id}", frozenset())
        try:
            became = await enter(runtime, store, here.about, sheet, actor)
        except Problem as problem:
            if problem.refusal.status not in (403, 409):  # The list has closed meanwhile, or the session is called off.
                raise
            return RedirectResponse(f"../../{here.token}", 303, HEADERS)
        language = pages.language(request, here.link.language)
        return RedirectResponse(f"signed?{urlencode({'sheet': became.sha256, 'lang': language.value})}", 303, HEADERS)

    async def typing(
        request: Request,
        here: Here,
        typed: Mapping[str, Typed],
        *,
        status: int = 200,
        problem: str | None = None,
    ) -> Response:
        people = {one.person_id: one for one in await listed(here)} if here.phase is None else {}
        return await page(
            request,
            here,
            here.phase or "typing",
            status=status,
            typed={one: typed.get(one, Typed()) for one in people},
            awaited=[row_of(one) for one in people.values() if is_awaited(one)],
            others=[row_of(one) for one in people.values() if not is_awaited(one)],
            problem=row_of(people[problem]) if problem in people else None,
            before=await before(here) if here.phase is None and not status >= 400 else [],
        )

    async def before(here: Here) -> Sequence[File]:
        """The list of this meeting that was typed in last."""
        async with runtime.reading.connect() as connection:
            files = await files_reading.files_of(connection, here.session.session_id, limit=files_reading.MOST_FILES)
        which = (FileKind.TYPED_LIST, here.meeting.meeting_id)
        its = [one for one in files if (one.kind, one.meeting_id) == which and not one.is_removed]
        return sorted(its, key=lambda one: one.decided_at)[-1:]

    async def differences(request: Request, here: Here, sheet: Sheet, *, is_entered: bool) -> Response:
        _, rows = await compare(runtime, *here.about, sheet)
        by_fate = {fate: [row for row in rows if row.fate is fate] for fate in Fate}
        # What is entered from here is entered on what is shown here.
        looked_at = [_looked_at(row) for row in rows if row.fate is not Fate.UNKNOWN]
        people = {one.person_id: row_of(one) for one in await listed(here)}
        return await page(
            request,
            here,
            "differences",
            is_entered=is_entered,
            sheet=sheet.model_copy(update={"rows": looked_at}).model_dump_json(),
            people={
                one.typed.person_id: people.get(one.typed.person_id) or _nobody(one.typed.person_id) for one in rows
            },
            open=[row for row in rows if row.fate.is_open and row.fate is not Fate.UNKNOWN],
            to_set=by_fate[Fate.SET],
            decided=by_fate[Fate.LIST_COUNTS],
            same=len(by_fate[Fate.AS_IT_WAS]),
        )

    async def page(request: Request, here: Here, phase: str, *, status: int = 200, **shown: Any) -> Response:
        language = pages.language(request, here.link.language)
        shown |= {
            "phase": phase,
            "token": here.token,
            "meeting": here.meeting,
            "actor": f"{TRAINER}{here.link.person_id}",
            "title": await reading.title(runtime.reading, here.session, language),
        }
        return pages.answer(request, "signed.html", language, status=status, **shown)


def is_awaited(one: OnList) -> bool:
    return row_of(one).is_awaited


def typed_of(fields: Sequence[tuple[str, str]]) -> dict[str, Typed]:
    """What the form says of each person."""
    signed = {value for name, value in fields if name == "signed"}
    times: dict[str, dict[str, str]] = {one: {} for one in signed}
    for name, value in fields:
        which, _, person_id = name.partition(":")
        if which in ("came", "left") and person_id:
            times.setdefault(person_id, {})[which] = value
    return {one: Typed(one in signed, **said) for one, said in times.items()}


def sheet_row(meeting: Meeting, person_id: str, typed: Typed) -> TypedRow:
    """A line as it is compared. Whoever has not signed has no times. Impossible: it says that they came or left when there was no meeting."""
    if not typed.is_signed:
        return _line(person_id, is_signed=False)
    try:
        came = moment_of(meeting, typed.came) if typed.came else None
        left = moment_of(meeting, typed.left) if typed.left else None
    except ValueError:
        raise Impossible(person_id) from None
    in_order = [meeting.starts_at, *(one for one in (came, left) if one is not None), meeting.ends_at]
    if sorted(in_order) != in_order:
        raise Impossible(person_id)
    return _line(person_id, arrived_at=came, left_at=left)


def retyped(sheet: Sheet, meeting: Meeting) -> dict[str, Typed]:
    """The form as it was sent."""
    return {
        one.person_id: Typed(one.is_signed, _clock(one.arrived_at, meeting), _clock(one.left_at, meeting))
        for one in sheet.rows
    }


def _clock(at: dt.datetime | None, meeting: Meeting) -> str:
    return at.astimezone(ZoneInfo(meeting.zone)).strftime("%H:%M") if at is not None else ""


def decided(sheet: Sheet, asked: Mapping[str, str]) -> Sheet:
    """The sheet with what was decided of its lines; what was decided before stays so until it is decided otherwise."""
    rows = []
    for one in sheet.rows:
        counts = asked.get(f"counts:{one.person_id}", one.counts or "")
        rows.append(one.model_copy(update={"counts": Counts(counts) if counts in set(Counts) else None}))
    return sheet.model_copy(update={"rows": rows})


def _looked_at(row: Compared) -> TypedRow:
    """The line as it is sent once it was looked at."""
    said = {name: getattr(row.typed, name) for name in ("is_signed", "arrived_at", "left_at", "minutes")}
    return _line(
        row.typed.person_id, **said, seen=row.tag, counts=Counts.LIST if row.fate is Fate.LIST_COUNTS else None
    )


def _line(person_id: str, **said: Any) -> TypedRow:
    return TypedRow.model_validate({"person_id": person_id, **said})


def _nobody(person_id: str) -> Row:
    """Somebody who is on the list no longer."""
    return Row(person_id, None, None, None, None, None, None, None, None, False, False, False, "0", "")
