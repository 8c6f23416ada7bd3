"""What people who keep a list say of who was there: marks while it is open, corrections by the office at any time. Pure functions from
what is known to facts.

A mark sets what it says. After the closing the same is a correction: with actor, reason, and what stood before. What somebody has not
seen when they decided is not overwritten.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, assert_never

from services.attendance.humans import (
    counted_elsewhere,
    is_anothers,
    of_survivor,
    place_of,
    there_since,
    trained,
    trains,
)
from services.attendance.lists import ListRules, closed_list, day_of, meeting_once, seen_at, took_place
from services.attendance.minutes import minutes_of, whole_of
from services.attendance.outcomes import Refused, Unchanged, Wait, is_ours
from services.attendance.scanning import came, is_of_another_day, role_of
from services.attendance.state import MeetingList, Place, Record, Session
from services.attendance.stating import CARRIED, actor_of, answering, corrected, said, taken_back, whose
from shared.contracts.attendance import Method, NotAwaited, Presence, PresenceFact, Role
from shared.contracts.marks import Mark, MarkRequested, RecordCorrectionRequested
from shared.contracts.planner import Meeting
from shared.events.decoding import FUTURE_TOLERANCE
from shared.events.envelope import Heard, Reason
from shared.state.working import Working

TRAINER = "trainer:"
"""How the name of an actor begins who is here by a trainer's link; the person's id follows."""
AS_IT_WAS = "AsItWas"
MarkHeard = Heard[MarkRequested] | Heard[RecordCorrectionRequested]


def decide_mark(
    working: Working, heard: MarkHeard, rules: ListRules, *, final: bool = False
) -> list[PresenceFact] | Unchanged | Wait | Refused:
    """What comes of it: facts, what has to be known first, or why not. `final`: what is not known by now never will be."""
    body = heard.body
    session = working[Session].get(body.session_id)
    if session is None:
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} was never announced")
        return Wait("session", heard.appended_at + rules.held_for)
    meeting = session.meeting(body.meeting_id)
    closed = closed_list(working, body.session_id, body.meeting_id)
    if meeting is None and not took_place(working, session, body.meeting_id):
        if final:
            return Refused(Reason.UNKNOWN_MEETING, f"the session {body.session_id} has no meeting {body.meeting_id}")
        return Wait("meeting", max(session.ends_at + rules.close_after, heard.appended_at))
    if refused := may_not(working, heard, session, meeting, closed, rules):
        return refused
    looked_at = working[Record].get(body.session_id, body.meeting_id, body.walk_in or body.person_id)
    if body.seen is not None and body.seen != (looked_at.tag if looked_at else "0"):
        return Refused(Reason.CHANGED_SINCE, f"{_as_it_stands(looked_at)}, and {body.seen} was seen")
    meeting = meeting or meeting_once(working, session, body.meeting_id)
    if body.walk_in is not None:
        return _link(working, heard, session, meeting, closed, looked_at, rules)
    if wrong := _wrong_time(heard, meeting, rules):
        return Refused(Reason.IMPLAUSIBLE_TIME, wrong)
    return _mark(working, heard, session, meeting, closed, looked_at, rules)


def may_not(
    working: Working,
    heard: Heard[Any],
    session: Session,
    meeting: Meeting | None,
    closed: MeetingList | None,
    rules: ListRules,
) -> Refused | None:
    """Why whoever asks may not say this of anybody at this meeting, if so."""
    if refused := not_theirs(working, heard, session):
        return refused
    if closed is not None and not is_ours(working, closed):
        return Refused(Reason.FOREIGN_WRITER, f"this list is kept by {closed.source}, which alone may correct it")
    if closed is None and meeting is not None and rules.is_history(meeting):
        return Refused(Reason.NO_LIST, "it was over before Rollcall went live; whoever kept its list states it")
    if closed is not None and not isinstance(heard.body, RecordCorrectionRequested):
        return Refused(Reason.LIST_CLOSED, f"it closed at {closed.decided_at.isoformat()}; the office may correct it")
    return None


def not_theirs(working: Working, heard: Heard[Any], session: Session) -> Refused | None:
    """Whether somebody asks as a trainer of a session that they do not, or no longer, train."""
    actor = actor_of(working, heard)
    person_id = actor.removeprefix(TRAINER)
    if person_id == actor or trains(working, session, person_id):
        return None
    return Refused(Reason.NOT_THEIRS, f"{person_id} does not train {session.session_id}, or no longer")


def _mark(
    working: Working,
    heard: MarkHeard,
    session: Session,
    meeting: Meeting | None,
    closed: MeetingList | None,
    record: Record | None,
    rules: ListRules,
) -> list[PresenceFact] | Unchanged | Refused:
    body = heard.body
    if record is not None and not is_ours(working, record):
        return Refused(Reason.FOREIGN_WRITER, f"{record.source} says who came here, and alone may correct it")
    if record is not None and is_anothers(working, record):
        return Refused(Reason.UNDECIDABLE, f"this was {record.linked_to}: say it of them")
    theirs = of_survivor(working, body.session_id, body.meeting_id, body.person_id)
    if theirs is not None and theirs.state.is_told:
        return Refused(Reason.UNDECIDABLE, f"this is {theirs.person_id} by now, who has a record here: say it of them")
    state = _state_of(body.state or Mark.NOT_RECORDED)
    with_place, city_id = _place_of(working, body.session_id, body.person_id, closed, rules)
    if closed is not None and not with_place and not state.came and record is None:
        return Refused(Reason.UNDECIDABLE, "they had no place when the list closed: nobody awaited them")
    how = _how(heard, state, meeting, _came_at(record, meeting, rules))
    if (state.came and (how["minutes"] is None)) or (meeting and (body.minutes or 0) > whole_of(meeting)):
        return Refused(Reason.IMPLAUSIBLE_TIME, "say when, or for how many of the meeting's minutes")
    if closed is not None and state.came and meeting is not None and session.meeting(body.meeting_id) is not None:
        stated = how["stated_minutes"]
        seen, is_stated = how["scanned_at"], stated is not None
        if but := counted_elsewhere(working, session, body.person_id, seen_at=seen, is_stated=is_stated):
            times = {name: how[name] for name in ("arrived_at", "left_at")}
            how["minutes"] = minutes_of(meeting, **times, stated=stated, but=but)
    seen = min(how["scanned_at"], seen_at(heard))  # Who says it later says since when they were there.
    since = there_since(state, how["arrived_at"], seen, meeting)
    is_trainer = trained(working, session, meeting, body.person_id, at=since)
    role = role_of(record, trains=is_trainer, with_place=with_place, said=_role_said(body))
    if _is_so(record, state, how, role, meeting, rules):
        assert record is not None
        return Unchanged(AS_IT_WAS, record.event_id)
    if record is None and state is Presence.NOT_AWAITED:
        return Refused(Reason.UNDECIDABLE, "nothing is recorded of them")
    fields = how | _asked(working, heard) | {"with_place": with_place, "city_id": city_id, "role": role}
    about = (body.session_id, body.meeting_id, body.person_id)
    if closed is not None:
        return [corrected(state, about, fields, record, now=working.now)]
    return [said(state, about, fields, now=working.now)]


def _link(
    working: Working,
    heard: MarkHeard,
    session: Session,
    meeting: Meeting | None,
    closed: MeetingList | None,
    walk_in: Record | None,
    rules: ListRules,
) -> list[PresenceFact] | Unchanged | Refused:
    """Who a walk-in is: what is recorded under that id is theirs, and said of nobody else any more. Whoever is there already stays so."""
    body, now = heard.body, working.now
    if body.walk_in == body.person_id:
        return Refused(Reason.UNDECIDABLE, "they are on the list under this id already")
    if walk_in is None or not walk_in.state.came or not is_ours(working, walk_in):
        if walk_in is not None and walk_in.linked_to == body.person_id:
            return Unchanged(AS_IT_WAS, walk_in.event_id)
        return Refused(Reason.UNDECIDABLE, f"{body.walk_in} is not on this list as somebody who came")
    if working[Place].get(body.session_id, walk_in.person_id) is not None:
        return Refused(Reason.UNDECIDABLE, f"{walk_in.person_id} is in the session: that is no walk-in")
    record = working[Record].get(body.session_id, body.meeting_id, body.person_id)
    if record is not None and not is_ours(working, record):
        return Refused(Reason.FOREIGN_WRITER, f"{record.source} says who came here, and alone may correct it")
    asked = _asked(working, heard)
    gone = taken_back(walk_in, NotAwaited.LINKED, now, linked_to=body.person_id, method=Method(body.method), **asked)
    if record is not None and came(working, record, day_of(working, body.session_id, body.meeting_id), rules):
        return [gone]
    with_place, city_id = _place_of(working, body.session_id, body.person_id, closed, rules)
    fields = {name: getattr(walk_in, name) for name in CARRIED} | asked
    fields |= {"with_place": with_place, "city_id": city_id, "linked_from": walk_in.person_id}
    seen = walk_in.scanned_at or walk_in.decided_at
    since = there_since(walk_in.state, walk_in.arrived_at, seen, meeting)
    is_trainer = trained(working, session, meeting, body.person_id, at=since)
    fields |= {
        "received_at": walk_in.received_at,
        "role": role_of(walk_in, trains=is_trainer, with_place=with_place),
    }
    about = (*whose(walk_in)[:2], body.person_id)
    if closed is not None:
        return [gone, corrected(walk_in.state, about, fields, record, now=now)]
    return [gone, said(walk_in.state, about, fields, now=now)]


def _asked(working: Working, heard: MarkHeard) -> dict[str, Any]:
    return answering(heard) | {"decided_by": actor_of(working, heard), "note": heard.body.note}


def _state_of(mark: Mark) -> Presence:
    match mark:
        case Mark.PRESENT:
            return Presence.PRESENT
        case Mark.LATE:
            return Presence.LATE
        case Mark.LEFT_EARLY:
            return Presence.LEFT_EARLY
        case Mark.EXCUSED:
            return Presence.EXCUSED
        case Mark.ABSENT:
            return Presence.ABSENT
        case Mark.NOT_RECORDED:
            return Presence.NOT_AWAITED
        case never:
            assert_never(never)


def _place_of(
    working: Working, session_id: str, person_id: str, closed: MeetingList | None, rules: ListRules
) -> tuple[bool, str | None]:
    """Whether they have, or had when the list closed, a place, and for which town."""
    place = place_of(working, session_id, person_id, closed, rules)
    return (place is not None and place.state.has_seat), (place.city_id if place else None)


def _wrong_time(heard: MarkHeard, meeting: Meeting | None, rules: ListRules) -> str | None:
    """Why this cannot have been marked then, if so."""
    body, made = heard.body, seen_at(heard)
    if made > heard.appended_at + FUTURE_TOLERANCE:
        return f"marked at {made.isoformat()}, heard at {heard.appended_at.isoformat()}"
    if meeting is None or body.state in (Mark.EXCUSED, Mark.NOT_RECORDED):
        return None
    since = meeting.starts_at if body.state is Mark.ABSENT else rules.scans_since(meeting)
    if made < since:
        return (
            f"marked at {made.isoformat()}, the meeting {meeting.meeting_id} begins at {meeting.starts_at.isoformat()}"
        )
    if body.arrived_at and body.left_at and body.left_at <= body.arrived_at:
        return f"they left at {body.left_at.isoformat()}, and came at {body.arrived_at.isoformat()}"
    times = [one for one in (body.arrived_at, body.left_at) if one is not None]
    if any(not meeting.starts_at <= one <= meeting.ends_at or one > heard.appended_at for one in times):
        lies = f"from {meeting.starts_at.isoformat()} to {meeting.ends_at.isoformat()}"
        return f"they came or left at a time at which the meeting {meeting.meeting_id} was not: it is {lies}"
    return None


def _came_at(record: Record | None, meeting: Meeting | None, rules: ListRules) -> dt.datetime | None:
    """Since when somebody is known to have been there who was late: that they leave early says nothing of it."""
    if record is None or not record.state.came or (meeting is not None and is_of_another_day(record, meeting, rules)):
        return None
    return record.arrived_at


def _how(heard: MarkHeard, state: Presence, meeting: Meeting | None, came_at: dt.datetime | None) -> dict[str, Any]:
    """When somebody came and left, for how many minutes they were there (None: nobody has said since when), and by what it is known."""
    body, made = heard.body, seen_at(heard)
    during = made if meeting is not None and meeting.starts_at <= made <= meeting.ends_at else None
    came_late, left_early = state is Presence.LATE, state is Presence.LEFT_EARLY
    arrived = (body.arrived_at or (during if came_late and body.minutes is None else None)) if state.came else None
    left = (body.left_at or (during if left_early and body.minutes is None else None)) if state.came else None
    if left_early and arrived is None and body.minutes is None and (left is None or came_at is None or came_at < left):
        arrived = came_at
    unsaid = body.minutes is None and ((came_late and arrived is None) or (left_early and left is None))
    minutes: int | None = None if state is Presence.NOT_AWAITED else 0
    if state.came:
        known = meeting is not None and not unsaid
        minutes = body.minutes
        if known and meeting is not None:
            minutes = minutes_of(meeting, arrived_at=arrived, left_at=left, stated=body.minutes)
    seen = (arrived or during or (meeting.starts_at if meeting else made)) if state.came else made
    return {
        "minutes": minutes,
        "stated_minutes": body.minutes if state.came else None,
        "arrived_at": arrived,
        "left_at": left,
        "meeting_starts_at": meeting.starts_at if meeting else None,
        "scanned_at": seen,
        "method": Method(body.method),
        "device_id": body.device_id,
    }


def _role_said(body: MarkRequested | RecordCorrectionRequested) -> Role | None:
    """As what somebody is said to be there. None: nothing is said of that."""
    return body.role if body.is_role_said or body.role is not Role.PARTICIPANT else None


_COMPARED = ("minutes", "arrived_at", "left_at")


def _is_so(
    record: Record | None,
    state: Presence,
    how: dict[str, Any],
    role: Role,
    meeting: Meeting | None,
    rules: ListRules,
) -> bool:
    """Whether the record says all this already."""
    if record is None or record.state is not state or record.role is not role:
        return False
    if state is Presence.NOT_AWAITED:
        return True
    if meeting is not None and is_of_another_day(record, meeting, rules):
        return False
    return all(getattr(record, name) == how[name] for name in _COMPARED if state.came)


def _as_it_stands(record: Record | None) -> str:
    if record is None:
        return "nothing is recorded (0)"
    whom = f" by {record.decided_by}" if record.decided_by else ""
    long = f", {record.minutes} minutes" if record.minutes is not None else ""
    return f"the record is {record.tag} by now: {record.state}{long}{whom}, since {record.decided_at.isoformat()}"
