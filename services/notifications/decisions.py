"""What has to be told, and what becomes of an attempt to tell it. Pure functions over what is loaded.

Nothing here follows events: a notice is the difference between what is true and what was told. So a session moved from
Monday to Tuesday and back before anything left sends nothing, and a withdrawal whose confirmation may have left sends
its cancellation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from services.notifications.ledger import (
    NO_PLACE,
    NOT_SENT,
    OUTCOME_UNKNOWN,
    OVERTAKEN,
    Content,
    Notice,
    OpenNotice,
    Told,
)
from services.notifications.state import CANCELLED, SCHEDULED, Contact, Person, Place, Session
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeFailed, NoticeKind, NoticeSent
from shared.values import immutable
from shared.working import Working

POSTPONED_SECONDS = 600
"""A notice that the database or our own code refuses needs somebody to mend that; it is looked at again so often."""


@immutable
class Truth:
    """Everything about one person's place that a mail depends on, as it stands now."""

    place: Place | None
    session: Session | None
    person: Person | None
    contact: Contact | None
    city_name: str | None
    topic_names: tuple[str, str] | None
    """Polish, English."""

    @property
    def is_complete(self) -> bool:
        """Whether a mail can be written. What is missing is waited for; who is erased is never written to."""
        known = self.person is not None and not self.person.erased and self.contact is not None
        return known and not (self.contact and self.contact.erased) and bool(self.city_name and self.topic_names)


@immutable
class Difference:
    """What has to be told."""

    kind: NoticeKind
    says: Content
    before: Content | None = None
    """In a change: what was told before, if that is known."""
    certain: Content | None = None
    """While it is in doubt whether what was told last arrived: what the person knows for certain."""
    session_cancelled: bool = False


def difference(
    told: Told | None, place: Place | None, session: Session | None, *, now: dt.datetime, since: dt.datetime
) -> Difference | None:
    """What is true and was not told. `since` is go-live: before it, others told people what was true then."""
    if place is None or session is None or now >= session.ends_at:
        return None
    enrolled = place.state == Standing.ENROLLED
    truth = session.content if enrolled and session.state == SCHEDULED else None
    content = told.content if told else None
    certain = told.certain if told and told.certain and told.certain.hash else None
    if told is not None:
        if content == truth or told.given_up == (truth or NO_PLACE):
            return None
    elif place.heard_at < since:
        if not enrolled or session.heard_at < since:
            return None
    elif truth is None:
        return None
    told_by_others = told is None and place.heard_at < since
    true_now = Content(hash=truth, venue=session.venue, address=session.address, meetings=session.meetings)
    if truth is None:
        said = told.said if told and told.said else true_now
        if now >= said.ends_at:
            return None
        called_off = said.model_copy(update={"hash": None})
        return Difference(
            NoticeKind.CANCELLATION, called_off, certain=certain, session_cancelled=session.state == CANCELLED
        )
    if content is None and not told_by_others:
        return Difference(NoticeKind.CONFIRMATION, true_now, certain=certain)
    return Difference(NoticeKind.CHANGE, true_now, before=told.said if told else None, certain=certain)


# --- an attempt ----------------------------------------------------------------------------


@immutable
class Terms:
    """How attempts are made."""

    since: dt.datetime
    domain: str
    lease_seconds: float
    attempts_most: int
    retry_first_seconds: float
    retry_most_seconds: float


@immutable
class Attempt:
    """A claimed notice: what to tell whom, and under which lease."""

    notice: OpenNotice
    difference: Difference
    truth: Truth


def claim(working: Working, notice: OpenNotice, truth: Truth, lease: str, terms: Terms) -> Attempt | None:
    """Takes a notice to send it now, if it is still true that it has to be sent; else closes it.

    The rows say that an attempt is made before it is made. A lease that ran out means that its holder is gone, and
    nobody knows how far it came.
    """
    if notice.lease is not None:
        notice = replace(notice, doubts=notice.doubts + 1, lease=None, lease_until=None)
    told = working[Told].get(notice.person_id, notice.session_id)
    found = difference(told, truth.place, truth.session, now=working.now, since=terms.since)
    if working[Notice].get(notice.notice_id) is not None:  # Its outcome was heard: this database is older than it.
        _close(working, notice)
        return None
    if notice.doubts and (found is None or not truth.is_complete or not _says_the_same(notice, found)):
        _fail(working, notice, OVERTAKEN, terms)
        return None
    if notice.doubts > 1:
        _fail(working, notice, OUTCOME_UNKNOWN, terms)
        return None
    if found is None or not truth.is_complete or truth.contact is None:
        _close(working, notice)  # Found again as soon as it is a difference, or as what it waits for is known.
        return None
    claimed = replace(
        notice,
        kind=found.kind,
        language=Language(truth.contact.language),
        sequence=told.sequence + 1 if told else 0,
        content=found.says,
        stated_at=notice.stated_at if notice.doubts else working.now,
        attempts=notice.attempts + 1,
        lease=lease,
        lease_until=working.now + dt.timedelta(seconds=terms.lease_seconds),
        problem=None,
    )
    working[OpenNotice].put(claimed)
    return Attempt(claimed, found, truth)


def postpone(working: Working, notice: OpenNotice, problem: str, terms: Terms) -> None:
    """Puts off a notice that cannot be claimed, and says why. Nothing was tried: attempts, doubts and lease stay as they
    are, so that an attempt which may have left is still known as one."""
    pause = dt.timedelta(seconds=min(POSTPONED_SECONDS, terms.retry_most_seconds))
    working[OpenNotice].put(replace(notice, next_attempt_at=working.now + pause, problem=problem))


def _says_the_same(notice: OpenNotice, found: Difference) -> bool:
    return notice.kind == found.kind and notice.content is not None and notice.content.hash == found.says.hash


# --- its result ----------------------------------------------------------------------------


class Result(Enum):
    """What one attempt came to."""

    SENT = auto()
    REFUSED = auto()
    """For good."""
    LATER = auto()
    """Refused for now; certainly not sent."""
    NOT_TRIED = auto()
    """The server would not hear of any mail just now; this one is not to blame."""
    DOUBTFUL = auto()
    """It may have left, and it may not."""


@immutable
class Outcome:
    result: Result
    code: str
    """`smtp_450`, `no_answer` …; never the server's text, which may name people."""


def settle(working: Working, notice: OpenNotice, outcome: Outcome, terms: Terms) -> None:
    """What follows from an attempt: a fact, or another attempt. One that is in doubt gets one more try."""
    match outcome.result:
        case Result.SENT:
            working.say(NoticeSent(**_outcome_fields(working, notice, terms)))
            _close(working, notice)
        case Result.REFUSED:
            _fail(working, notice, OUTCOME_UNKNOWN if notice.doubts else outcome.code, terms)
        case Result.NOT_TRIED:
            _again(working, replace(notice, attempts=notice.attempts - 1), terms.retry_first_seconds)
        case Result.LATER if notice.attempts >= terms.attempts_most:
            _fail(working, notice, OUTCOME_UNKNOWN if notice.doubts else outcome.code, terms)
        case Result.LATER:
            pause = terms.retry_first_seconds * 2 ** (notice.attempts - 1)
            _again(working, notice, min(pause, terms.retry_most_seconds))
        case Result.DOUBTFUL:
            notice = replace(notice, doubts=notice.doubts + 1)
            if notice.doubts > 1:
                _fail(working, notice, OUTCOME_UNKNOWN, terms)
            else:
                _again(working, notice, terms.retry_first_seconds)


def operator_says(working: Working, notice: Notice, *, sent: bool) -> None:
    """What an operator found out about a notice whose outcome was unknown, or that had failed."""
    fields = {name: getattr(notice, name) for name in _SAME_IN_FACT} | _said(notice.said) | {"decided_at": working.now}
    working.say(NoticeSent(**fields) if sent else NoticeFailed(**fields, code=NOT_SENT))


def _again(working: Working, notice: OpenNotice, pause_seconds: float) -> None:
    next_attempt_at = working.now + dt.timedelta(seconds=pause_seconds)
    working[OpenNotice].put(replace(notice, lease=None, lease_until=None, next_attempt_at=next_attempt_at))


def _close(working: Working, notice: OpenNotice) -> None:
    working[OpenNotice].remove(notice.person_id, notice.session_id)


def _fail(working: Working, notice: OpenNotice, code: str, terms: Terms) -> None:
    working.say(NoticeFailed(**_outcome_fields(working, notice, terms), code=code))
    _close(working, notice)


def _outcome_fields(working: Working, notice: OpenNotice, terms: Terms) -> dict[str, Any]:
    content = notice.content
    if content is None:
        raise RuntimeError(f"{notice.notice_id} has an outcome and was never claimed")
    fields = {name: getattr(notice, name) for name in _SAME_IN_FACT if name != "message_id"}
    fields["message_id"] = message_id(notice.notice_id, terms.domain)
    return fields | _said(content) | {"decided_at": working.now}


_SAME_IN_FACT = (
    "notice_id",
    "person_id",
    "session_id",
    "kind",
    "language",
    "message_id",
    "attempts",
    "doubts",
    "sequence",
)


def _said(content: Content) -> dict[str, Any]:
    return {
        "content": content.hash,
        "venue": content.venue,
        "address": content.address,
        "meetings": content.meetings,
    }


def message_id(notice_id: str, domain: str) -> str:
    """The same at every attempt, so that a mail that left twice can be known for one."""
    return f"<{notice_id}@{domain}>"
