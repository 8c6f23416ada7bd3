"""What a code that was read comes to. Pure functions from what is known to facts; they apply nothing and publish nothing.

What happened is kept, also if the session was cancelled, the list is closed or the person has no place. What cannot have happened is
refused by a rule with a name, which says when it would have been right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from services.attendance.humans import counted_elsewhere, is_anothers, of_survivor, place_of, there_since, trained
from services.attendance.lists import ListRules, closed_list, day_of, meeting_once, rules_of, took_place
from services.attendance.minutes import Codes, Span, by_code, codes_of
from services.attendance.outcomes import Refused, Unchanged, Wait, is_ours
from services.attendance.rulebook import ScanRule
from services.attendance.state import MeetingList, Record, Session
from services.attendance.stating import answering, said
from shared.contracts.attendance import Method, PresenceFact, Role
from shared.contracts.checkin import CheckedIn, CheckInScanned
from shared.contracts.planner import Meeting, SessionStanding
from shared.events.decoding import FUTURE_TOLERANCE
from shared.events.envelope import Heard, Reason
from shared.state.working import Working, worked_out_of
from shared.values import immutable

_HOW = {how: Method(how) for how in CheckedIn}
ALREADY_PRESENT, MARK_STANDS = "AlreadyPresent", "MarkStands"


@immutable
class Misfit:
    """By which rule a time does not fit a meeting, and which would."""

    rule: ScanRule
    right_from: dt.datetime | None
    right_until: dt.datetime
    """When it would have been right."""
    told: str
    meeting_id: str | None = None
    """For which meeting of the session it would be right."""

    @property
    def detail(self) -> str:
        since = f"from {self.right_from.isoformat()} " if self.right_from else ""
        return f"{self.rule}: {self.told}; right {since}until {self.right_until.isoformat()}"


def misfit(
    scanned_at: dt.datetime,
    heard_at: dt.datetime,
    session: Session | None,
    meeting: Meeting | None,
    rules: ListRules,
) -> Misfit | None:
    """Why this code cannot have been read at this meeting, if so. While the meeting is not known, only what was read after it
    was heard of is."""
    is_ahead = scanned_at > heard_at + FUTURE_TOLERANCE
    if not is_ahead and (meeting is None or rules.fits(meeting, scanned_at)):
        return None
    since, until = (rules.scans_since(meeting), rules.scans_until(meeting)) if meeting else (None, heard_at)
    told = f"scanned at {scanned_at.isoformat()}"
    if is_ahead or meeting is None:
        return Misfit(ScanRule.CLOCK_AHEAD, since, min(heard_at, until), f"{told}, heard at {heard_at.isoformat()}")
    lies = f"from {meeting.starts_at.isoformat()} to {meeting.ends_at.isoformat()}"
    detail = f"{told}, the meeting {meeting.meeting_id} is {lies}"
    other = meeting_at(session, scanned_at, rules)
    if other is not None:
        detail += f"; {other.meeting_id} would be right"
        return Misfit(ScanRule.ANOTHER_DAY, since, until, detail, other.meeting_id)
    rule = ScanRule.TOO_EARLY if rules.is_too_early(meeting, scanned_at) else ScanRule.TOO_LATE
    return Misfit(rule, since, until, detail)


def meeting_at(
    session: Session | None, moment: dt.datetime, rules: ListRules, gone: Sequence[Meeting] = ()
) -> Meeting | None:
    """At which meeting of a session a code was read then: of several that may be, the one that it is nearest to. `gone`: days that took
    place and that the session has no more; as near as one of these is, what is planned now goes before it."""
    meetings = (*session.meetings, *gone) if session else ()
    fitting = [one for one in meetings if rules.fits(one, moment)]
    return min(fitting, key=lambda one: (_away(one, moment), one in gone, one.starts_at, one.meeting_id), default=None)


def _away(meeting: Meeting, moment: dt.datetime) -> dt.timedelta:
    return max(meeting.starts_at - moment, moment - meeting.ends_at, dt.timedelta())


@immutable
class Door:
    """A meeting as everybody finds it whose code is read there: worked out once for all of them."""

    session: Session | None
    meeting: Meeting | None
    """As it is planned now."""
    day: Meeting | None
    """That what is recorded there has to be of."""
    closed: MeetingList | None
    codes: Codes | None
    """Of the meeting."""
    takes: Span | None
    """From when to when a code may have been read there."""

    def fits(self, scanned_at: dt.datetime, heard_at: dt.datetime) -> bool:
        """Whether a code is nothing but ordinary. Of any other one it is to be asked why (`misfit`)."""
        return self.takes is not None and self.takes[0] <= scanned_at <= self.takes[1] and scanned_at <= heard_at


@worked_out_of(Session, MeetingList)
def door_of(working: Working, session_id: str, meeting_id: str) -> Door:
    rules = rules_of(working)
    session = working[Session].get(session_id)
    meeting = session.meeting(meeting_id) if session else None
    closed = closed_list(working, session_id, meeting_id)
    if meeting is None:
        return Door(session, None, None, closed, None, None)
    takes = rules.scans_since(meeting), rules.scans_until(meeting)
    day = day_of(working, session_id, meeting_id)
    return Door(session, meeting, day, closed, codes_of(meeting, rules), takes)


def decide_scan(
    working: Working, heard: Heard[CheckInScanned], rules: ListRules, *, final: bool = False
) -> PresenceFact | Unchanged | Wait | Refused:
    """What a scan says: the person was there. `final`: what is not known by now never will be."""
    body = heard.body
    door = door_of(working, body.session_id, body.meeting_id)
    session, meeting, closed = door.session, door.meeting, door.closed
    record = working[Record].get(body.session_id, body.meeting_id, body.person_id)
    theirs = of_survivor(working, body.session_id, body.meeting_id, body.person_id)
    recorded = [one for one in (record, theirs) if one is not None]
    if not door.fits(body.scanned_at, heard.appended_at) and (
        wrong := misfit(body.scanned_at, heard.appended_at, session, meeting, rules)
    ):
        return Refused(Reason.IMPLAUSIBLE_TIME, wrong.detail)
    for one in recorded:
        if came(working, one, door.day, rules):
            return Unchanged(ALREADY_PRESENT, one.event_id)
    for row in (*recorded, closed):
        if row is not None and not is_ours(working, row):
            return Refused(Reason.FOREIGN_WRITER, f"this list was closed by {row.source}, which alone may correct it")
    if record is not None and theirs is None and is_anothers(working, record):
        return Unchanged(ALREADY_PRESENT, record.event_id)  # It was somebody else's, who is present.
    for one in recorded:
        if _is_contradicted_by(one, body.scanned_at):
            return Unchanged(MARK_STANDS, one.event_id)
    if session is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} was never announced")
        return Wait("session", heard.appended_at + rules.held_for)
    if meeting is None and not took_place(working, session, body.meeting_id):
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} has no meeting {body.meeting_id}")
        return Wait("meeting", max(session.ends_at + rules.close_after, heard.appended_at))
    place = place_of(working, body.session_id, body.person_id, closed, rules)
    hours = meeting or meeting_once(working, session, body.meeting_id)
    if meeting is None and hours is not None and not rules.fits(hours, body.scanned_at):
        hours = None  # Of a day that was dropped: read on another one, it says that they came, and not for how long.
    whole = door.codes.say(body.scanned_at) if door.codes else by_code(hours, body.scanned_at, rules)
    since = there_since(whole.state, whole.arrived_at, body.scanned_at, hours)
    is_trainer = trained(working, session, hours, body.person_id, at=since)
    if place is None and meeting is not None and closed is None and not final and not is_trainer:
        return Wait("place", max(rules.closes_at(meeting), heard.appended_at))
    with_place = place is not None and place.state.has_seat
    but: list[Span] = []
    if closed is not None and meeting is not None:
        but = counted_elsewhere(working, session, body.person_id, seen_at=body.scanned_at, is_stated=False)
    stay = by_code(hours, body.scanned_at, rules, but) if but else whole
    fields = answering(heard) | {
        "city_id": place.city_id if place else None,
        "with_place": with_place,
        "role": role_of(theirs or record, trains=is_trainer, with_place=with_place),
        "minutes": stay.minutes,
        "arrived_at": stay.arrived_at,
        "scanned_at": body.scanned_at,
        "method": _HOW[body.method],
        "device_id": body.device_id,
    }
    about = (body.session_id, body.meeting_id, body.person_id)
    return said(stay.state, about, fields, now=working.now)


def came(working: Working, record: Record, meeting: Meeting | None, rules: ListRules) -> bool:
    """Whether this record says that the person came to the meeting: no longer if it was moved to another day since.

    Only a later day undoes it: one who was scanned after a meeting's end was late. `meeting` is None where its time is no question.
    """
    if not record.state.came:
        return False
    moved = meeting is not None and is_of_another_day(record, meeting, rules)
    return not (moved and is_ours(working, record))


def was_there(record: Record, meeting: Meeting, rules: ListRules, *, is_closed: bool) -> bool:
    """Whether this record tells whoever reads it that the person came to the meeting as it is planned now: while its list is open, not
    if that was another day."""
    return record.state.came and told_of(record, meeting, rules, is_closed=is_closed) is not None


def told_of(record: Record | None, meeting: Meeting, rules: ListRules, *, is_closed: bool) -> Record | None:
    """A record, as far as it tells whoever reads it of the meeting as it is planned now: while its list is open, not if that was another day."""
    if record is None or not record.state.is_told:
        return None
    return record if is_closed or not is_of_another_day(record, meeting, rules) else None


def is_of_another_day(record: Record, meeting: Meeting, rules: ListRules) -> bool:
    """Whether the meeting was moved to another day since this was recorded: to a later one, or to an earlier one if it was said before that
    began, of a day that lay ahead."""
    when = record.scanned_at if record.state.came else record.meeting_starts_at
    if when is None or rules.is_too_early(meeting, when):
        return when is not None
    return not record.state.came and rules.is_too_late(meeting, when) and _was_said_before(record, meeting)


def _was_said_before(record: Record, meeting: Meeting) -> bool:
    return record.scanned_at is not None and record.scanned_at < meeting.starts_at


def taken_by(
    body: CheckInScanned, session: Session | None, record: Record | None, closed: MeetingList | None, rules: ListRules
) -> ScanRule:
    """By which rule a code counts that was taken: the one that somebody would want to know of first."""
    meeting = session.meeting(body.meeting_id) if session else None
    if session is not None and session.state is SessionStanding.CANCELLED:
        return ScanRule.SESSION_CANCELLED
    if record is not None and not record.with_place:
        return ScanRule.WITHOUT_PLACE if record.role is Role.PARTICIPANT else ScanRule.GUEST
    if closed is not None:
        return ScanRule.AFTER_CLOSING
    if meeting is not None and body.scanned_at >= meeting.ends_at:
        return ScanRule.AFTER_THE_END
    return ScanRule.LATE if by_code(meeting, body.scanned_at, rules).arrived_at else ScanRule.IN_TIME


def role_of(record: Record | None, *, trains: bool, with_place: bool, said: Role | None = None) -> Role:
    """As what somebody is there. Whoever has a place is a participant; whoever was a trainer stays one, also if others train now, until
    somebody says otherwise."""
    if with_place:
        return Role.PARTICIPANT
    role = said or (record.role if record is not None else Role.PARTICIPANT)
    return Role.TRAINER if trains and role is Role.PARTICIPANT else role


def _is_contradicted_by(record: Record, scanned_at: dt.datetime) -> bool:
    """Whether somebody who keeps the list has said that the person was not there, and may have known of this code.

    What was marked before the code was read does not speak against it: the person came after that. What was put right after the list
    had closed was decided on all there was.
    """
    if not record.is_marked or record.state.came:
        return False
    return record.corrected or (
        record.state.is_told and record.scanned_at is not None and scanned_at <= record.scanned_at
    )
