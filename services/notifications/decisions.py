"""What becomes of an attempt to tell somebody what is true: the same for every kind of mail. Pure functions over what is loaded;
what has to be told its kind knows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from services.notifications.bounces import Bounce
from services.notifications.digests import is_the_same
from services.notifications.ledger import (
    MAY_BECOME,
    NOT_SENT,
    OUTCOME_UNKNOWN,
    OVERTAKEN,
    SHOWN,
    TOO_LATE,
    Content,
    Notice,
    NoticeState,
    OpenNotice,
    Told,
)
from services.notifications.suppressing import Suppression
from services.notifications.untold import Difference, Truth
from services.notifications.urgency import priority_of, settles_until
from shared.contracts.model import Language
from shared.contracts.notifications import (
    AddressReleased,
    AddressSuppressed,
    NoticeBounced,
    NoticeFailed,
    NoticeRehearsed,
    NoticeRepeated,
    NoticeSent,
)
from shared.events.envelope import Reason
from shared.state.working import Working
from shared.values import immutable

POSTPONED = (Reason.REFUSED_BY_DATABASE, Reason.UNDECIDABLE)
"""Problems of notices that cannot even be claimed."""
POSTPONED_SECONDS = 600
"""A notice that the database or our own code refuses needs somebody to mend that; it is looked at again so often."""


# --- an attempt ----------------------------------------------------------------------------


@immutable
class Terms:
    """How attempts are made."""

    since: dt.datetime
    domain: str
    lease_seconds: float
    give_up_after: dt.timedelta
    retry_first_seconds: float
    retry_most_seconds: float
    after_rehearsal: bool = False
    """Whether mail was rehearsed before it went live: nobody knows who was told by others what was so by then."""


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

    What becomes true between here and the server's answer, some seconds later, is not looked at again: it differs from what
    is told now, and is told next.
    """
    if notice.lease is not None:
        notice = replace(notice, doubts=notice.doubts + 1, lease=None, lease_until=None)
    told = working[Told].get(notice.recipient, notice.about)
    found = truth.difference(told, now=working.now)
    if working[Notice].get(notice.notice_id) is not None:  # Its outcome was heard: this database is older than it.
        _close(working, notice)
        return None
    if found is not None and terms.after_rehearsal and found.is_of_before(told):
        found = replace(found, in_doubt=True)
    tells = found is not None and not found.given_up and truth.is_complete
    lapsed = truth.missed(told, now=working.now, since=terms.since) if found is None else None
    if notice.doubts and notice.content is not None and working.now < notice.content.until:
        lapsed = None  # It may have told of what is still to come.
    if notice.doubts and truth.to.muted:
        _fail(working, notice, OUTCOME_UNKNOWN, terms)  # It may have told it, and nothing follows.
        return None
    if notice.doubts and lapsed is None and (found is None or not tells or not _says_the_same(notice, found, truth)):
        _fail(working, notice, OVERTAKEN, terms)
        return None
    if notice.doubts > 1 or (notice.doubts and lapsed is not None):
        _fail(working, notice, OUTCOME_UNKNOWN, terms)
        return None
    if notice.doubts and found is not None and found.waits_for is not None:
        _again(working, notice, terms.retry_first_seconds)  # It may have left: it is closed with its outcome only.
        return None
    if lapsed is not None:
        problem = notice.problem or truth.waits_for or lapsed.waits_for
        _fail(working, _with(notice, told, lapsed, truth), TOO_LATE, terms, problem=problem)
        return None
    if found is None or not tells or not found.can_be_told:
        _close(working, notice)  # Found again as soon as it is a difference, or as what it waits for is known.
        return None
    priority = priority_of(found, told, truth, working.now)
    if settles := settles_until(notice, found, told, truth, working.now):
        working[OpenNotice].put(replace(notice, next_attempt_at=settles, priority=priority))
        return None
    at_this_address = notice.content is not None and is_the_same(notice.content.mailbox, truth.to.mailbox)
    claimed = replace(
        _with(notice, told, found, truth),
        stated_at=notice.stated_at if notice.doubts else working.now,
        tried_since=notice.tried_since if at_this_address and notice.tried_since else working.now,
        made_of=truth.to.made_of,
        priority=priority,
        attempts=notice.attempts + 1,
        lease=lease,
        lease_until=working.now + dt.timedelta(seconds=terms.lease_seconds),
        problem=None,
    )
    working[OpenNotice].put(claimed)
    return Attempt(claimed, found, truth)


def _with(notice: OpenNotice, told: Told | None, found: Difference, truth: Truth) -> OpenNotice:
    """The notice with what it says. A second try is the same mail, in the same language."""
    contact = truth.to.contact
    language = notice.language if notice.doubts else None
    language = Language(language or (contact.language if contact is not None else Language.PL))
    return replace(
        notice,
        kind=found.letter,
        language=language,
        sequence=told.sequence + 1 if told else 0,
        content=truth.matter.named(found.says, language).model_copy(update={"mailbox": truth.to.mailbox}),
    )


def postpone(working: Working, notice: OpenNotice, problem: str, terms: Terms) -> None:
    """Puts off a notice that cannot be claimed, and says why. Nothing was tried: attempts, doubts and lease stay as they
    are, so that an attempt which may have left is still known as one."""
    pause = dt.timedelta(seconds=min(POSTPONED_SECONDS, terms.retry_most_seconds))
    working[OpenNotice].put(replace(notice, next_attempt_at=working.now + pause, problem=problem))


def _says_the_same(notice: OpenNotice, found: Difference, truth: Truth) -> bool:
    content = notice.content
    if content is None or not is_the_same(content.mailbox, truth.to.mailbox):
        return False
    # A mail is known by less than it says: who has the first under this Message-ID may never be shown the second.
    now = _with(notice, None, found, truth).content
    same = now is not None and (content.hash, content.says) == (now.hash, now.says)
    # What was ahead when it was written, and is not any more, reads otherwise.
    was_ahead = notice.stated_at is not None and notice.stated_at < found.says.until
    return same and notice.kind == found.letter and was_ahead == found.is_ahead


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


CLOSING = "smtp_421"
"""The server, or one that it speaks for, hears nothing just now: this mail is not to blame, but it is not waited with for ever either."""


@immutable
class Outcome:
    result: Result
    code: str
    """`smtp_450`, `no_answer` …; never the server's text, which may name people."""


def settle(working: Working, notice: OpenNotice, outcome: Outcome, terms: Terms) -> None:
    """What follows from an attempt: a fact, or another attempt. One that is in doubt gets one more try."""
    match outcome.result:
        case Result.SENT:
            fields = _outcome_fields(working, notice, terms)
            shown = SHOWN if outcome.code == SHOWN else None
            working.say(NoticeRehearsed(**fields, code=shown) if notice.rehearses else NoticeSent(**fields))
            _close(working, notice)
        case Result.REFUSED:
            _fail(working, notice, OUTCOME_UNKNOWN if notice.doubts else outcome.code, terms)
        case Result.NOT_TRIED:
            # Days of refusing us are not days of refusing this mail.
            notice = replace(notice, attempts=notice.attempts - 1, tried_since=None, problem=outcome.code)
            _again(working, notice, terms.retry_first_seconds)
        case Result.LATER:
            if outcome.code == CLOSING:
                notice = replace(notice, attempts=notice.attempts - 1)
            tried_for = working.now - (notice.tried_since or working.now)
            if tried_for >= terms.give_up_after:
                _fail(working, notice, OUTCOME_UNKNOWN if notice.doubts else outcome.code, terms)
            else:
                pause = max(terms.retry_first_seconds, tried_for.total_seconds())
                _again(working, replace(notice, problem=outcome.code), min(pause, terms.retry_most_seconds))
        case Result.DOUBTFUL:
            notice = replace(notice, doubts=notice.doubts + 1, problem=outcome.code)
            if notice.doubts > 1:
                _fail(working, notice, OUTCOME_UNKNOWN, terms)
            else:
                _again(working, notice, terms.retry_first_seconds)


def operator_says(working: Working, notice: Notice, *, sent: bool) -> None:
    """What an operator found out about a notice whose outcome was unknown, or that had failed."""
    fields = _as_settled(working, notice)
    working.say(NoticeSent(**fields) if sent else NoticeFailed(**fields, code=NOT_SENT))


def repeat(working: Working, notice: Notice, *, by: str, reason: str) -> None:
    """The office has said once more what a mail has told: one more mail, of what is true now."""
    was_rehearsed = notice.state is NoticeState.REHEARSED
    working.say(NoticeRepeated(**_as_settled(working, notice), by=by, reason=reason, was_rehearsed=was_rehearsed))


# --- what comes back of it -----------------------------------------------------------------

SOFT_PAUSES = (dt.timedelta(hours=1), dt.timedelta(hours=8))
"""After a mail that came back for a full mailbox, or whatever passes, the next one waits for so long. One more than these ends like one that
came back for good."""


def came_back(working: Working, notice: Notice, bounce: Bounce, *, soft_before: int) -> None:
    """What follows from a mail that came back. Said again – servers do – it changes nothing.

    `soft_before`: how many mails to this address came back for something that passes, since it was last let through.
    """
    if NoticeState.BOUNCED not in MAY_BECOME[notice.state]:
        return
    is_over = bounce.is_for_good or soft_before >= len(SOFT_PAUSES)
    again_at = None if is_over else working.now + SOFT_PAUSES[soft_before]
    fields = _as_settled(working, notice)
    working.say(NoticeBounced(**fields, status=bounce.status, permanent=bounce.is_for_good, again_at=again_at))
    mailbox, known = notice.said.mailbox, working[Suppression].get(notice.recipient)
    if mailbox is None or (known is not None and known.holds and is_the_same(known.mailbox, mailbox)):
        return
    if is_over:
        working.say(
            AddressSuppressed(
                recipient=notice.recipient,
                address_digest=mailbox,
                status=bounce.status,
                notice_id=notice.notice_id,
                decided_at=working.now,
            )
        )


def release(working: Working, known: Suppression, *, by: str, reason: str | None) -> None:
    """An operator says that the address takes mail again: what its recipient does not know is told."""
    working.say(
        AddressReleased(
            recipient=known.recipient, address_digest=known.mailbox, by=by, reason=reason, decided_at=working.now
        )
    )


# --- in facts and rows ---------------------------------------------------------------------


def _again(working: Working, notice: OpenNotice, pause_seconds: float) -> None:
    next_attempt_at = working.now + dt.timedelta(seconds=pause_seconds)
    working[OpenNotice].put(replace(notice, lease=None, lease_until=None, next_attempt_at=next_attempt_at))


def _close(working: Working, notice: OpenNotice) -> None:
    working[OpenNotice].remove(notice.recipient, notice.about)


def _fail(working: Working, notice: OpenNotice, code: str, terms: Terms, *, problem: str | None = None) -> None:
    fields = _outcome_fields(working, notice, terms)
    if notice.rehearses:
        working.say(NoticeRehearsed(**fields, code=code))
    else:
        working.say(NoticeFailed(**fields, code=code, problem=problem, made_of_digest=notice.made_of))
    _close(working, notice)


def _as_settled(working: Working, notice: Notice) -> dict[str, Any]:
    fields = {name: getattr(notice, name) for name in _SAME_IN_FACT}
    return fields | _said(notice.said) | {"decided_at": working.now}


def _outcome_fields(working: Working, notice: OpenNotice, terms: Terms) -> dict[str, Any]:
    content = notice.content
    if content is None:
        raise RuntimeError(f"{notice.notice_id} has an outcome and was never claimed")
    fields = {name: getattr(notice, name) for name in _SAME_IN_FACT if name != "message_id"}
    fields["message_id"] = message_id(notice.notice_id, terms.domain)
    return fields | _said(content) | {"decided_at": working.now}


_SAME_IN_FACT = (
    "notice_id",
    "recipient",
    "about",
    "kind",
    "language",
    "message_id",
    "attempts",
    "doubts",
    "sequence",
)


def _said(content: Content) -> dict[str, Any]:
    return {"content": content.hash, "address_digest": content.mailbox, "says": content.says}


def message_id(notice_id: str, domain: str) -> str:
    """The same at every attempt, so that a mail that left twice can be known for one."""
    return f"<{notice_id}@{domain}>"
