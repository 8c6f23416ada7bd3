"""Who came. Pure functions from what is known to facts; they apply nothing and publish nothing.

Every number on a list comes from `decide_list`. What it keeps true of every closed list of ours:

    present + absent + not_recorded = enrolled

where `enrolled` means the persons counted on that list:
- on a recorded list, whoever has a record with a place there: everyone who had a place when it closed, and whoever was heard
  to have one later. A place given back after closing changes nothing: at the time it was theirs.
- on a list that was not recorded nobody is marked, so it is simply how many have a place, and the list follows that number.
Those who came without a place are counted apart, in `without_place`.
"""

from __future__ import annotations

import datetime as dt

from services.attendance.state import (
    CANCELLED,
    ListRules,
    MeetingList,
    Place,
    Presence,
    Record,
    Session,
    enrolled,
    records_of,
)
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceState,
    Method,
    ParticipantAbsent,
    ParticipantAttended,
)
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import Standing
from shared.contracts.model import Fact
from shared.envelope import Heard, Reason
from shared.holding import HELD_DAYS
from shared.rows import FactRow
from shared.values import immutable
from shared.working import Working


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


def decide_scan(
    working: Working, heard: Heard[CheckInScanned], rules: ListRules, *, final: bool = False
) -> list[ParticipantAttended] | Wait | Refused:
    """What a scan says: the person was there. Nothing new if that is known already: the scan heard first counts.

    What happened is kept, also if the session was cancelled, the list is closed or the person has no place. `final`: what is
    not known by now never will be.
    """
    body = heard.body
    session = working[Session].get(body.session_id)
    record = working[Record].get(body.session_id, body.meeting_id, body.person_id)
    closed = working[MeetingList].get(body.session_id, body.meeting_id)
    if record is not None and record.state == Presence.PRESENT:
        return []
    for row in (record, closed):
        if row is not None and not is_ours(working, row):
            return Refused(Reason.FOREIGN_WRITER, f"this list was closed by {row.source}, which alone may correct it")
    if session is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} was never announced")
        return Wait("session", heard.appended_at + dt.timedelta(days=HELD_DAYS))
    meeting = session.meeting(body.meeting_id)
    if meeting is None and closed is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} has no meeting {body.meeting_id}")
        return Wait("meeting", max(session.ends_at + rules.close_after, heard.appended_at))
    place = working[Place].get(body.session_id, body.person_id)
    if place is None and meeting is not None and closed is None and not final:
        return Wait("place", max(rules.closes_at(meeting), heard.appended_at))
    attended = ParticipantAttended(
        session_id=body.session_id,
        meeting_id=body.meeting_id,
        person_id=body.person_id,
        city_id=record.city_id if record else _city(place),
        # Whoever stands on the list as absent had a place when it closed.
        with_place=record.with_place if record else has_place(place),
        decided_at=working.now,
        scanned_at=body.scanned_at,
        method=Method.SCAN,
        device_id=body.device_id,
        request_source=heard.source,
        request_id=heard.event_id,
    )
    return [attended]


def closes_now(working: Working, session_id: str, meeting_id: str, rules: ListRules, *, at: dt.datetime) -> bool:
    """Whether there is a list to close: of a meeting that takes place, is no history, and whose list is open.

    A session that was cancelled only after the list was to close took place.
    """
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    if session is None or meeting is None or (session.state == CANCELLED and session.heard_at <= at):
        return False
    return working[MeetingList].get(session_id, meeting_id) is None and not rules.is_history(meeting)


def decide_list(working: Working, session_id: str, meeting_id: str, *, closed_at: dt.datetime) -> list[Fact]:
    """Closes the list of a meeting, or counts a closed one again: who is absent, and the numbers if they changed.

    Until it closes, a place that comes or goes decides whether someone who was scanned counts as having one, so that it
    does not matter which was heard first. Once closed, nobody's place is taken from the record; one may still be added.
    """
    closed = working[MeetingList].get(session_id, meeting_id)
    if closed is not None and not is_ours(working, closed):
        return []
    records = {record.person_id: record for record in records_of(working, session_id, meeting_id)}
    places = {place.person_id: place for place in enrolled(working, session_id)}
    standing = {person_id: (record.state, record.with_place) for person_id, record in records.items()}
    recorded = any(record.state == Presence.PRESENT for record in records.values())
    facts: list[AttendanceState] = []
    for person_id, record in sorted(records.items()):
        with_place = person_id in places or (record.with_place and closed is not None)
        if record.state == Presence.PRESENT and record.with_place != with_place and is_ours(working, record):
            facts.append(_with_place(record, places.get(person_id), with_place, working.now))
            standing[person_id] = Presence.PRESENT, with_place
    missing = [place for person_id, place in places.items() if person_id not in records]
    if recorded:
        facts += [_absent(place, meeting_id, working.now) for place in missing]
        standing |= {place.person_id: (Presence.ABSENT, True) for place in missing}
    counted = list(standing.values())
    numbers = AttendanceListClosed(
        session_id=session_id,
        meeting_id=meeting_id,
        recorded=recorded,
        present=counted.count((Presence.PRESENT, True)),
        absent=sum(state == Presence.ABSENT for state, _ in counted),
        not_recorded=0 if recorded else len(missing),
        without_place=counted.count((Presence.PRESENT, False)),
        decided_at=closed.decided_at if closed else closed_at,
    )
    return [*facts] if closed and _same(closed, numbers) else [*facts, numbers]


def is_ours(working: Working, row: FactRow) -> bool:
    """Whether we may state this aggregate: it is ours, or was taken over from whoever stated it first."""
    return working.owns(row, AttendanceState.stream)


def has_place(place: Place | None) -> bool:
    return place is not None and place.state == Standing.ENROLLED


def _city(place: Place | None) -> str | None:
    return place.city_id if place else None


def _absent(place: Place, meeting_id: str, decided_at: dt.datetime) -> ParticipantAbsent:
    return ParticipantAbsent(
        session_id=place.session_id,
        meeting_id=meeting_id,
        person_id=place.person_id,
        city_id=place.city_id,
        decided_at=decided_at,
    )


def _with_place(record: Record, place: Place | None, with_place: bool, decided_at: dt.datetime) -> ParticipantAttended:
    """The same presence, now known to be with or without a place."""
    if record.scanned_at is None:
        raise ValueError(f"{record.person_id} was present at {record.meeting_id} and never scanned")
    return ParticipantAttended(
        session_id=record.session_id,
        meeting_id=record.meeting_id,
        person_id=record.person_id,
        city_id=record.city_id or _city(place),
        with_place=with_place,
        decided_at=decided_at,
        scanned_at=record.scanned_at,
        method=record.method or Method.SCAN,
        device_id=record.device_id,
        request_source=record.request_source,
        request_id=record.request_id,
    )


def _same(closed: MeetingList, numbers: AttendanceListClosed) -> bool:
    names = ("recorded", "present", "absent", "not_recorded", "without_place")
    return all(getattr(closed, name) == getattr(numbers, name) for name in names)
