"""Who came. Pure functions from what is known to facts; they apply nothing and publish nothing.

A person is awaited at a meeting if they had a place when its list closed: by when that was decided, however late it is heard.
Who has a place today says nothing about a list that is closed. Every number on a list comes from `_list`, which keeps true of
every closed list of ours:

    present + absent + not_recorded = enrolled

where `enrolled` are those who were awaited, and those of whom somebody else states that they were.
Those who came without a place are counted apart, in `without_place`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import assert_never

from services.attendance.history import PlaceSaid, places_at
from services.attendance.lists import ListRules, closed_list, records_of
from services.attendance.state import MeetingList, Place, Record, Session
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceListReopened,
    AttendanceState,
    Method,
    NotAwaited,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantNotAwaited,
    Presence,
    Role,
)
from shared.contracts.checkin import CheckInScanned
from shared.contracts.model import Fact
from shared.contracts.planner import Meeting
from shared.events.decoding import FUTURE_TOLERANCE
from shared.events.envelope import Heard, Reason, digest_of
from shared.state.rows import FactRow
from shared.state.working import Working
from shared.values import immutable


@immutable
class Wait:
    """Nothing can be decided yet: what has to become known first, and how long that may take."""

    waits_for: str
    until: dt.datetime


@immutable
class Refused:
    """Nothing can ever be decided here: the scan is kept among the parked ones."""

    reason: Reason
    detail: str


@immutable
class AlreadyPresent:
    """Nothing new: the scan that was heard first counts."""

    event_id: str
    """Of the fact that says they were there."""


def decide_scan(
    working: Working, heard: Heard[CheckInScanned], rules: ListRules, *, final: bool = False
) -> ParticipantAttended | AlreadyPresent | Wait | Refused:
    """What a scan says: the person was there.

    What happened is kept, also if the session was cancelled, the list is closed or the person has no place. `final`: what is
    not known by now never will be.
    """
    body = heard.body
    session = working[Session].get(body.session_id)
    meeting = session.meeting(body.meeting_id) if session else None
    record = working[Record].get(body.session_id, body.meeting_id, body.person_id)
    closed = closed_list(working, body.session_id, body.meeting_id)
    if detail := _implausible(heard, meeting, rules):
        return Refused(Reason.IMPLAUSIBLE_TIME, detail)
    if record is not None and _came(working, record, None if closed else meeting, rules):
        return AlreadyPresent(record.event_id)
    for row in (record, closed):
        if row is not None and not is_ours(working, row):
            return Refused(Reason.FOREIGN_WRITER, f"this list was closed by {row.source}, which alone may correct it")
    if session is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} was never announced")
        return Wait("session", heard.appended_at + rules.held_for)
    if meeting is None and closed is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} has no meeting {body.meeting_id}")
        return Wait("meeting", max(session.ends_at + rules.close_after, heard.appended_at))
    place = working[Place].get(body.session_id, body.person_id)
    if place is None and meeting is not None and closed is None and not final:
        return Wait("place", max(rules.closes_at(meeting), heard.appended_at))
    then = places_at(working, body.session_id, closed.decided_at, rules).get(body.person_id) if closed else place
    return ParticipantAttended(
        session_id=body.session_id,
        meeting_id=body.meeting_id,
        person_id=body.person_id,
        city_id=then.city_id if then else None,
        with_place=then is not None and then.state.has_seat,
        decided_at=working.now,
        scanned_at=body.scanned_at,
        method=Method.SCAN,
        device_id=body.device_id,
        request_source=heard.source,
        request_id=heard.event_id,
        request_digest=digest_of(body),
    )


def _implausible(heard: Heard[CheckInScanned], meeting: Meeting | None, rules: ListRules) -> str | None:
    """Why this code cannot have been read at this meeting, if so. While the meeting is not known, only what was read after it
    was heard of is."""
    scanned_at = heard.body.scanned_at
    if scanned_at > heard.appended_at + FUTURE_TOLERANCE:
        return f"scanned at {scanned_at.isoformat()}, heard at {heard.appended_at.isoformat()}"
    if meeting and (rules.is_too_early(meeting, scanned_at) or rules.is_too_late(meeting, scanned_at)):
        lies = f"from {meeting.starts_at.isoformat()} to {meeting.ends_at.isoformat()}"
        return f"scanned at {scanned_at.isoformat()}, the meeting {meeting.meeting_id} is {lies}"
    return None


def _came(working: Working, record: Record, meeting: Meeting | None, rules: ListRules) -> bool:
    """Whether this record says that the person came to the meeting: no longer if it was moved to another day since.

    Only a later day undoes it: one who was scanned after a meeting's end was late. `meeting` is None where its time is no question.
    """
    if record.state != Presence.PRESENT:
        return False
    moved = meeting is not None and record.scanned_at is not None and rules.is_too_early(meeting, record.scanned_at)
    return not (moved and is_ours(working, record))


def closes_now(working: Working, session_id: str, meeting_id: str, rules: ListRules, *, at: dt.datetime) -> bool:
    """Whether there is a list to close: of a meeting that takes place and has begun, is no history, and whose list is open.

    A session that was cancelled, or a meeting that was dropped, only after the list was to close took place.
    """
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    if session is None or (session.heard_at <= at and (meeting is None or not session.state.takes_place)):
        return False
    if meeting is not None and (meeting.starts_at > at or rules.is_history(meeting)):
        return False
    row = working[MeetingList].get(session_id, meeting_id)
    return row is None or (row.is_open and is_ours(working, row))


def decide_closing(
    working: Working, session_id: str, meeting_id: str, rules: ListRules, *, at: dt.datetime
) -> list[Fact]:
    """Closes the list of a meeting: who is absent, and the numbers."""
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    records = records_of(working, session_id, meeting_id)
    came = {record.person_id for record in records if _came(working, record, meeting, rules)}
    facts, numbers = _list(working, session_id, meeting_id, rules, came, closed_at=at)
    return [*facts, numbers]


def decide_count(working: Working, session_id: str, meeting_id: str, rules: ListRules) -> list[Fact]:
    """Counts a closed list of ours again, with what became known since of those who had a place when it closed, or who came."""
    closed = closed_list(working, session_id, meeting_id)
    if closed is None or not is_ours(working, closed):
        return []
    records = records_of(working, session_id, meeting_id)
    came = {record.person_id for record in records if record.state == Presence.PRESENT}
    facts, numbers = _list(working, session_id, meeting_id, rules, came, closed_at=closed.decided_at)
    return [*facts] if _same(closed, numbers) else [*facts, numbers]


def decide_reopening(working: Working, session_id: str) -> list[Fact]:
    """Opens the lists of ours whose meetings now lie after their closing: nobody can have been absent from them.

    Who was scanned stays so: should the meeting be moved back, it was as it was. Another day's scan counts no more when the
    list closes anew.
    """
    session = working[Session].get(session_id)
    facts: list[Fact] = []
    for meeting in session.meetings if session else ():
        closed = closed_list(working, session_id, meeting.meeting_id)
        if closed is None or meeting.starts_at <= closed.decided_at or not is_ours(working, closed):
            continue
        facts += [
            _taken_back(record, NotAwaited.LIST_REOPENED, working.now)
            for record in sorted(records_of(working, session_id, meeting.meeting_id), key=lambda one: one.person_id)
            if record.state == Presence.ABSENT and is_ours(working, record)
        ]
        facts.append(
            AttendanceListReopened(session_id=session_id, meeting_id=meeting.meeting_id, decided_at=working.now)
        )
    return facts


def _list(
    working: Working, session_id: str, meeting_id: str, rules: ListRules, came: set[str], *, closed_at: dt.datetime
) -> tuple[list[AttendanceState], AttendanceListClosed]:
    """What has to be said of people so that the list of those who came is right, and its numbers then.

    What somebody else states about a person stands as they state it.
    """
    stood = places_at(working, session_id, closed_at, rules)
    records = {record.person_id: record for record in records_of(working, session_id, meeting_id)}
    facts: list[AttendanceState] = []
    counted: Counter[str | None] = Counter()
    for person_id in sorted(stood.keys() | records.keys()):
        place, record = stood.get(person_id), records.get(person_id)
        awaited = place is not None and place.state.has_seat
        state = Presence.NOT_AWAITED
        if record is not None and not is_ours(working, record):
            state, awaited = record.state, awaited or (record.with_place and record.state != state)
        elif record is not None and person_id in came:
            state = Presence.PRESENT
            if (record.with_place, record.city_id) != (awaited, place.city_id if place else None):
                facts.append(_attended(record, place, awaited, working.now))
        elif place is not None and awaited and came:
            state = Presence.ABSENT
            if record is None or (record.state, record.city_id) != (state, place.city_id):
                facts.append(_absent(place, meeting_id, working.now))
        elif record is not None and record.state != Presence.NOT_AWAITED:
            facts.append(_taken_back(record, _why(place, closed_at), working.now))
        counted[counts_as(state, awaited)] += 1
    numbers = AttendanceListClosed(
        session_id=session_id,
        meeting_id=meeting_id,
        recorded=bool(came),
        present=counted["present"],
        absent=counted["absent"],
        not_recorded=counted["not_recorded"],
        without_place=counted["without_place"],
        decided_at=closed_at,
    )
    return facts, numbers


def counts_as(presence: Presence, awaited: bool, role: Role = Role.PARTICIPANT) -> str | None:
    """In which number of a list somebody stands. Whoever was late or left early is present, whoever was excused is absent."""
    match presence:
        case Presence.PRESENT | Presence.LATE | Presence.LEFT_EARLY:
            if awaited:
                return "present"
            return "without_place" if role is Role.PARTICIPANT else "guests"
        case Presence.ABSENT | Presence.EXCUSED:
            return "absent"
        case Presence.NOT_AWAITED:
            return "not_recorded" if awaited else None
        case never:
            assert_never(never)


def is_ours(working: Working, row: FactRow) -> bool:
    """Whether we may state this aggregate: it is ours, or was taken over from whoever stated it first."""
    return working.owns(row, AttendanceState.stream)


def _absent(place: PlaceSaid, meeting_id: str, decided_at: dt.datetime) -> ParticipantAbsent:
    return ParticipantAbsent(
        session_id=place.session_id,
        meeting_id=meeting_id,
        person_id=place.person_id,
        city_id=place.city_id,
        decided_at=decided_at,
    )


def _why(place: PlaceSaid | None, closed_at: dt.datetime) -> NotAwaited:
    """Why somebody is not awaited of whom something was said before."""
    if place is not None and place.state.has_seat:
        return NotAwaited.NOBODY_SCANNED
    if place is not None and place.given_back_at is not None and place.decided_at > closed_at:
        return NotAwaited.WITHDREW_IN_TIME
    return NotAwaited.NO_PLACE


def _taken_back(record: Record, reason: NotAwaited, decided_at: dt.datetime) -> ParticipantNotAwaited:
    return ParticipantNotAwaited(
        session_id=record.session_id,
        meeting_id=record.meeting_id,
        person_id=record.person_id,
        city_id=record.city_id,
        with_place=False,
        reason=reason,
        decided_at=decided_at,
    )


def _attended(
    record: Record, place: PlaceSaid | None, with_place: bool, decided_at: dt.datetime
) -> ParticipantAttended:
    """The same presence, now known to be with or without a place, and for which town."""
    if record.scanned_at is None:
        raise ValueError(f"{record.person_id} was present at {record.meeting_id} and never scanned")
    return ParticipantAttended(
        session_id=record.session_id,
        meeting_id=record.meeting_id,
        person_id=record.person_id,
        city_id=place.city_id if place else None,
        with_place=with_place,
        decided_at=decided_at,
        scanned_at=record.scanned_at,
        method=record.method or Method.SCAN,
        device_id=record.device_id,
        request_source=record.request_source,
        request_id=record.request_id,
        request_digest=record.request_digest,
    )


def _same(closed: MeetingList, numbers: AttendanceListClosed) -> bool:
    names = ("recorded", "present", "absent", "not_recorded", "without_place")
    return all(getattr(closed, name) == getattr(numbers, name) for name in names)
