"""What attendance does about each event: the table event → handler. Handlers work on loaded rows; they never commit or publish."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, assert_never, cast

from services.attendance.decisions import (
    AlreadyPresent,
    Refused,
    Wait,
    closes_now,
    decide_closing,
    decide_count,
    decide_reopening,
    decide_scan,
)
from services.attendance.lists import LIST, CloseList, closed_list, rules_of
from services.attendance.state import MeetingList, Session
from services.attendance.subjects import meeting_named, session_named, session_subject
from shared.books.holding import HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.attendance import AttendanceListClosed, ListFact, ParticipantAttended, PresenceFact
from shared.contracts.certificates import CertificateFact
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import PlaceFact
from shared.contracts.model import Fact, members
from shared.contracts.planner import SessionFact
from shared.events.envelope import Heard, Reason, digest_of
from shared.state.working import Due, Held, Working


def on_session(working: Working, heard: Heard[SessionFact]) -> None:
    """A session was announced, changed or cancelled: a closed list whose meeting now lies after its closing is open again, and
    scans that waited for the session, or for one of its meetings, are decided."""
    _reopen(working, heard.body.session_id, heard)
    _decide_held(working, working[Held].where("about", heard.subject))


def on_place(working: Working, heard: Heard[PlaceFact]) -> None:
    """A person's place is known or has changed: their held scans are decided, and lists that closed before are counted again."""
    _decide_held(working, working[Held].where("about", heard.subject))
    _count_all(working, heard.body.session_id, heard)


def on_record(working: Working, heard: Heard[PresenceFact]) -> None:
    """Somebody else says who came to a meeting whose list we closed: it is counted again."""
    _count(working, heard.body.session_id, heard.body.meeting_id, heard)


def on_scan(working: Working, heard: Heard[CheckInScanned]) -> None:
    """A person's code was read at a door."""
    match decide_scan(working, heard, rules_of(working)):
        case Wait() as wait:
            working.hold(heard, waits_for=wait.waits_for, expires_at=wait.until)
        case Refused() as refused:
            working.set_aside(heard, refused.reason, refused.detail)
        case ParticipantAttended() | AlreadyPresent() as answer:
            _answer(working, answer, heard)
        case never:
            assert_never(never)


def on_close(working: Working, heard: Heard[CloseList]) -> None:
    """A trainer closes a list, of a meeting that there is. One that is closed stays as it is, and the trainer is told."""
    session_id, meeting_id, at = heard.body.session_id, heard.body.meeting_id, heard.appended_at
    session, closed = working[Session].get(session_id), closed_list(working, session_id, meeting_id)
    if closed is not None:
        working.leave_unchanged(heard, "AlreadyClosed", closed.event_id)
    elif session is None or session.meeting(meeting_id) is None:
        working.set_aside(heard, Reason.NO_LIST, f"there is no meeting {meeting_id} of {session_id}")
    elif closes_now(working, session_id, meeting_id, rules_of(working), at=at):
        _close(working, session_id, meeting_id, at=at, cause=heard)
    else:
        detail = "it has not begun, does not take place, is history, or its list is another system's"
        working.set_aside(heard, Reason.NO_LIST, f"the list of {meeting_id} cannot be closed: {detail}")


def on_list_due(working: Working, moment: Due) -> None:
    """A list closes by itself. It closed at the moment it was due, also if the service was down then."""
    session_id, meeting_id = meeting_named(moment.subject)
    if closes_now(working, session_id, meeting_id, rules_of(working), at=moment.at):
        _close(working, session_id, meeting_id, at=moment.at, cause=None)


def on_held_too_long(working: Working, moment: Due) -> None:
    """What a scan waited for never became known: whoever came without a known place came without one; the rest is parked."""
    held = [one for one in working[Held].where("about", moment.subject) if one.expires_at <= moment.at]
    for one, decided in _decide_held(working, held, final=True):
        working[Held].remove(one.request_source, one.request_id)
        working.set_aside(scan_of(one), decided.reason, decided.detail)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: lists are opened, scans held meanwhile decided, and closed lists counted with all that is known."""
    session_id = session_named(moment.subject)
    _reopen(working, session_id, None)
    _decide_held(working, working[Held].where("about", moment.subject))
    _count_all(working, session_id, None)


Touching = SessionFact | PlaceFact | PresenceFact | ListFact | CertificateFact | CheckInScanned | CloseList
"""What attendance acts on, or derives moments from. Of everything else that it hears it makes rows, and decides nothing."""


_TOUCHING = frozenset(members(Touching))


def touches_a_session(heard: Heard[Any]) -> TypeGuard[Heard[Touching]]:
    return type(heard.body) in _TOUCHING


REACT: dict[Any, Callable[[Working, Heard[Any]], None]] = {
    **dict.fromkeys(members(SessionFact), on_session),
    **dict.fromkeys(members(PlaceFact), on_place),
    **dict.fromkeys(members(PresenceFact), on_record),
}
DECIDE: dict[Any, Callable[[Working, Heard[Any]], None]] = {CheckInScanned: on_scan, CloseList: on_close}
DUE: dict[str, Callable[[Working, Due], None]] = {
    LIST: on_list_due,
    HELD_TOO_LONG: on_held_too_long,
    RECONCILE: on_reconcile,
}


def scan_of(held: Held) -> Heard[CheckInScanned]:
    """A held scan as it was heard; nothing else is ever held here."""
    return cast(Heard[CheckInScanned], heard_again(held))


def _close(working: Working, session_id: str, meeting_id: str, *, at: dt.datetime, cause: Heard[Any] | None) -> None:
    """Decides the scans that waited for this list to close, then closes it."""
    about = working[Held].where("about", session_subject(session_id))
    held = [one for one in about if scan_of(one).body.meeting_id == meeting_id]
    _decide_held(working, held, final=True)
    for fact in decide_closing(working, session_id, meeting_id, rules_of(working), at=at):
        working.say(_answering(fact, cause) if cause else fact, cause=cause)


def _answering(fact: Fact, close: Heard[Any]) -> Fact:
    """The list says which command closed it, so that the same one again is known, and another one under its key too."""
    if not isinstance(fact, AttendanceListClosed):
        return fact
    asked = {"request_source": close.source, "request_id": close.event_id, "request_digest": digest_of(close.body)}
    return fact.model_copy(update=asked)


def _reopen(working: Working, session_id: str, cause: Heard[Any] | None) -> None:
    for fact in decide_reopening(working, session_id):
        working.say(fact, cause=cause)


def _decide_held(working: Working, held: Iterable[Held], *, final: bool = False) -> list[tuple[Held, Refused]]:
    """Decides held scans in the order in which they came. Returns those that never can be; they stay held until their time."""
    refused: list[tuple[Held, Refused]] = []
    for one in in_order_of_arrival(held):
        heard = scan_of(one)
        match decide_scan(working, heard, rules_of(working), final=final):
            case Wait() as wait:
                working[Held].put(dataclasses.replace(one, waits_for=wait.waits_for, expires_at=wait.until))
            case Refused() as never_can:
                refused.append((one, never_can))
            case ParticipantAttended() | AlreadyPresent() as answer:
                working[Held].remove(one.request_source, one.request_id)
                _answer(working, answer, heard)
            case never:
                assert_never(never)
    return refused


def _answer(working: Working, answer: ParticipantAttended | AlreadyPresent, heard: Heard[CheckInScanned]) -> None:
    """Says who came; a list that had closed is counted again. What says nothing new is known all the same."""
    match answer:
        case ParticipantAttended():
            working.say(answer, cause=heard)
            _count(working, answer.session_id, answer.meeting_id, heard)
        case AlreadyPresent():
            working.leave_unchanged(heard, type(answer).__name__, answer.event_id)
        case never:
            assert_never(never)


def _count_all(working: Working, session_id: str, cause: Heard[Any] | None) -> None:
    for closed in sorted(working[MeetingList].where("session_id", session_id), key=lambda row: row.meeting_id):
        _count(working, session_id, closed.meeting_id, cause)


def _count(working: Working, session_id: str, meeting_id: str, cause: Heard[Any] | None) -> None:
    """Counts a closed list of ours again; one that stands as it is says nothing."""
    for fact in decide_count(working, session_id, meeting_id, rules_of(working)):
        working.say(fact, cause=cause)
