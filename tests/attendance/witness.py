"""What somebody would say of attendance who reads everything that was asked and said, and knows none of its code.

Every rule is written down once more here, in the simplest way that comes to mind.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from services.attendance.certificates import Certificate
from services.attendance.history import PlaceSaid
from services.attendance.state import MeetingList, Place, Record, RecordSaid, Session, SessionSaid
from shared.contracts.attendance import (
    AttendanceCorrected,
    AttendanceListClosed,
    AttendanceListReopened,
    AttendanceState,
    ParticipantNotAwaited,
)
from shared.contracts.certificates import CertificateIssued, CertificateState
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.marks import MarkRequested
from shared.contracts.planner import Meeting, SessionCancelled
from shared.events.envelope import Heard
from shared.state.rows import fields_of
from tests.mind import Mind

MINUTE = dt.timedelta(minutes=1)
CAME = {"present", "late", "left_early"}
Key = tuple[str, str, str]


def state_of(body: Any) -> str:
    if isinstance(body, AttendanceCorrected):
        return str(body.state)
    kind = type(body).__name__.removeprefix("Participant")
    if kind == "Attended":
        return str(body.came) if str(body.came) in CAME else "present"
    return {"NotAwaited": "not_awaited"}.get(kind, kind.lower())


class Witness:
    """Everything that was heard and said, in order."""

    def __init__(self) -> None:
        self.sessions: dict[str, Any] = {}
        self.places: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self.requests: dict[str, Heard[Any]] = {}
        self.said: dict[Key, list[Any]] = defaultdict(list)
        self.awaited_at: dict[tuple[str, str], dt.datetime] = {}
        """Since when it is settled who was awaited at a meeting, also while its list is open to be put right."""
        """At which closing a list stands: one that stays closed awaits whom it awaited, wherever its meeting is moved."""
        self.put_right: dict[str, set[str]] = defaultdict(set)
        """Of each session the lists that somebody has opened, and that have not closed since nor become those of another day."""

    def hears(self, one: Heard[Any]) -> None:
        body = one.body
        if hasattr(body, "asks_for"):
            self.requests.setdefault(one.event_id, one)
        elif hasattr(body, "meetings"):
            self.sessions[body.session_id] = body
            for one_day in body.meetings:
                closed_at = self.awaited_at.get((body.session_id, one_day.meeting_id))
                if closed_at is not None and one_day.starts_at > closed_at:
                    self.put_right[body.session_id].discard(one_day.meeting_id)
        else:
            self.places[body.session_id, body.person_id].append(body)

    def meeting(self, session_id: str, meeting_id: str) -> Meeting | None:
        session = self.sessions.get(session_id)
        return next((one for one in session.meetings if one.meeting_id == meeting_id), None) if session else None

    def had_place(self, session_id: str, person_id: str, moment: dt.datetime) -> bool:
        by_then = [one for one in self.places.get((session_id, person_id), []) if one.decided_at <= moment]
        return bool(by_then) and isinstance(by_then[-1], ParticipantEnrolled)

    def awaited(self, session_id: str, moment: dt.datetime) -> set[str]:
        return {
            person
            for session, person in self.places
            if session == session_id and self.had_place(session, person, moment)
        }


# --- what one thing may say ----------------------------------------------------------------------


def wrong_step(
    witness: Witness,
    mind: Mind,
    heard: Heard[Any] | None,
    said: list[Any],
    before: dict[Key, Record],
    closed: set[tuple[str, str]],
) -> Iterator[str]:
    """What is wrong with what was said in answer to one thing heard. `before`, `closed`: as it stood then."""
    for body in said:
        yield from _of_a_list(witness, body)
        if isinstance(body, CertificateIssued):
            yield from _issued(witness, mind, body)
        if isinstance(body, CertificateState) and witness.put_right[body.session_id]:
            yield f"{body!r} while {witness.put_right[body.session_id]} is open to be put right"
        if not isinstance(body, AttendanceState):
            continue
        key = (body.session_id, body.meeting_id, body.person_id)  # type: ignore[attr-defined]
        history = witness.said[key]
        was = state_of(history[-1]) if history else None
        history.append(body)
        fact: Any = body
        if isinstance(fact, AttendanceCorrected):
            if (str(fact.was.state) if fact.was else None) != was:
                yield f"{fact!r} says it was {fact.was!r}, and it was {was}"
            if not fact.note or not fact.decided_by:
                yield f"{fact!r} does not say who and why"
        day = witness.meeting(*key[:2])
        came_at = history[-2].scanned_at if was in CAME else None
        is_moved = day is not None and came_at is not None and came_at < day.starts_at - dt.timedelta(hours=12)
        is_put_right = key[1] in witness.put_right[key[0]]  # What it says stands, wherever its day is by then.
        is_gone = was in CAME and state_of(fact) not in CAME and (not is_moved or is_put_right)
        if is_gone and fact.decided_by is None and getattr(fact, "reason", None) is None:
            yield f"{key} had come, and nobody said otherwise: {fact!r}"
        if isinstance(fact, ParticipantNotAwaited) and fact.reason is None:
            yield f"{fact!r} gives no reason"
        request = witness.requests.get(fact.request_id) if fact.request_id else None
        if fact.request_id and request is None:
            yield f"{fact!r} answers what nobody asked"
        is_code = request is not None and isinstance(request.body, CheckInScanned) and fact.because is None
        if request is not None and is_code and state_of(fact) in CAME:
            times = (fact.scanned_at, fact.received_at)
            if times != (request.body.scanned_at, request.appended_at):  # type: ignore[attr-defined]
                yield f"{fact!r} has other times than {request!r}"
    yield from _of_a_mark(witness, heard, said, before, closed)
    yield from _of_a_code(witness, heard, said, before)


def _issued(witness: Witness, mind: Mind, body: CertificateIssued) -> Iterator[str]:
    session = witness.sessions[body.session_id]
    closed = [one for one in mind[MeetingList] if one.session_id == body.session_id and not one.is_open]
    known, shut = mind[Session].get(body.session_id), {one.meeting_id for one in closed}
    closed_at = max((one.decided_at for one in closed), default=body.decided_at)
    # What is said after the last list was to close, and heard before that was decided, takes none (0075).
    by_then = known is None or known.heard_at <= closed_at
    if (isinstance(session, SessionCancelled) and by_then) or not {one.meeting_id for one in session.meetings} <= shut:
        yield f"{body!r} while a list is open"
    if body.supersedes is None and by_then and body.minutes < required(session):
        yield f"{body!r} for less than {required(session)} minutes"


def _of_a_list(witness: Witness, body: Any) -> Iterator[str]:
    if isinstance(body, AttendanceListReopened) and body.decided_by is None:
        witness.awaited_at.pop((body.session_id, body.meeting_id), None)
    if isinstance(body, AttendanceListReopened) and body.decided_by is not None:
        witness.put_right[body.session_id].add(body.meeting_id)
    if isinstance(body, AttendanceListClosed):
        witness.put_right[body.session_id].discard(body.meeting_id)
        meeting, before = witness.meeting(body.session_id, body.meeting_id), witness.awaited_at.get((body.session_id, body.meeting_id))  # fmt: skip
        if meeting and before and meeting.starts_at > before:  # It was moved to another day since.
            witness.awaited_at.pop((body.session_id, body.meeting_id))
        settled = witness.awaited_at.setdefault((body.session_id, body.meeting_id), body.decided_at)
        if (body.awaited_at or body.decided_at) != settled:
            yield f"{body!r} awaits whom it did not await at {settled}"


def _of_a_mark(
    witness: Witness, heard: Heard[Any] | None, said: list[Any], before: dict[Key, Record], closed: set[tuple[str, str]]
) -> Iterator[str]:
    """That a mark was seen to be overtaken, or came after the closing."""
    if heard is None or not isinstance(heard.body, MarkRequested):
        return
    body = heard.body
    answers = [one for one in said if getattr(one, "request_id", None) == heard.event_id]
    if answers and (body.session_id, body.meeting_id) in closed:
        yield f"{body!r} after the list had closed: {answers!r}"
    record = before.get((body.session_id, body.meeting_id, body.person_id))
    meeting = witness.meeting(body.session_id, body.meeting_id)
    is_of_today = (
        record is None
        or meeting is None
        or all(
            at is None or at >= meeting.starts_at - dt.timedelta(hours=12)
            for at in (record.scanned_at, record.meeting_starts_at)
        )
    )
    if answers and body.seen is not None and is_of_today and body.seen != (record.tag if record else "0"):
        yield f"{body!r} overwrote what it had not seen: {record!r}"


def _of_a_code(witness: Witness, heard: Heard[Any] | None, said: list[Any], before: dict[Key, Record]) -> Iterator[str]:
    """That a code was read when there was no meeting, or undid what somebody had said who may have known of it."""
    if heard is None or not isinstance(heard.body, CheckInScanned):
        return
    body = heard.body
    answers = [one for one in said if getattr(one, "request_id", None) == heard.event_id]
    meeting, half_a_day = witness.meeting(body.session_id, body.meeting_id), dt.timedelta(hours=12)
    if (
        answers
        and meeting
        and not -half_a_day <= body.scanned_at - meeting.starts_at <= meeting.ends_at - meeting.starts_at + half_a_day
    ):
        yield f"{body!r} was read at no meeting: {answers!r}"
    record = before.get((body.session_id, body.meeting_id, body.person_id))
    if record is None or record.decided_by is None or record.state in CAME or record.scanned_at is None:
        return
    is_told = record.corrected or (record.state in {"absent", "excused"} and body.scanned_at <= record.scanned_at)
    if is_told and answers:
        yield f"{body!r} undid {record!r}: {answers!r}"


# --- what is so ----------------------------------------------------------------------------------


def wrong(witness: Witness, mind: Mind) -> Iterator[str]:
    """What is wrong with what is known now."""
    records = {(one.session_id, one.meeting_id, one.person_id): one for one in mind[Record]}
    for key, record in records.items():
        history = witness.said[key]
        if not history or (str(record.state), record.version) != (state_of(history[-1]), len(history)):
            yield f"{record!r} is not what was said last of {len(history)}"
        yield from _plausible(witness, record, mind[MeetingList].get(*key[:2]))
    for row in mind[MeetingList]:
        if not row.is_open:
            here = {key[2]: one for key, one in records.items() if key[:2] == (row.session_id, row.meeting_id)}
            yield from _adds_up(witness, row, here)
    for key, record in records.items():
        shut = mind[MeetingList].get(*key[:2])
        if record.state == "absent" and not record.is_marked and (shut is None or shut.is_open or not shut.recorded):
            yield f"{key} is absent from a list that nobody has kept, or that is open"
        if record.state == "absent" and not record.is_marked and key[2] in witness.sessions[key[0]].trainers:
            yield f"{key} trained there, and nobody has marked that they were absent"
    for session_id in witness.sessions:
        yield from _certified(witness, mind, session_id, records)


def _plausible(witness: Witness, record: Record, row: MeetingList | None) -> Iterator[str]:
    meeting = witness.meeting(record.session_id, record.meeting_id)
    whole = (meeting.ends_at - meeting.starts_at) // MINUTE if meeting else 24 * 60
    # While its list is open a record says what was so when it was made; what the meeting's hours make of it shows when it closes.
    if row is not None and not row.is_open and not 0 <= (record.minutes or 0) <= whole:
        yield f"{record!r} has more minutes than the meeting's {whole}"
    if record.state in CAME and record.scanned_at is None:
        yield f"{record!r} came at no time"
    if record.state not in CAME and record.minutes:
        yield f"{record!r} has minutes and was not there"
    # A mark may be made the evening before; a code cannot.
    is_code = not record.is_marked and record.scanned_at is not None and record.received_at is not None
    if is_code and record.scanned_at > record.received_at + 5 * MINUTE:  # type: ignore[operator]
        yield f"{record!r} was read before it was"


def _adds_up(witness: Witness, row: MeetingList, here: dict[str, Record]) -> Iterator[str]:
    assert row.awaited_at is not None
    awaited = witness.awaited(row.session_id, row.awaited_at)
    came = {person for person, one in here.items() if one.state in CAME}
    told = {person for person, one in here.items() if one.state != "not_awaited"}
    missing = {person for person in told - came if person in awaited}
    strangers = came - awaited
    counted = {
        "present": len(came & awaited),
        "absent": len(missing),
        "not_recorded": len(awaited - told),
        "excused": sum(here[person].state == "excused" for person in missing),
        "late": sum(here[person].state == "late" for person in came & awaited),
        "left_early": sum(here[person].state == "left_early" for person in came & awaited),
        "without_place": sum(here[person].role == "participant" for person in strangers),
        "guests": sum(here[person].role != "participant" for person in strangers),
    }
    stands = {name: getattr(row, name) for name in counted}
    if stands != counted:
        yield f"the list of {row.meeting_id} of {row.session_id} says {stands}, and it is {counted}"
    kept = bool(came) or any(here[person].is_marked and here[person].state == "absent" for person in missing)
    if kept != row.recorded:
        yield f"the list of {row.meeting_id} says that it was {'' if row.recorded else 'not '}kept"


def required(session: Any) -> int:
    """For how many minutes somebody has to have been there."""
    lasts = sum(((one.ends_at - one.starts_at) for one in session.meetings), dt.timedelta()) / MINUTE
    asked: int | None = session.certificate_minutes
    return asked if asked is not None else max(1, math.ceil(lasts * 80 / 100))


def _certified(witness: Witness, mind: Mind, session_id: str, records: dict[Key, Record]) -> Iterator[str]:
    found = [one for one in mind[Certificate] if one.session_id == session_id]
    serials = sorted(one.serial for one in mind[Certificate])
    if serials != list(range(1, len(serials) + 1)):
        yield f"numbers {serials} have a gap"
    for one in found:
        other = mind[Certificate].get(one.superseded_by) if one.superseded_by else None
        if one.superseded_by and (other is None or other.supersedes != one.number):
            yield f"{one.number} is superseded by {one.superseded_by}, which does not say so"
    session = witness.sessions[session_id]
    shut = {one.meeting_id for one in mind[MeetingList] if one.session_id == session_id and not one.is_open}
    is_settled = {one.meeting_id for one in session.meetings} <= shut and not witness.put_right[session_id]
    if isinstance(session, SessionCancelled) or not is_settled:
        return
    minutes: dict[str, int] = defaultdict(int)
    for key, record in records.items():
        if key[0] == session_id and key[1] in shut and record.state in CAME and record.role == "participant":
            minutes[key[2]] += record.minutes or 0
    threshold = required(session)
    valid = [one for one in found if one.is_valid]
    if len({one.person_id for one in valid}) != len(valid):
        yield f"somebody has two valid certificates of {session_id}"
    for person in {person for person, so_many in minutes.items() if so_many >= threshold} - {
        one.person_id for one in valid
    }:
        yield f"{person} was there for {minutes[person]} of {threshold} minutes and has no certificate of {session_id}"
    for one in valid:
        if one.minutes != minutes[one.person_id] or one.minutes < min(threshold, one.required_minutes):
            yield f"{one.number} says {one.minutes} minutes, it is {minutes[one.person_id]} of {threshold}"


# --- what was so ---------------------------------------------------------------------------------


def stands(mind: Mind) -> dict[Any, Any]:
    """All that a report counts, as it stands now."""
    kept: dict[Any, Any] = {}
    for kind in (Record, Session):
        kept |= {(kind, *key_of(kind, one)): _values(kind, one) for one in mind[kind]}  # type: ignore[type-var]
    return kept | {(Place, one.session_id, one.person_id): (one.state, one.city_id) for one in mind[Place]}


def stood(mind: Mind, moment: dt.datetime) -> dict[Any, Any]:
    """The same as of a moment, by what is remembered: of each the newest that had been heard by then."""
    newest: dict[Any, Any] = {}
    # Of records what stands is kept by the record itself, and what stood before it beside it.
    for said, kind in ((RecordSaid, Record), (Record, Record), (SessionSaid, Session), (PlaceSaid, Place)):
        for one in mind[said]:  # type: ignore[type-var]
            name = (kind, *key_of(kind, one))
            if one.heard_at <= moment and (name not in newest or newest[name].version < one.version):
                newest[name] = one
    return {
        name: (one.state, one.city_id) if name[0] is Place else _values(name[0], one) for name, one in newest.items()
    }


def key_of(kind: Any, one: Any) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in kind.KEY)


def _values(kind: Any, one: Any) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in fields_of(kind))
