"""What notifications does about what it is asked: who may ask, and what held requests wait for. Handlers work on loaded rows; they never
commit or publish. Everything else that it hears it compares with what was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from services.notifications.asked import Wait, decide_asked, person_subject, rules_of
from services.notifications.state import Person
from shared.books.holding import HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.directory import PersonFact
from shared.contracts.model import members
from shared.contracts.notices import NoticeRequested
from shared.contracts.planner import SessionFact
from shared.events.envelope import NO_PARTITION, Heard, Reason
from shared.state.working import Due, Held, Working


def on_request(working: Working, heard: Heard[NoticeRequested]) -> None:
    """Another system asks for a mail. Over HTTP its token was looked at; on Kafka its name is."""
    if heard.partition != NO_PARTITION and heard.source not in rules_of(working).askers:
        working.set_aside(heard, Reason.FOREIGN_WRITER, f"{heard.source} is none of those who may ask for mails")
    else:
        _answer(working, heard)


def on_known(working: Working, heard: Heard[PersonFact | SessionFact]) -> None:
    """Somebody, or a session, is known now, or known otherwise: what waited for that is decided. Of a person also what was asked under an id
    that had gone into theirs before anybody knew them."""
    subjects = [heard.subject]
    if isinstance(heard.body, PersonFact):
        gone = working[Person].where("merged_into", heard.body.person_id)
        subjects += [person_subject(one.person_id) for one in gone]
    found = {
        (one.request_source, one.request_id): one
        for subject in subjects
        for one in working[Held].where("about", subject)
    }
    _answer_held(working, found.values())


def on_held_too_long(working: Working, moment: Due) -> None:
    """What a request waited for never became known: declined, at last."""
    held = [one for one in working[Held].where("about", moment.subject) if one.expires_at <= moment.at]
    _answer_held(working, held, at_last=True)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: what was held meanwhile is decided with all that is known."""
    _answer_held(working, working[Held].where("about", moment.subject))


def _answer_held(working: Working, held: Iterable[Held], *, at_last: bool = False) -> None:
    for one in in_order_of_arrival(held):
        working[Held].remove(one.request_source, one.request_id)
        _answer(working, request_of(one), at_last=at_last)


def _answer(working: Working, heard: Heard[NoticeRequested], *, at_last: bool = False) -> None:
    match decide_asked(working, heard, at_last=at_last):
        case Wait() as wait:
            working.hold(heard, waits_for=wait.waits_for, expires_at=wait.until)
        case fact:
            working.say(fact, cause=heard)


def request_of(held: Held) -> Heard[NoticeRequested]:
    """A held request as it was heard."""
    return cast(Heard[NoticeRequested], heard_again(held))


REACT: dict[Any, Callable[[Working, Heard[Any]], None]] = dict.fromkeys(
    (*members(PersonFact), *members(SessionFact)), on_known
)
DECIDE: dict[Any, Callable[[Working, Heard[Any]], None]] = {NoticeRequested: on_request}
DUE: dict[str, Callable[[Working, Due], None]] = {HELD_TOO_LONG: on_held_too_long, RECONCILE: on_reconcile}
