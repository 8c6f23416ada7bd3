"""When a list closes, who is absent then, and its numbers. Pure functions from what is known to facts.

A person is awaited at a meeting if they had a place when its list closed: by when that was decided, however late it is heard.
Who has a place today says nothing about a list that is closed. Every number on a list comes from `_list`, which keeps true of
every closed list of ours:

    present + absent + not_recorded = enrolled

where `enrolled` are those who were awaited, and those of whom somebody else states that they were. Who was late or left early is
among the present, who was excused among the absent. Those who came without a place are counted apart: in `without_place`, trainers
and observers in `guests`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Any, assert_never

from services.attendance.history import PlaceSaid, places_at
from services.attendance.humans import counted_elsewhere, of_humans, trainers_of
from services.attendance.lists import (
    ListRules,
    awaited_at,
    closed_list,
    day_of,
    is_put_right,
    meeting_once,
    records_of,
)
from services.attendance.minutes import Span, as_it_was
from services.attendance.outcomes import is_ours
from services.attendance.scanning import came, is_of_another_day, role_of
from services.attendance.state import NUMBERS, MeetingList, Record, Session
from services.attendance.stating import said_anew, taken_back
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceListReopened,
    Because,
    NotAwaited,
    ParticipantAbsent,
    Presence,
    PresenceFact,
    Role,
)
from shared.contracts.model import Fact
from shared.contracts.planner import Meeting
from shared.state.working import Working


def closes_now(working: Working, session_id: str, meeting_id: str, rules: ListRules, *, at: dt.datetime) -> bool:
    """Whether there is a list to close: of a meeting that takes place and has begun, is no history, and whose list is open.

    A session that was cancelled, or a meeting that was dropped, only after the list was to close took place; so did one whose list is open
    to be put right.
    """
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    row = working[MeetingList].get(session_id, meeting_id)
    if session is None:
        return False
    takes_place = meeting is not None and session.state.takes_place
    if not takes_place and session.heard_at <= at and not is_put_right(row, meeting_once(working, session, meeting_id)):
        return False
    if meeting is not None and (meeting.starts_at > at or rules.is_history(meeting)):
        return False
    return row is None or (row.is_open and is_ours(working, row))


def decide_closing(
    working: Working, session_id: str, meeting_id: str, rules: ListRules, *, at: dt.datetime
) -> list[Fact]:
    """Closes the list of a meeting: who is absent, and the numbers. One that was opened to be put right awaits whom it awaited, and who was
    there by it was there."""
    meeting, day = _meeting(working, session_id, meeting_id), day_of(working, session_id, meeting_id)
    there = [one for one in records_of(working, session_id, meeting_id) if came(working, one, day, rules)]
    first = _first_closing(working[MeetingList].get(session_id, meeting_id), meeting)
    when: dict[str, Any] = {"closed_at": at, "first_closed_at": first, "of_day": day}
    facts, numbers = _list(working, session_id, meeting_id, rules, there, **when)
    return [*facts, numbers]


def decide_count(working: Working, session_id: str, meeting_id: str, rules: ListRules) -> list[Fact]:
    """Counts a closed list of ours again, with what became known since: of those who had a place when it closed, of who came, of the
    meeting's hours."""
    closed = closed_list(working, session_id, meeting_id)
    if closed is None or not is_ours(working, closed):
        return []
    there = [one for one in records_of(working, session_id, meeting_id) if one.state.came]
    first = _first_closing(closed, _meeting(working, session_id, meeting_id))
    when: dict[str, Any] = {"closed_at": closed.decided_at, "first_closed_at": first, "of_day": None}
    facts, numbers = _list(working, session_id, meeting_id, rules, there, **when)
    if _same(closed, numbers):
        return [*facts]
    return [*facts, numbers.model_copy(update={"decided_by": closed.decided_by, "note": closed.note})]


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
        gone = [one for one in _ours(working, closed) if not one.state.came and (one.state.is_told or one.corrected)]
        facts += _taken_back(working, gone)
        facts.append(
            AttendanceListReopened(session_id=session_id, meeting_id=meeting.meeting_id, decided_at=working.now)
        )
    return facts


def opened_again(working: Working, closed: MeetingList, asked: dict[str, Any]) -> list[Fact]:
    """Opens a list so that it can be put right. What its closing said of people is taken back; what people have said of them is not."""
    fact = AttendanceListReopened(
        session_id=closed.session_id,
        meeting_id=closed.meeting_id,
        awaited_at=awaited_at(closed),
        decided_at=working.now,
        **asked,
    )
    by_closing = [one for one in _ours(working, closed) if one.state is Presence.ABSENT and not one.is_marked]
    return [*_taken_back(working, by_closing), fact]


def _first_closing(found: MeetingList | None, meeting: Meeting | None) -> dt.datetime | None:
    """When the list closed for the first time, if whoever had a place then is awaited still: a closing that lies before the meeting, which
    was moved to another day since, was none of it."""
    first = found.awaited_at if found is not None else None
    return None if first is not None and meeting is not None and first < meeting.starts_at else first


def _ours(working: Working, closed: MeetingList) -> list[Record]:
    records = records_of(working, closed.session_id, closed.meeting_id)
    return sorted((one for one in records if is_ours(working, one)), key=lambda one: one.person_id)


def _taken_back(working: Working, records: Iterable[Record]) -> list[Fact]:
    return [taken_back(one, NotAwaited.LIST_REOPENED, working.now) for one in records]


def _meeting(working: Working, session_id: str, meeting_id: str) -> Meeting | None:
    session = working[Session].get(session_id)
    return session.meeting(meeting_id) if session else None


def _list(
    working: Working,
    session_id: str,
    meeting_id: str,
    rules: ListRules,
    there: Iterable[Record],
    *,
    closed_at: dt.datetime,
    first_closed_at: dt.datetime | None,
    of_day: Meeting | None,
) -> tuple[list[PresenceFact], AttendanceListClosed]:
    """What has to be said of people so that the list of those who were there is right, and its numbers then. `of_day`: the day that marks
    have to be about; None: a list that stays closed stands, wherever its day is moved by then.

    What somebody else states about a person stands as they state it; so does what somebody who keeps the list has said of somebody
    who was awaited. Whoever trained when it began or when it ended, and had a place, is not absent for want of a record: they stood in front,
    and sign in the head of the list.
    """
    awaited_at = first_closed_at or closed_at
    stood = of_humans(working, places_at(working, session_id, awaited_at, rules))
    records = {record.person_id: record for record in records_of(working, session_id, meeting_id)}
    came_then = {record.person_id for record in there}
    session = working[Session].get(session_id)
    meeting = meeting_once(working, session, meeting_id) if session is not None else None
    ended_at = meeting.ends_at if meeting else awaited_at
    trained = trainers_of(working, session, ended_at) if session is not None else set()
    began_at = meeting.starts_at if meeting else ended_at
    in_front = trained | (trainers_of(working, session, began_at) if session is not None else set())
    seated = {person_id for person_id, place in stood.items() if place.state.has_seat}
    marked = {one.person_id for one in records.values() if one.person_id in seated and _stands(one, of_day, rules)}
    kept = bool(came_then) or any(records[one].state is Presence.ABSENT for one in marked)
    facts: list[PresenceFact] = []
    counted: Counter[str | None] = Counter()
    how: Counter[Presence] = Counter()
    for person_id in sorted(stood.keys() | records.keys()):
        place, record = stood.get(person_id), records.get(person_id)
        awaited = person_id in seated
        state, role = Presence.NOT_AWAITED, Role.PARTICIPANT
        if record is not None and not is_ours(working, record):
            state, role = record.state, record.role
            awaited = awaited or (record.with_place and state.is_told)
        elif record is not None and person_id in came_then:
            state, role = _there(working, record, place, rules, facts, trains=person_id in trained)
        elif record is not None and place is not None and person_id in marked:
            state = record.state
            if (record.with_place, record.city_id) != (True, place.city_id):
                known = {"with_place": True, "city_id": place.city_id}
                facts.append(said_anew(record, state, known, because=Because.PLACE, now=working.now))
        elif place is not None and awaited and kept and person_id not in in_front:
            state = Presence.ABSENT
            if record is None or (record.state, record.city_id) != (state, place.city_id):
                facts.append(_absent(place, meeting_id, working.now))
        elif record is not None and record.state.is_told:
            facts.append(taken_back(record, _why(place, awaited_at), working.now))
        counted[counts_as(state, awaited, role)] += 1
        how[state] += awaited
    numbers = AttendanceListClosed(
        session_id=session_id,
        meeting_id=meeting_id,
        recorded=kept,
        present=counted["present"],
        late=how[Presence.LATE],
        left_early=how[Presence.LEFT_EARLY],
        absent=counted["absent"],
        excused=how[Presence.EXCUSED],
        not_recorded=counted["not_recorded"],
        without_place=counted["without_place"],
        guests=counted["guests"],
        awaited_at=None if awaited_at == closed_at else awaited_at,
        decided_at=closed_at,
    )
    return facts, numbers


def _there(
    working: Working,
    record: Record,
    place: PlaceSaid | None,
    rules: ListRules,
    facts: list[PresenceFact],
    *,
    trains: bool,
) -> tuple[Presence, Role]:
    """How somebody who came counts. Said anew if more is known by now: their place, their town, the meeting's hours."""
    session = working[Session].get(record.session_id)
    meeting = session.meeting(record.meeting_id) if session else None
    with_place = place is not None and place.state.has_seat
    role = role_of(record, trains=trains, with_place=with_place)
    known = {"with_place": with_place, "city_id": place.city_id if place else None, "role": role}
    but: list[Span] = []
    if session is not None:
        is_stated = record.stated_minutes is not None
        but = counted_elsewhere(working, session, record.person_id, seen_at=record.scanned_at, is_stated=is_stated)
    stay = as_it_was(record, meeting, rules, but)
    follows = {"minutes": stay.minutes, "arrived_at": stay.arrived_at}
    other_place = any(getattr(record, name) != value for name, value in known.items())
    other_hours = record.state != stay.state or any(getattr(record, name) != value for name, value in follows.items())
    if other_place or other_hours:
        because = Because.PLACE if other_place else Because.MEETING
        facts.append(said_anew(record, stay.state, known | follows, because=because, now=working.now))
    return stay.state, role


def _stands(record: Record, of_day: Meeting | None, rules: ListRules) -> bool:
    """Whether no rule says otherwise of somebody who did not come: somebody has marked it, or has put it right after the closing. No
    longer if the meeting was moved to a later day since, and its list is open."""
    if record.state.came or not record.is_marked or not (record.state.is_told or record.corrected):
        return False
    return of_day is None or not is_of_another_day(record, of_day, rules)


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


def _absent(place: PlaceSaid, meeting_id: str, decided_at: dt.datetime) -> ParticipantAbsent:
    return ParticipantAbsent(
        session_id=place.session_id,
        meeting_id=meeting_id,
        person_id=place.person_id,
        city_id=place.city_id,
        minutes=0,
        decided_at=decided_at,
    )


def _why(place: PlaceSaid | None, closed_at: dt.datetime) -> NotAwaited:
    """Why somebody is not awaited of whom something was said before."""
    if place is not None and place.state.has_seat:
        return NotAwaited.NOBODY_SCANNED
    if place is not None and place.given_back_at is not None and place.decided_at > closed_at:
        return NotAwaited.WITHDREW_IN_TIME
    return NotAwaited.NO_PLACE


def _same(closed: MeetingList, numbers: AttendanceListClosed) -> bool:
    same = all(getattr(closed, name) == getattr(numbers, name) for name in ("recorded", *NUMBERS))
    return same and closed.awaited_at == (numbers.awaited_at or numbers.decided_at)
