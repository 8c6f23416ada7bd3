"""When the list of a meeting closes, and what closes it. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any

from services.attendance.certificates import CertificateRules
from services.attendance.outcomes import answered
from services.attendance.rooms import RoomRules
from services.attendance.state import NUMBERS, MeetingList, Record, Session, SessionSaid
from services.attendance.subjects import list_subject
from shared.contracts.attendance import AttendanceCorrected, AttendanceListClosed, AttendanceListReopened
from shared.contracts.checkin import CheckInScanned
from shared.contracts.marks import MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Id, Request
from shared.contracts.planner import Meeting
from shared.events.envelope import Heard
from shared.state.rows import FactRow
from shared.state.working import Derive, Due, Working, worked_out_of
from shared.values import immutable

LIST = "list"
"""The kind of due moment at which the list of a meeting closes; its subject is the list's own."""


OF_A_LIST = ("session_id", "meeting_id", "is_open", "recorded", *NUMBERS, "decided_by", "note", "decided_at")
"""What whoever asks about a list is told of it."""


class CloseList(Request):
    """A trainer closes the list of a meeting. A command only: it never travels on a stream."""

    asks_for = "list"

    stream = "attendance.scans"
    subject = "session/{session_id}/meeting/{meeting_id}"

    session_id: Id
    meeting_id: Id


AboutSomebody = CheckInScanned | MarkRequested | RecordCorrectionRequested
"""What is asked about one person at one meeting, and may have to wait for what it is about."""
ListRequest = AboutSomebody | ReopeningRequested | CloseList


def seen_at(heard: Heard[Any]) -> dt.datetime:
    """When somebody was seen at a meeting, or said to be: by the clock of the device, however late that is heard."""
    body = heard.body
    return body.scanned_at if isinstance(body, CheckInScanned) else body.made_at or heard.appended_at


@immutable
class ListRules:
    """When lists close, and which scans may be a meeting's. The same rules hold in a rebuild, or its due moments would differ."""

    close_after: dt.timedelta
    """Counted from the meeting's end."""
    live_since: dt.datetime
    """Meetings that ended before are history: whoever kept their lists states them."""
    scans_before: dt.timedelta = dt.timedelta(hours=12)
    """A code that was read longer before the meeting's start was not read at this meeting."""
    scans_after: dt.timedelta = dt.timedelta(hours=12)
    """Nor was one that was read longer after its end."""
    held_for: dt.timedelta = dt.timedelta(days=30)
    """How long a scan waits for a session that nobody has announced."""
    late_after: dt.timedelta = dt.timedelta(minutes=15)
    """A code that was read no longer than this after the beginning counts from the beginning."""
    console: str | None = None
    """The `ce_source` of the office's console, if one asks over Kafka. None: the office is heard over HTTP alone."""
    certificates: CertificateRules = field(default_factory=CertificateRules)
    rooms: RoomRules = field(default_factory=RoomRules)

    def closes_at(self, meeting: Meeting) -> dt.datetime:
        return meeting.ends_at + self.close_after

    def is_history(self, meeting: Meeting) -> bool:
        return meeting.ends_at < self.live_since

    def is_told(self, closed_at: dt.datetime) -> bool:
        """Whether a list that closed then is history, known by what others tell of it alone."""
        return closed_at < self.live_since

    def scans_since(self, meeting: Meeting) -> dt.datetime:
        return meeting.starts_at - self.scans_before

    def is_too_early(self, meeting: Meeting, scanned_at: dt.datetime) -> bool:
        return scanned_at < self.scans_since(meeting)

    def scans_until(self, meeting: Meeting) -> dt.datetime:
        return meeting.ends_at + self.scans_after

    def is_too_late(self, meeting: Meeting, scanned_at: dt.datetime) -> bool:
        return scanned_at > self.scans_until(meeting)

    def fits(self, meeting: Meeting, scanned_at: dt.datetime) -> bool:
        """Whether a code may have been read at this meeting then."""
        return not (self.is_too_early(meeting, scanned_at) or self.is_too_late(meeting, scanned_at))


_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def rules_of(working: Working) -> ListRules:
    """The rules that this decision goes by."""
    rules: ListRules = working.rules
    return rules


def derive(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """The rows that follow from sessions and lists: when lists close, and which fact answered whoever asked for that."""
    if isinstance(new, Session):
        before = old.meetings if isinstance(old, Session) else ()
        for meeting_id in {meeting.meeting_id for meeting in (*before, *new.meetings)}:
            _derive_due(working, new.session_id, meeting_id)
    elif isinstance(new, MeetingList):
        _derive_due(working, new.session_id, new.meeting_id)
    derive_answer(working, heard)


DERIVE: dict[type[FactRow], Derive] = dict.fromkeys((Session, MeetingList), derive)


def derive_answer(working: Working, heard: Heard[Any]) -> None:
    """Which fact answered a scan, a mark, or whoever asked for a list to be closed or opened."""
    answered(working, heard, _asked_for)


def _asked_for(body: Any) -> str:
    """What the request asked for that a fact answers."""
    match body:
        case AttendanceListClosed():
            return CloseList.asks_for
        case AttendanceListReopened():
            return ReopeningRequested.asks_for
        case AttendanceCorrected():
            return RecordCorrectionRequested.asks_for
        case _:
            return MarkRequested.asks_for if body.decided_by is not None else CheckInScanned.asks_for


def _derive_due(working: Working, session_id: str, meeting_id: str) -> None:
    """When a list closes by itself, if nobody has closed it: by all that was said of its session and the list as it stands, never by what
    was due before. Or a rebuild, which hears both in another order, would come to another moment."""
    subject = list_subject(session_id, meeting_id)
    found = working[MeetingList].get(session_id, meeting_id)
    closed = found is not None and not found.is_open
    at = None if closed else closes_by_itself(as_heard(working, session_id), meeting_id, found, rules_of(working))
    if at is None:
        working[Due].remove(LIST, subject)
    else:
        working[Due].put(Due(LIST, subject, at))


def closes_by_itself(
    said: Iterable[Session], meeting_id: str, found: MeetingList | None, rules: ListRules
) -> dt.datetime | None:
    """When an open list, as it was found, closes, given what was said of its session in the order in which it was heard. None: the meeting is history, or
    does not take place.

    What was said after the moment at which it closes does not move that moment, also if it is heard before it is decided:
    unless the meeting is to begin after it, for such a list would be open again. One that was dropped then took place; so did one that is
    dropped, or cancelled, while its list is open to be put right.
    """
    at: dt.datetime | None = None
    last: Meeting | None = None
    for one in said:
        meeting = one.meeting(meeting_id)
        last = meeting or last
        if at is not None and one.heard_at > at and (meeting is None or meeting.starts_at <= at):
            continue
        takes_place = meeting is not None and one.state.takes_place and not rules.is_history(meeting)
        if at is not None and not takes_place and is_put_right(found, last):
            continue
        at = max(rules.closes_at(meeting), open_until(found, rules)) if meeting and takes_place else None
    return at


@worked_out_of(Session, SessionSaid)
def as_heard(working: Working, session_id: str) -> Sequence[Session]:
    """What was said of a session, in the order in which it was heard."""
    said: dict[tuple[str, int], Session] = {
        (one.source, one.version): one for one in working[SessionSaid].where("session_id", session_id)
    }
    session = working[Session].get(session_id)
    if session is None:
        return ()
    said[session.source, session.version] = session  # It is remembered when what follows from it has been derived.
    return in_order(said.values(), session.source)


def in_order(said: Iterable[Session], owner: str) -> list[Session]:
    """What was said of one session as it was heard: no word that came when a newer one was known, none of whoever spoke before its owner
    once the owner had."""
    newest: dict[str, int] = {}
    heard: list[Session] = []
    for one in sorted(said, key=lambda one: (one.heard_at, one.version, one.source)):
        if newest.get(one.source, -1) < one.version and (one.source == owner or owner not in newest):
            newest[one.source] = one.version
            heard.append(one)
    return heard


def session_at(working: Working, session: Session, at: dt.datetime) -> Session:
    """A session as it was known at a moment, whatever has been said of it since."""
    said = as_heard(working, session.session_id)
    return next((one for one in reversed(said) if one.heard_at <= at), said[0])


def meeting_once(working: Working, session: Session, meeting_id: str) -> Meeting | None:
    """A meeting by the last word that had it: of a day that was dropped, or called otherwise, the hours that it had."""
    said = reversed(as_heard(working, session.session_id))
    return next((meeting for one in said if (meeting := one.meeting(meeting_id)) is not None), None)


def last_known(said: Iterable[Session], owner: str) -> dict[str, Meeting]:
    """Every meeting that one session ever had, by id, each by the last word that had it."""
    return {meeting.meeting_id: meeting for one in in_order(said, owner) for meeting in one.meetings}


def who_trained(said: Sequence[Session], at: dt.datetime) -> tuple[str, ...]:
    """Who trained a meeting that ended then, by what was said of its session in the order in which it was heard.

    What is said while another day lies ahead is about that one: whoever was replaced by then has trained the days before. What is changed
    once all of it is over is about what was.
    """
    if not said:
        return ()
    trainers = next((one for one in reversed(said) if one.heard_at <= at), said[0]).trainers
    for before, one in itertools.pairwise(said):
        if one.heard_at > max(at, one.ends_at) and one.trainers != before.trainers:
            trainers = one.trainers
    return trainers


def open_until(found: MeetingList | None, rules: ListRules) -> dt.datetime:
    """Until when a list stays open at least that somebody has opened again: as long as after a meeting."""
    if found is None or not found.is_open or found.decided_by is None:
        return _EVER
    return found.decided_at + rules.close_after


def closed_list(working: Working, session_id: str, meeting_id: str) -> MeetingList | None:
    """The meeting's list if it has closed. One that was opened again is open."""
    found = working[MeetingList].get(session_id, meeting_id)
    return None if found is None or found.is_open else found


def is_put_right(found: MeetingList | None, meeting: Meeting | None) -> bool:
    """Whether a list had closed, and somebody has opened it to be put right: its day took place, whatever is said of it meanwhile. By the
    last word that had the meeting: once that begins after the first closing, the list is that of the new day."""
    if found is None or not found.is_open or found.decided_by is None or found.awaited_at is None:
        return False
    return meeting is None or meeting.starts_at <= found.awaited_at


def had_closed(found: MeetingList | None, meeting: Meeting | None) -> bool:
    """Whether the list of a day has closed, also if it is open to be put right: the day took place, whatever is said of it or of its session
    after that. `meeting`: the day by the last word that had it."""
    return found is not None and (not found.is_open or is_put_right(found, meeting))


def day_of(working: Working, session_id: str, meeting_id: str) -> Meeting | None:
    """The day that what is recorded at a meeting has to be of. None: its list had closed, so that it stands wherever its day is by now, also
    while it is put right; or there is no such meeting."""
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    return None if had_closed(working[MeetingList].get(session_id, meeting_id), meeting) else meeting


def took_place(working: Working, session: Session, meeting_id: str) -> bool:
    """Whether a day that the session has no more took place: its list has closed, also if it is open to be put right."""
    found = working[MeetingList].get(session.session_id, meeting_id)
    if found is None or not found.is_open:
        return found is not None
    return is_put_right(found, meeting_once(working, session, meeting_id))


def awaited_at(closed: MeetingList) -> dt.datetime:
    """Whoever had a place then was awaited: when the list closed, for the first time if it was opened again to be put right."""
    return closed.awaited_at or closed.decided_at


def records_of(working: Working, session_id: str, meeting_id: str) -> Iterator[Record]:
    return (record for record in working[Record].where("session_id", session_id) if record.meeting_id == meeting_id)
