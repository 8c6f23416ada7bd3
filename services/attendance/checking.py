"""Codes that were read, over HTTP: whose a ticket is, what is asked, and what came of it by which rule.

A device that was offline sends what it has kept, each scan under an id of its own, as often as it likes: each is answered alone, and
nothing counts twice. Scans that arrive together share a transaction and are answered after its commit.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from services.attendance import rosters, views
from services.attendance.decided import Taken, TakenScan
from services.attendance.lists import ListRules
from services.attendance.rulebook import TEXTS, ScanRule
from services.attendance.scanning import ALREADY_PRESENT, MARK_STANDS, meeting_at, misfit, taken_by
from services.attendance.state import MeetingList, Record, Session
from services.attendance.store import LINK_KEY
from shared.books.holding import HELD_OUTCOME, Outcome
from shared.contracts.checkin import CheckedIn, CheckInScanned
from shared.contracts.model import ID_PATTERN, Event, Id, Moment
from shared.contracts.planner import Meeting
from shared.deciding.commands import IdReused, NotYet, Undecidable
from shared.events.envelope import Heard, Reason
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.asking import command
from shared.web.links import MOST_CHARACTERS, TicketRefused, VerifyingKey, key_named, read_ticket
from shared.web.opening import keys_named
from shared.web.tokens import Actor

AUDIENCE = "attendance"
MOST_SCANS = 200
"""Of one batch: as many as share a transaction."""
Key = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]
_SCAN: JsonDict = {
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "person_id": "person-0001",
    "scanned_at": "2026-10-24T06:52:10Z",
    "device_id": "door-1",
}


_EITHER: JsonDict = {"anyOf": [{"required": ["session_id", "meeting_id", "person_id"]}, {"required": ["ticket"]}]}
"""As JSON Schema says `_says_whose`."""
_NEVER_NULL = ("session_id", "meeting_id", "person_id", "ticket")
IdOrNot = Annotated[Id | None, WithJsonSchema({"type": "string", "pattern": ID_PATTERN})]
TicketOrNot = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=r"^[!-~]+$")] | None,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS, "pattern": r"^[!-~]+$"}),
]


class Scan(BaseModel):
    """A code that was read at the door of a meeting: a person's id, or their ticket."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SCAN], **_EITHER})

    session_id: IdOrNot = Field(
        None, description="Needed with `person_id`; with a ticket: refused if that is for another one."
    )
    meeting_id: IdOrNot = Field(
        None, description="Needed with `person_id`; with a ticket: else the meeting of that time."
    )
    person_id: IdOrNot = Field(None, description="With a ticket: refused if that is somebody else's.")
    ticket: TicketOrNot = Field(None, description="Instead of whose it is.")
    scanned_at: Moment
    device_id: Id | None = None

    @model_validator(mode="after")
    def _says_whose(self) -> Self:
        if any(name in self.model_fields_set and getattr(self, name) is None for name in _NEVER_NULL):
            raise ValueError("what is not known is left out")
        if self.ticket is None and None in (self.session_id, self.meeting_id, self.person_id):
            raise ValueError("either a ticket must be said, or session_id, meeting_id and person_id")
        return self


_KEPT: JsonDict = _SCAN | {"id": "0199aa00-0000-7000-8000-000000000001"}


class KeptScan(Scan):
    """A scan that a device has kept, under the id that it gave it then."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_KEPT], **_EITHER})

    id: Key = Field(description="Of this scan alone. Sent again under it, also days later, it is the same scan.")


class Scans(BaseModel):
    """What a device has kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"scans": [_KEPT]}]},
    )

    scans: Annotated[list[KeptScan], Field(min_length=1, max_length=MOST_SCANS)]


@immutable
class NotAsked:
    """A ticket that lets nobody in: nothing is asked."""

    rule: ScanRule
    person_id: str | None = None
    session_id: str | None = None


async def requests_of(
    runtime: Runtime, rules: ListRules, scans: Sequence[Scan], *, method: CheckedIn = CheckedIn.SCAN
) -> list[CheckInScanned | NotAsked]:
    """What is asked by these scans: whose the tickets are, and of which meeting."""
    if all(one.ticket is None and one.meeting_id is not None for one in scans):  # Nothing has to be looked up.
        return [_asked(one, (one.session_id or "", one.person_id or ""), {}, {}, rules, method) for one in scans]
    named = {name for one in scans if one.ticket and (name := key_named(one.ticket))}
    async with runtime.reading.connect() as connection:
        keys = await keys_named(connection, LINK_KEY, named)
        read = [_read(one, keys, runtime.service.clock()) for one in scans]
        wanted = {
            found[0] for one, found in zip(scans, read, strict=True) if isinstance(found, tuple) and not one.meeting_id
        }
        sessions = await views.session_rows(connection, wanted)
        gone = await views.days_gone(connection, sessions)
    return [_asked(one, found, sessions, gone, rules, method) for one, found in zip(scans, read, strict=True)]


def _read(scan: Scan, keys: dict[str, VerifyingKey], now: dt.datetime) -> tuple[str, str] | NotAsked:
    """The session and the person that a scan is of."""
    if scan.ticket is None:
        return scan.session_id or "", scan.person_id or ""  # Both are said: the model sees to it.
    # It lets in whom it let in then, also if the device sends that weeks later.
    then = min(scan.scanned_at, now)
    ticket = read_ticket(scan.ticket, audience=AUDIENCE, key=keys.get(key_named(scan.ticket) or ""), now=then)
    if isinstance(ticket, TicketRefused):
        return NotAsked(ScanRule(f"ticket_{ticket}"))
    if scan.session_id is not None and scan.session_id != ticket.session_id:
        return NotAsked(ScanRule.TICKET_OF_ANOTHER_SESSION, ticket.person_id, ticket.session_id)
    if scan.person_id is not None and scan.person_id != ticket.person_id:
        return NotAsked(ScanRule.TICKET_OF_ANOTHER_PERSON, ticket.person_id, ticket.session_id)
    return ticket.session_id, ticket.person_id


def _asked(
    scan: Scan,
    found: tuple[str, str] | NotAsked,
    sessions: dict[str, Session],
    gone: dict[str, list[Meeting]],
    rules: ListRules,
    method: CheckedIn,
) -> CheckInScanned | NotAsked:
    if isinstance(found, NotAsked):
        return found
    session_id, person_id = found
    meeting_id = scan.meeting_id
    if meeting_id is None:
        meeting = meeting_at(sessions.get(session_id), scan.scanned_at, rules, gone.get(session_id, ()))
        if meeting is None:
            return NotAsked(ScanRule.NO_MEETING_NOW, person_id, session_id)
        meeting_id = meeting.meeting_id
    return CheckInScanned(
        session_id=session_id,
        meeting_id=meeting_id,
        person_id=person_id,
        scanned_at=scan.scanned_at,
        device_id=scan.device_id,
        method=method,
    )


async def take(
    runtime: Runtime,
    rules: ListRules,
    scans: Sequence[KeptScan],
    actor: Actor,
    *,
    method: CheckedIn = CheckedIn.SCAN,
) -> list[TakenScan]:
    """Decides these scans, each for itself, and says what came of each."""
    asked = await requests_of(runtime, rules, scans, method=method)
    became = await asyncio.gather(
        *(
            _submitted(runtime, command(runtime, one, actor, scan.id))
            for scan, one in zip(scans, asked, strict=True)
            if isinstance(one, CheckInScanned)
        )
    )
    bodies = [one for one in asked if isinstance(one, CheckInScanned)]
    about = {(one.session_id, one.meeting_id, one.person_id) for one in bodies}
    async with runtime.reading.connect() as connection:
        records = await rosters.records_of_humans(connection, about)
        sessions = await views.session_rows(connection, {one.session_id for one in bodies})
        closed = await views.closed_rows(connection, set(sessions))
    outcomes = iter(became)
    return [
        _refused(scan, one)
        if isinstance(one, NotAsked)
        else _taken(scan, one, next(outcomes), sessions, records, closed, rules)
        for scan, one in zip(scans, asked, strict=True)
    ]


Became = Outcome | Undecidable | IdReused | NotYet


async def submitted(runtime: Runtime, heard: Heard[Event]) -> Became:
    """What became of one command of several; or why nothing did."""
    try:
        return await runtime.commands.submit(heard)
    except (Undecidable, IdReused, NotYet) as error:
        return error


@immutable
class Submitted:
    """What became of a command, and when it was heard."""

    heard_at: dt.datetime
    became: Became


async def _submitted(runtime: Runtime, heard: Heard[Event]) -> Submitted:
    return Submitted(heard.appended_at, await submitted(runtime, heard))


def _refused(scan: KeptScan, why: NotAsked) -> TakenScan:
    return _answer(scan.id, Taken.REFUSED, why.rule, (why.session_id, scan.meeting_id, why.person_id))


_WAITS = {
    "session": ScanRule.SESSION_UNKNOWN,
    "meeting": ScanRule.MEETING_UNKNOWN,
    "place": ScanRule.PLACE_UNKNOWN,
    "recovery": ScanRule.RECOVERING,
}
_NEVER = {
    Reason.FOREIGN_WRITER: ScanRule.LIST_OF_ANOTHER_SYSTEM,
    Reason.NOT_THEIRS: ScanRule.NOT_THEIRS,
}


def _taken(
    scan: KeptScan,
    body: CheckInScanned,
    submitted: Submitted,
    sessions: dict[str, Session],
    records: dict[tuple[str, str, str], Record],
    closed: dict[tuple[str, str], MeetingList],
    rules: ListRules,
) -> TakenScan:
    key = (body.session_id, body.meeting_id, body.person_id)
    session, record = sessions.get(body.session_id), records.get(key)
    match submitted.became:
        case Undecidable() as undecidable:
            meeting = session.meeting(body.meeting_id) if session else None
            wrong = misfit(body.scanned_at, submitted.heard_at, session, meeting, rules)
            if undecidable.reason is Reason.IMPLAUSIBLE_TIME and wrong is not None:
                when = (wrong.right_from, wrong.right_until, wrong.meeting_id)
                return _answer(scan.id, Taken.REFUSED, wrong.rule, key, when=when)
            return _answer(scan.id, Taken.REFUSED, _NEVER.get(undecidable.reason, ScanRule.NEVER_ANNOUNCED), key)
        case IdReused():
            return _answer(scan.id, Taken.REFUSED, ScanRule.KEY_TAKEN, key)
        case NotYet():
            return _answer(scan.id, Taken.TRY_AGAIN, ScanRule.TRY_AGAIN, key)
        case Outcome(outcome=outcome, waits_for=waits_for):
            if outcome == HELD_OUTCOME:
                return _answer(scan.id, Taken.HELD, _WAITS[waits_for or "session"], key)
            if outcome == MARK_STANDS:
                return _answer(scan.id, Taken.CONTRADICTED, ScanRule.MARK_STANDS, key, record=record)
            if outcome == ALREADY_PRESENT:
                return _answer(scan.id, Taken.REPEATED, ScanRule.REPEATED, key, record=record)
            was = closed.get(key[:2])
            after = was if was is not None and was.decided_at <= submitted.heard_at else None
            return _answer(scan.id, Taken.ACCEPTED, taken_by(body, session, record, after, rules), key, record=record)


def _answer(
    id: str,
    outcome: Taken,
    rule: ScanRule,
    about: tuple[str | None, str | None, str | None],
    *,
    when: tuple[dt.datetime | None, dt.datetime | None, str | None] = (None, None, None),
    record: Record | None = None,
) -> TakenScan:
    text, text_pl = TEXTS[rule]
    return TakenScan(
        id=id,
        outcome=outcome,
        rule=rule,
        text=text,
        text_pl=text_pl,
        session_id=about[0],
        meeting_id=about[1],
        person_id=about[2],
        right_from=when[0],
        right_until=when[1],
        right_meeting_id=when[2],
        record=views.shown(record) if record is not None else None,
    )
