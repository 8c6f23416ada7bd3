"""What attendance does about each event: the table event → handler. Handlers work on loaded rows; they never commit or publish."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, assert_never, cast

from services.attendance.certificate_handling import certify
from services.attendance.certificates import Certificate
from services.attendance.closing import closes_now, decide_closing, decide_count, decide_reopening, opened_again
from services.attendance.files import AttachFile, RemoveFile, on_attach, on_removal
from services.attendance.lists import LIST, AboutSomebody, CloseList, closed_list, records_of, rules_of
from services.attendance.marking import decide_mark, not_theirs
from services.attendance.merging import decide_merged
from services.attendance.outcomes import Refused, Unchanged, Wait, is_ours
from services.attendance.scanning import decide_scan
from services.attendance.state import MeetingList, Place, Record, Session
from services.attendance.stating import actor_of, answering
from services.attendance.subjects import meeting_named, session_named, session_subject
from shared.books.holding import HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.attendance import AttendanceListClosed, ListFact, PresenceFact
from shared.contracts.certificates import CertificateFact
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import PlaceFact
from shared.contracts.marks import MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Fact, members
from shared.contracts.planner import SessionFact
from shared.events.envelope import NO_PARTITION, Heard, Reason
from shared.state.merged import ids_of, of_several
from shared.state.working import Due, Held, Working


def on_merge(working: Working, heard: Heard[PersonMerged]) -> None:
    """Two ids are one human: wherever something is recorded of them it is looked at anew."""
    ids = set(ids_of(working, heard.body.person_id))
    known = [*working[Record], *working[Place], *working[Certificate]]
    for session_id in sorted({one.session_id for one in known if one.person_id in ids}):
        join(working, working[Record].where("session_id", session_id), heard)
        _count_all(working, session_id, heard)
        certify(working, session_id, cause=heard)


def join(working: Working, records: Iterable[Record], cause: Heard[Any] | None) -> None:
    """Those that stand under an id which has gone into another one become its."""
    for record in sorted(records, key=lambda one: (one.meeting_id, one.person_id)):
        for fact in decide_merged(working, record, rules_of(working)):
            working.say(fact, cause=cause)


def on_session(working: Working, heard: Heard[SessionFact]) -> None:
    """A session was announced, changed or cancelled: a closed list whose meeting now lies after its closing is open again, what
    waited for the session, or for one of its meetings, is decided, and other hours make other minutes."""
    _reopen(working, heard.body.session_id, heard)
    _decide_held(working, working[Held].where("about", heard.subject))
    _count_all(working, heard.body.session_id, heard)


def on_place(working: Working, heard: Heard[PlaceFact]) -> None:
    """A person's place is known or has changed: their held scans are decided, and lists that closed before are counted again."""
    _decide_held(working, working[Held].where("about", heard.subject))
    _count_all(working, heard.body.session_id, heard)


def on_record(working: Working, heard: Heard[PresenceFact]) -> None:
    """Somebody else says who came to a meeting whose list we closed: it is counted again."""
    _count(working, heard.body.session_id, heard.body.meeting_id, heard)


def on_request(working: Working, heard: Heard[AboutSomebody]) -> None:
    """A person's code was read at a door, or somebody who keeps the list says who was there."""
    if _is_no_console(working, heard) or _is_anothers_code(working, heard):
        return
    match _decided(working, heard):
        case Wait() as wait:
            working.hold(heard, waits_for=wait.waits_for, expires_at=wait.until)
        case Refused() as refused:
            working.set_aside(heard, refused.reason, refused.detail)
        case answer:
            _answer(working, answer, heard)


def on_close(working: Working, heard: Heard[CloseList]) -> None:
    """A trainer closes a list, of a meeting that there is. One that is closed stays as it is, and the trainer is told."""
    session_id, meeting_id, at = heard.body.session_id, heard.body.meeting_id, heard.appended_at
    session, closed = working[Session].get(session_id), closed_list(working, session_id, meeting_id)
    if session is not None and (refused := not_theirs(working, heard, session)):
        working.set_aside(heard, refused.reason, refused.detail)
    elif closed is not None:
        working.leave_unchanged(heard, "AlreadyClosed", closed.event_id)
    elif session is None or session.meeting(meeting_id) is None:
        working.set_aside(heard, Reason.NO_LIST, f"there is no meeting {meeting_id} of {session_id}")
    elif closes_now(working, session_id, meeting_id, rules_of(working), at=at):
        _close(working, session_id, meeting_id, at=at, cause=heard)
    else:
        detail = "it has not begun, does not take place, is history, or its list is another system's"
        working.set_aside(heard, Reason.NO_LIST, f"the list of {meeting_id} cannot be closed: {detail}")


def on_reopening(working: Working, heard: Heard[ReopeningRequested]) -> None:
    """The office opens a closed list, to put it right: it closes anew. One that is open stays so."""
    if not _is_no_console(working, heard):
        _open_again(working, heard)


def _open_again(working: Working, heard: Heard[ReopeningRequested]) -> None:
    session_id, meeting_id = heard.body.session_id, heard.body.meeting_id
    session, found = working[Session].get(session_id), working[MeetingList].get(session_id, meeting_id)
    meeting = session.meeting(meeting_id) if session else None
    if found is not None and found.is_open:
        working.leave_unchanged(heard, "AlreadyOpen", found.event_id)
    elif found is None or session is None or meeting is None or not session.state.takes_place:
        detail = "it has not closed, or its meeting does not take place; of such a one single records can be corrected"
        working.set_aside(heard, Reason.NO_LIST, f"the list of {meeting_id} of {session_id} cannot be opened: {detail}")
    elif not is_ours(working, found):
        working.set_aside(heard, Reason.FOREIGN_WRITER, f"this list is kept by {found.source}, which alone opens it")
    else:
        asked = _asked(working, heard) | {"note": heard.body.note}
        for fact in opened_again(working, found, asked):
            working.say(fact, cause=heard)


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
        working.set_aside(request_of(one), decided.reason, decided.detail)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: lists are opened, scans held meanwhile decided, and closed lists counted with all that is known."""
    session_id = session_named(moment.subject)
    _reopen(working, session_id, None)
    _decide_held(working, working[Held].where("about", moment.subject))
    join(working, working[Record].where("session_id", session_id), None)
    _count_all(working, session_id, None)


AboutASession = (
    SessionFact
    | PlaceFact
    | PresenceFact
    | ListFact
    | CertificateFact
    | AboutSomebody
    | ReopeningRequested
    | CloseList
    | AttachFile
    | RemoveFile
)
Touching = AboutASession | PersonMerged
"""What attendance acts on, or derives moments from. Of everything else that it hears it makes rows, and decides nothing."""


_ABOUT_A_SESSION = frozenset(members(AboutASession))


def touches_a_session(heard: Heard[Any]) -> TypeGuard[Heard[AboutASession]]:
    return type(heard.body) in _ABOUT_A_SESSION


REACT: dict[Any, Callable[[Working, Heard[Any]], None]] = {
    **dict.fromkeys(members(SessionFact), on_session),
    **dict.fromkeys(members(PlaceFact), on_place),
    **dict.fromkeys(members(PresenceFact), on_record),
}
DECIDE: dict[Any, Callable[[Working, Heard[Any]], None]] = {
    **dict.fromkeys(members(AboutSomebody), on_request),
    ReopeningRequested: on_reopening,
    CloseList: on_close,
    AttachFile: on_attach,
    RemoveFile: on_removal,
}
DUE: dict[str, Callable[[Working, Due], None]] = {
    LIST: on_list_due,
    HELD_TOO_LONG: on_held_too_long,
    RECONCILE: on_reconcile,
}


def request_of(held: Held) -> Heard[AboutSomebody | ReopeningRequested]:
    """A held request as it was heard. A list's opening waits for nothing but the end of a recovery."""
    return cast(Heard[AboutSomebody | ReopeningRequested], heard_again(held))


def _is_no_console(working: Working, heard: Heard[Any]) -> bool:
    """Sets aside what somebody else than the office's console asks where it alone may. Over HTTP the token was looked at."""
    is_asked = heard.stream == ReopeningRequested.stream and heard.partition != NO_PARTITION
    if not is_asked or heard.source == rules_of(working).console:
        return False
    working.set_aside(heard, Reason.FOREIGN_WRITER, f"{heard.source} is not the console of the office")
    return True


def _is_anothers_code(working: Working, heard: Heard[AboutSomebody]) -> bool:
    """Sets aside a code that was read by a trainer of another session, or by one who was replaced. Asked as it arrives: what was noted
    then, and waits for somebody's place, stays noted whoever trains the session later."""
    session = working[Session].get(heard.body.session_id)
    if not isinstance(heard.body, CheckInScanned) or session is None:
        return False
    refused = not_theirs(working, heard, session)
    if refused is not None:
        working.set_aside(heard, refused.reason, refused.detail)
    return refused is not None


def _decided(
    working: Working, heard: Heard[AboutSomebody], *, final: bool = False
) -> list[PresenceFact] | Unchanged | Wait | Refused:
    match heard.body:
        case CheckInScanned():
            decided = decide_scan(working, cast("Heard[CheckInScanned]", heard), rules_of(working), final=final)
            return decided if isinstance(decided, Unchanged | Wait | Refused) else [decided]
        case MarkRequested() | RecordCorrectionRequested():
            return decide_mark(working, cast(Heard[Any], heard), rules_of(working), final=final)
        case never:
            assert_never(never)


def _close(
    working: Working, session_id: str, meeting_id: str, *, at: dt.datetime, cause: Heard[CloseList] | None
) -> None:
    """Decides what waited for this list to close, then closes it."""
    about = working[Held].where("about", session_subject(session_id))
    held = [one for one in about if request_of(one).body.meeting_id == meeting_id]
    _decide_held(working, held, final=True)
    join(working, records_of(working, session_id, meeting_id), cause)
    for fact in decide_closing(working, session_id, meeting_id, rules_of(working), at=at):
        working.say(_answering(working, fact, cause) if cause else fact, cause=cause)
    session = working[Session].get(session_id)
    if session is not None and session.meeting(meeting_id) is None:
        _count_all(working, session_id, cause)  # Hours that it has count on no other list (`counted_elsewhere`).


def _answering(working: Working, fact: Fact, close: Heard[CloseList]) -> Fact:
    """The list says which command closed it, so that the same one again is known, and another one under its key too."""
    return fact.model_copy(update=_asked(working, close)) if isinstance(fact, AttendanceListClosed) else fact


def _asked(working: Working, heard: Heard[CloseList | ReopeningRequested]) -> dict[str, Any]:
    """Who has closed a list, or opened it, by which request."""
    asked = {name: value for name, value in answering(heard).items() if name != "received_at"}
    return asked | {"decided_by": actor_of(working, heard)}


def _reopen(working: Working, session_id: str, cause: Heard[Any] | None) -> None:
    for fact in decide_reopening(working, session_id):
        working.say(fact, cause=cause)


def _decide_held(working: Working, held: Iterable[Held], *, final: bool = False) -> list[tuple[Held, Refused]]:
    """Decides what is held in the order in which it came. Returns what never can be; it stays held until its time."""
    refused: list[tuple[Held, Refused]] = []
    for one in in_order_of_arrival(held):
        heard = request_of(one)
        if isinstance(heard.body, ReopeningRequested):
            working[Held].remove(one.request_source, one.request_id)
            _open_again(working, cast(Heard[ReopeningRequested], heard))
            continue
        match _decided(working, cast(Heard[AboutSomebody], heard), final=final):
            case Wait() as wait:
                working[Held].put(dataclasses.replace(one, waits_for=wait.waits_for, expires_at=wait.until))
            case Refused() as never_can:
                refused.append((one, never_can))
            case answer:
                working[Held].remove(one.request_source, one.request_id)
                _answer(working, answer, heard)
    return refused


def _answer(working: Working, answer: list[PresenceFact] | Unchanged, heard: Heard[Any]) -> None:
    """Says who came; a list that had closed is counted again. What says nothing new is known all the same."""
    match answer:
        case Unchanged():
            working.leave_unchanged(heard, answer.outcome, answer.event_id)
        case _:
            for fact in answer:
                working.say(fact, cause=heard)
            if heard.body.person_id in of_several(working):
                about = heard.body.session_id, heard.body.meeting_id, heard.body.person_id
                record = working[Record].get(*about)
                join(working, [record] if record is not None else [], heard)
            _count(working, heard.body.session_id, heard.body.meeting_id, heard)


def _count_all(working: Working, session_id: str, cause: Heard[Any] | None) -> None:
    for closed in sorted(working[MeetingList].where("session_id", session_id), key=lambda row: row.meeting_id):
        _count(working, session_id, closed.meeting_id, cause)


def _count(working: Working, session_id: str, meeting_id: str, cause: Heard[Any] | None) -> None:
    """Counts a closed list of ours again; one that stands as it is says nothing."""
    for fact in decide_count(working, session_id, meeting_id, rules_of(working)):
        working.say(fact, cause=cause)
