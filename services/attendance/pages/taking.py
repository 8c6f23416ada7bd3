"""What a trainer's page sends: each mark and each code under an id of its own, decided by the commands that the API has, and answered alone.

A device sends what it has kept as often as it likes. One that nobody can read costs itself, not the others that were sent with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import views
from services.attendance.checking import MOST_SCANS, KeptScan, Key, take
from services.attendance.decided import MarkFate, Taken, TakenMark, TakenScan
from services.attendance.keeping import KeptMark, asked_by, set_several
from services.attendance.lists import ListRules
from services.attendance.marking import TRAINER
from services.attendance.pages.opening import moment_of
from services.attendance.state import Person, Record, Session
from services.attendance.store import PERSON
from shared.contracts.marks import Mark
from shared.contracts.model import Id, Language, Line, Moment
from shared.postgres.database import any_of, rows_as
from shared.process.runtime import Runtime
from shared.web.tokens import Actor

UNREADABLE = "unreadable"
_PEOPLE = sa.select(PERSON).where(any_of(PERSON.c.person_id, "people"))
Kept = dict[str, Any]


class Batch(BaseModel):
    """What a page has kept. Each of it is read by itself."""

    model_config = ConfigDict(extra="forbid")

    kept: list[Kept] = Field(min_length=1, max_length=MOST_SCANS)


class PageMark(BaseModel):
    """A mark as the page sends it: of whom and what. The session is the link's."""

    model_config = ConfigDict(extra="forbid")

    id: Key
    meeting_id: Id
    person_id: Id
    state: Mark
    made_at: Moment | None = None
    at: str | None = Field(None, pattern=r"^\d\d:\d\d$")
    """What the clock on the wall showed when they came late or left early."""
    seen: Line | None = None
    note: Line | None = None


class PageScan(BaseModel):
    """A code as the page has read it."""

    model_config = ConfigDict(extra="forbid")

    id: Key
    ticket: str
    scanned_at: Moment


def kept_mark(session: Session, mark: PageMark) -> KeptMark:
    """The mark, as the commands take it. ValueError: its time is none."""
    meeting = session.meeting(mark.meeting_id)
    at = moment_of(meeting, mark.at) if mark.at and meeting else None
    return KeptMark(
        id=mark.id,
        session_id=session.session_id,
        meeting_id=mark.meeting_id,
        person_id=mark.person_id,
        state=mark.state,
        made_at=mark.made_at,
        arrived_at=at if mark.state is Mark.LATE else None,
        left_at=at if mark.state is Mark.LEFT_EARLY else None,
        minutes=None,
        role=None,
        seen=mark.seen,
        note=mark.note,
    )


async def take_marks(runtime: Runtime, session: Session, kept: Sequence[Kept], actor: Actor) -> list[Kept]:
    """What became of each of these marks, in the order in which they were sent."""
    marks: list[KeptMark | None] = []
    for one in kept:
        try:
            marks.append(kept_mark(session, PageMark.model_validate(one)))
        except ValueError:
            marks.append(None)
    read = [one for one in marks if one is not None]
    became = iter(await set_several(runtime, [asked_by(one) for one in read], actor))
    async with runtime.reading.connect() as connection:
        may_look = await _may_look(connection, session.session_id, actor)
    return [
        _unreadable(raw) if mark is None else _told(*next(became), may_look=may_look)
        for raw, mark in zip(kept, marks, strict=True)
    ]


def _told(became: TakenMark, record: Record | None, *, may_look: bool) -> Kept:
    told: Kept = {"id": became.id, "outcome": became.outcome.value, "reason": became.reason}
    if not may_look:
        return told
    # Whether what was asked is what stands: only then what is done next was done knowing it.
    stands = became.outcome is MarkFate.AS_IT_WAS or (record is not None and record.request_id == became.id)
    return told | {
        "tag": record.tag if record else "0",
        "stands": stands,
        "state": record.state.value if record and record.state.is_told else Mark.NOT_RECORDED.value,
        "minutes": record.minutes if record else None,
        "by": record.decided_by if record else None,
    }


async def take_scans(
    runtime: Runtime, rules: ListRules, session: Session, kept: Sequence[Kept], actor: Actor, language: Language
) -> list[Kept]:
    """What became of each of these codes, in the order in which they were sent."""
    scans: list[KeptScan | None] = []
    for one in kept:
        try:
            scan = PageScan.model_validate(one)
            scans.append(KeptScan.model_validate(scan.model_dump() | {"session_id": session.session_id}))
        except ValidationError:
            scans.append(None)
    read = [one for one in scans if one is not None]
    became = await take(runtime, rules, read, actor) if read else []
    async with runtime.reading.connect() as connection:
        may_look = await _may_look(connection, session.session_id, actor)
        here = {one.person_id for one in became if one.person_id and one.session_id == session.session_id}
        people = rows_as(Person, await connection.execute(_PEOPLE, {"people": sorted(here)})) if may_look else []
    names = {one.person_id: " ".join(filter(None, (one.given_name, one.family_name))) for one in people}
    answers = iter(became)
    return [
        _unreadable(raw) if scan is None else _answered(next(answers), names, language)
        for raw, scan in zip(kept, scans, strict=True)
    ]


def _answered(one: TakenScan, names: Mapping[str, str], language: Language) -> Kept:
    return {
        "id": one.id,
        "outcome": one.outcome.value,
        "reason": one.rule.value,
        "text": {Language.PL: one.text_pl, Language.EN: one.text}[language],
        "name": names.get(one.person_id or ""),
        "right_from": one.right_from.isoformat() if one.right_from else None,
        "right_until": one.right_until.isoformat() if one.right_until else None,
    }


def _unreadable(raw: Kept) -> Kept:
    named = raw.get("id")
    return {"id": named if isinstance(named, str) else None, "outcome": Taken.REFUSED.value, "reason": UNREADABLE}


async def _may_look(connection: AsyncConnection, session_id: str, actor: Actor) -> bool:
    """Whether they train the session still: asked when all is decided, as they may have been replaced meanwhile."""
    session = await views.session_row(connection, session_id)
    ids = await views.ids_of(connection, actor.name.removeprefix(TRAINER))
    return session is not None and not set(ids).isdisjoint(session.trainers)
