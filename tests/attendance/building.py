"""Builders with valid defaults for attendance's tests: what others say, and a desk that thinks without a database."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from itertools import count
from typing import Any

from services.attendance.app import service_of
from services.attendance.handlers import request_of
from services.attendance.history import PlaceSaid
from services.attendance.lists import CloseList, ListRules, awaited_at
from services.attendance.state import MeetingList, Record
from services.attendance.subjects import list_subject, session_subject
from shared import testing
from shared.books.recovery import RECONCILE
from shared.contracts.attendance import (
    AttendanceCorrected,
    AttendanceListClosed,
    AttendanceListReopened,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantExcused,
    ParticipantNotAwaited,
)
from shared.contracts.certificates import CertificateState
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import EnrolmentWithdrawn, ParticipantEnrolled, ParticipantWaitlisted, WithdrawalReason
from shared.contracts.marks import MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Event
from shared.contracts.planner import SessionCancelled, SessionRescheduled, SessionScheduled
from shared.events.envelope import Heard
from shared.state.working import Due, Held
from tests.mind import Mind

OURS, ENROLMENT = "rollcall/attendance", "rollcall/enrolment"
ARCHIVE = "urn:example:archive"
DAY = dt.datetime(2026, 10, 6, tzinfo=dt.UTC)
BEFORE = DAY - dt.timedelta(days=10)
STARTS, ENDS = DAY + dt.timedelta(hours=7), DAY + dt.timedelta(hours=13)
DURING = STARTS + dt.timedelta(minutes=10)
CLOSES = ENDS + dt.timedelta(hours=6)
LATER = CLOSES + dt.timedelta(hours=3)
RULES = ListRules(dt.timedelta(hours=6), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
SESSION = "session-0001"

_numbers = count(1)


def heard(
    body: Event, *, at: dt.datetime, source: str = "urn:example:outside", id: str = "", version: int = 0
) -> Heard[Any]:
    """An event as it would be heard at a moment."""
    number = next(_numbers)
    named = id or f"event-{number}"
    return testing.heard(body, source=source, event_id=named, version=version or number, at=at, offset=number)


def day(meeting_id: str = "day-1", *, days_later: int = 0, until: int = 15) -> dict[str, Any]:
    """A meeting from 9 to 15 o'clock in Warsaw."""
    date = DAY.replace(tzinfo=None) + dt.timedelta(days=days_later)  # Wall time: the zone stands beside it.
    return {"meeting_id": meeting_id, "starts_local": date.replace(hour=9), "ends_local": date.replace(hour=until)}


def _session(
    kind: type[Any],
    session_id: str,
    meetings: Iterable[dict[str, Any]],
    at: dt.datetime,
    trainers: tuple[str, ...] = (),
) -> Heard[Any]:
    fields: dict[str, Any] = {
        "kind": "in_depth",
        "phase": 1,
        "topic": "climate",
        "city_id": "town-1",
        "venue": "hall",
        "capacity": 40,
        "trainers": trainers,
    }
    return heard(kind(session_id=session_id, meetings=tuple(meetings) or (day(),), **fields), at=at)


def scheduled(
    *meetings: dict[str, Any], session_id: str = SESSION, at: dt.datetime = BEFORE, trainers: tuple[str, ...] = ()
) -> Heard[Any]:
    return _session(SessionScheduled, session_id, meetings, at, trainers)


def rescheduled(
    *meetings: dict[str, Any], session_id: str = SESSION, at: dt.datetime = BEFORE, trainers: tuple[str, ...] = ()
) -> Heard[Any]:
    return _session(SessionRescheduled, session_id, meetings, at, trainers)


def cancelled(
    *meetings: dict[str, Any], session_id: str = SESSION, at: dt.datetime = BEFORE, trainers: tuple[str, ...] = ()
) -> Heard[Any]:
    return _session(SessionCancelled, session_id, meetings, at, trainers)


def _place(person: str, at: dt.datetime) -> dict[str, Any]:
    return {"session_id": SESSION, "person_id": person, "city_id": f"town-of-{person}", "episode": 1, "decided_at": at}


def enrolled(
    person: str, *, at: dt.datetime = BEFORE, decided: dt.datetime | None = None, source: str = ENROLMENT
) -> Heard[Any]:
    return heard(ParticipantEnrolled(**_place(person, decided or at)), at=at, source=source)


def restated(person: str, *, town: str, at: dt.datetime) -> Heard[Any]:
    """The same place, for another town."""
    return heard(ParticipantEnrolled(**_place(person, at) | {"city_id": town}), at=at, source=ENROLMENT)


def waitlisted(person: str, *, at: dt.datetime = BEFORE, decided: dt.datetime | None = None) -> Heard[Any]:
    return heard(ParticipantWaitlisted(**_place(person, decided or at), queue=1), at=at, source=ENROLMENT)


def withdrawn(
    person: str,
    *,
    at: dt.datetime = BEFORE,
    decided: dt.datetime | None = None,
    sent: dt.datetime | None = None,
    source: str = ENROLMENT,
    reason: WithdrawalReason = WithdrawalReason.REQUESTED,
) -> Heard[Any]:
    """By request; `sent`: when that was appended, where it tells when it was."""
    fields = _place(person, decided or at) | {"reason": reason, "withdrawal_asked_at": sent}
    if sent:
        fields |= {"request_source": "urn:example:portal", "request_id": f"out-{person}"}
    return heard(EnrolmentWithdrawn(**fields), at=at, source=source)


def scan(
    person: str,
    meeting_id: str = "day-1",
    *,
    at: dt.datetime = DURING,
    made: dt.datetime | None = None,
    id: str = "",
    session_id: str = SESSION,
) -> Heard[Any]:
    """Heard at a moment; made then too, unless said otherwise."""
    body = CheckInScanned(
        session_id=session_id, meeting_id=meeting_id, person_id=person, scanned_at=made or at, device_id="door-1"
    )
    return heard(body, at=at, source="urn:example:doors", id=id)


def close(meeting_id: str = "day-1", *, at: dt.datetime = ENDS) -> Heard[Any]:
    return heard(CloseList(session_id=SESSION, meeting_id=meeting_id), at=at, source=f"{OURS}/trainer")


def mark(
    person: str,
    state: str = "present",
    *,
    at: dt.datetime = DURING,
    by: str = "trainer",
    id: str = "",
    meeting_id: str = "day-1",
    **fields: Any,
) -> Heard[Any]:
    """Heard at a moment, over HTTP, from whoever keeps the list."""
    said = fields if "walk_in" in fields else {"state": state, **fields}
    body = MarkRequested(session_id=SESSION, meeting_id=meeting_id, person_id=person, **said)
    return over_http(body, at=at, by=by, id=id)


def correction(
    person: str,
    state: str = "present",
    *,
    at: dt.datetime = LATER,
    by: str = "office",
    id: str = "",
    meeting_id: str = "day-1",
    note: str = "as it was",
    **fields: Any,
) -> Heard[Any]:
    said = fields if "walk_in" in fields else {"state": state, **fields}
    about = {"session_id": SESSION, "meeting_id": meeting_id, "person_id": person}
    return over_http(RecordCorrectionRequested(**about, note=note, **said), at=at, by=by, id=id)


def reopening(meeting_id: str = "day-1", *, at: dt.datetime = LATER, id: str = "") -> Heard[Any]:
    body = ReopeningRequested(session_id=SESSION, meeting_id=meeting_id, note="closed too soon")
    return over_http(body, at=at, by="office", id=id)


def over_http(body: Event, *, at: dt.datetime, by: str, id: str = "") -> Heard[Any]:
    """A command, as the routes make it."""
    return Heard.over_http(body, source=f"{OURS}/{by}", event_id=id or f"command-{next(_numbers)}", now=at)


def archived_present(person: str, *, at: dt.datetime = DURING) -> Heard[Any]:
    body = ParticipantAttended(session_id=SESSION, meeting_id="day-1", person_id=person, decided_at=at, scanned_at=at)
    return heard(body, at=at, source=ARCHIVE)


def archived_absent(person: str, *, at: dt.datetime = CLOSES) -> Heard[Any]:
    body = ParticipantAbsent(session_id=SESSION, meeting_id="day-1", person_id=person, decided_at=at)
    return heard(body, at=at, source=ARCHIVE)


def archived_list(
    *,
    present: int = 0,
    absent: int = 0,
    not_recorded: int = 0,
    at: dt.datetime = CLOSES,
    heard_at: dt.datetime | None = None,
) -> Heard[Any]:
    body = AttendanceListClosed(
        session_id=SESSION,
        meeting_id="day-1",
        recorded=not not_recorded,
        present=present,
        absent=absent,
        not_recorded=not_recorded,
        decided_at=at,
    )
    return heard(body, at=heard_at or at, source=ARCHIVE)


def archived_reopening(*, at: dt.datetime) -> Heard[Any]:
    body = AttendanceListReopened(session_id=SESSION, meeting_id="day-1", decided_at=at)
    return heard(body, at=at, source=ARCHIVE)


class Desk:
    """Hears one event after the other in memory, as the deciding lane would in one transaction after the other."""

    def __init__(self, rules: ListRules = RULES) -> None:
        numbers = count(1)
        service = dataclasses.replace(service_of(rules), new_id=lambda: f"ours-{next(numbers)}")
        self.mind = Mind(service, BEFORE)

    def hear(self, *events: Heard[Any], quiet: bool = False) -> list[str]:
        """Hears these and returns what was said about them, in short. `quiet`: after a restore."""
        before = len(self.mind.said)
        for one in events:
            self.mind.now = max(self.mind.now, one.appended_at)
            self.mind.hear(one, quiet=quiet)
        return self._short(before)

    def reconcile(self) -> list[str]:
        before = len(self.mind.said)
        self.mind.hear(Due(RECONCILE, session_subject(SESSION), LATER))
        return self._short(before)

    def own_facts(self) -> list[Heard[Any]]:
        """What was said, as our own stream tells it."""
        return [
            heard(one.body, at=one.body.decided_at, source=OURS, id=one.event_id, version=one.version)  # type: ignore[attr-defined]
            for one in self.mind.said
        ]

    def pass_to(self, moment: dt.datetime) -> list[str]:
        """Decides everything that is due by then."""
        before = len(self.mind.said)
        self.mind.pass_to(moment)
        return self._short(before)

    def _short(self, before: int) -> list[str]:
        return [_in_short(one.body) for one in self.mind.said[before:] if not isinstance(one.body, CertificateState)]

    @property
    def certificates(self) -> list[str]:
        """What was said of certificates; of lists and people it is said apart."""
        return [
            f"{one.body.number} {type(one.body).__name__}"
            for one in self.mind.said
            if isinstance(one.body, CertificateState)
        ]

    def record(self, person: str, meeting_id: str = "day-1") -> Record:
        found = self.mind[Record].get(SESSION, meeting_id, person)
        assert found is not None, f"nothing is known of {person} at {meeting_id}"
        return found

    def numbers(self, meeting_id: str = "day-1") -> tuple[int, int, int, int]:
        """(present, absent, not recorded, without place) of a closed list."""
        found = self.mind[MeetingList].get(SESSION, meeting_id)
        assert found is not None, f"the list of {meeting_id} is open"
        return found.present, found.absent, found.not_recorded, found.without_place

    def counted(self, meeting_id: str = "day-1") -> int:
        """Persons on a closed list, counted as decisions.py says, from places and records alone."""
        closed = self.mind[MeetingList].get(SESSION, meeting_id)
        assert closed is not None
        before = [one for one in self.mind[PlaceSaid] if one.held_at(awaited_at(closed), RULES)]
        last = {one.person_id: one for one in sorted(before, key=lambda one: one.version)}  # All of one writer.
        awaited = {person for person, one in last.items() if one.state == "enrolled"}
        records = [record for record in self.mind[Record] if record.meeting_id == meeting_id]
        return len(awaited | {one.person_id for one in records if one.state != "not_awaited" and one.with_place})

    def due(self, meeting_id: str = "day-1") -> dt.datetime | None:
        found = self.mind[Due].get("list", list_subject(SESSION, meeting_id))
        return found.at if found else None

    @property
    def lists(self) -> list[MeetingList]:
        return list(self.mind[MeetingList])

    @property
    def held(self) -> list[tuple[str, str]]:
        """(person, what their scan waits for)"""
        return sorted((request_of(one).body.person_id, one.waits_for) for one in self.mind[Held])


def _in_short(body: Any) -> str:
    match body:
        case ParticipantAttended():
            return f"{body.person_id} attended" + ("" if body.with_place else " without a place")
        case ParticipantExcused():
            return f"{body.person_id} excused"
        case ParticipantAbsent():
            return f"{body.person_id} absent"
        case ParticipantNotAwaited():
            return f"{body.person_id} not awaited"
        case AttendanceCorrected():
            return f"{body.person_id} corrected from {body.was.state if body.was else 'nothing'} to {body.state}"
        case AttendanceListReopened():
            return f"{body.meeting_id} reopened"
        case _:
            recorded = "" if body.recorded else " (not recorded)"
            numbers = f"{body.present} present, {body.absent} absent, {body.not_recorded} unknown, {body.without_place} without"
            return f"{body.meeting_id} closed{recorded}: {numbers}"
