"""What was told: the rows of notices, and what follows from their outcomes. Pure: no SQL, no clock, no decisions.

What somebody was told is a projection: `Told` follows from our own NoticeSent and NoticeFailed, which say what the mail
said. So a database restored from last night's backup learns from the stream what was mailed today before it mails
anything, and a rebuild comes to the same rows. Only notices on their way (`OpenNotice`) are kept: an attempt is our own
bookkeeping until its outcome is a fact. While one is open nothing else is planned about its subject, so an attempt that may
have left stands between what was told and what is true until it is settled.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, ClassVar

from shared.contracts.model import Language, Part
from shared.contracts.notifications import (
    NoticeBounced,
    NoticeFailed,
    NoticeOutcome,
    NoticeRehearsed,
    NoticeRepeated,
    Says,
)
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Derive, Working
from shared.values import immutable

OUTCOME_UNKNOWN = "outcome_unknown"
OVERTAKEN = "overtaken"
NOT_SENT = "not_sent"
TOO_LATE = "too_late"
UNRENDERABLE = "unrenderable"
WAS_REHEARSED = "rehearsed"
"""What stood in the way of one that is said after all."""
SHOWN = "shown"
"""Of what was rehearsed: it was sent to the one address that the settings name."""

NOTHING = "nothing"
"""In `Told.given_up`: the recipient could not be told that there is nothing any more."""


class Belief(StrEnum):
    """Whether the person was told what `Told.content` says."""

    NO = "no"
    YES = "yes"
    MAYBE = "maybe"
    REHEARSED = "rehearsed"
    """It would have been told, had mail been live. As long as it is not, this counts as told; from then on as nothing."""


class NoticeState(StrEnum):
    """How a notice stands; `planned` and `attempting` are open, the others are facts."""

    PLANNED = "planned"
    ATTEMPTING = "attempting"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """May have left; an operator has to find out."""
    OVERTAKEN = "overtaken"
    """May have left; a later notice tells what is true now."""
    REPEATED = "repeated"
    """It left, and the office has it said once more."""
    BOUNCED = "bounced"
    """It left, and came back."""
    TOO_LATE = "too_late"
    """It was not told in time, and telling it is of no use any more."""
    REHEARSED = "rehearsed"
    """It was written before mail went live, and dropped."""


_PLANNED, _TRYING, _SENT, _FAILED = NoticeState.PLANNED, NoticeState.ATTEMPTING, NoticeState.SENT, NoticeState.FAILED
_UNKNOWN, _OVERTAKEN, _TOO_LATE = NoticeState.UNKNOWN, NoticeState.OVERTAKEN, NoticeState.TOO_LATE
_REPEATED, _BOUNCED, _REHEARSED = NoticeState.REPEATED, NoticeState.BOUNCED, NoticeState.REHEARSED

MAY_BECOME: Mapping[NoticeState, frozenset[NoticeState]] = {
    # It is claimed, or found to be of no use any more; had an attempt been in doubt, it is closed with that.
    _PLANNED: frozenset({_TRYING, _TOO_LATE, _UNKNOWN, _OVERTAKEN, _REHEARSED}),
    # It is settled: it left, will be tried again, or never; or its lease ran out, and it is claimed again or closed.
    _TRYING: frozenset({_TRYING, _PLANNED, _SENT, _FAILED, _UNKNOWN, _OVERTAKEN, _REHEARSED}),
    # The office has it said once more; a report says that it came back.
    _SENT: frozenset({_REPEATED, _BOUNCED}),
    _REPEATED: frozenset({_BOUNCED}),
    _OVERTAKEN: frozenset({_BOUNCED}),
    # An operator finds out, or a report does.
    _UNKNOWN: frozenset({_SENT, _FAILED, _BOUNCED}),
    _FAILED: frozenset({_SENT, _FAILED}),
    # Mail is live, and the office has it said after all.
    _REHEARSED: frozenset({_REPEATED}),
    _TOO_LATE: frozenset(),
    _BOUNCED: frozenset(),
}
"""What a notice may be next. The first two are open: closed without an outcome they are gone, and planned anew once there is a difference."""


class Content(Part):
    """What a mail says. `hash` is None in what calls something off."""

    hash: str | None
    mailbox: str | None = None
    """To which address, as a digest (`digests.py`); None: not known, or not addressed yet."""
    says: Says

    @property
    def until(self) -> dt.datetime:
        """Until when it is of use, as told."""
        return self.says.until


@immutable
class Notice(FactRow):
    """What became of one mail."""

    KEY: ClassVar = ("notice_id",)

    notice_id: str
    recipient: str
    about: str
    kind: str
    language: Language
    sequence: int
    said: Content
    message_id: str
    attempts: int
    doubts: int
    state: NoticeState
    code: str | None
    problem: str | None
    """What stood in the way of a mail that came too late."""
    made_of: str | None
    """The digest of all that a mail that failed was made of."""
    again_at: dt.datetime | None
    """Of one that came back for what may pass: when its recipient is told again, at the earliest."""
    decided_at: dt.datetime


@immutable
class Told(Row):
    """What one recipient was told about one subject; follows from the notices."""

    KEY: ClassVar = ("recipient", "about")

    recipient: str
    about: str
    notice_id: str
    """The notice that told it last, or may have."""
    sequence: int
    state: Belief
    content: str | None
    """The hash of what was told last, or may have been; None: that there is nothing any more, or nothing at all; OVERTAKEN:
    nobody knows, and whatever is true is to be told."""
    mailbox: str | None
    """The digest of the address that it was told to; None: not known."""
    said: Content | None
    """What that was in full, for "before → now"."""
    certain: Content | None
    """While that is in doubt: what had been told before."""
    given_up: str | None
    """What could not be told for good: a content, or NOTHING. It is tried again once anything of it is another."""
    given_up_for: str | None
    """The digest of all that it was made of; None: not known."""
    given_up_by: str | None
    """The notice that could not."""
    until: dt.datetime | None
    """Until when what they may believe matters to them; None: they believe nothing."""
    told_at: dt.datetime | None
    """When the last mail left that told it, or may have; None, too, once it is known that it told nobody."""
    not_before: dt.datetime | None
    """When they are told again, at the earliest: the last mail came back, for what may have passed by then."""


@immutable
class OpenNotice(Row):
    """A difference between what is true and what was told, on its way to become a mail. At most one a recipient and subject.

    What it says is decided when it is claimed, and anew at each claim until an attempt may have left.
    """

    KEY: ClassVar = ("recipient", "about")

    recipient: str
    about: str
    notice_id: str
    planned_at: dt.datetime
    next_attempt_at: dt.datetime
    priority: int
    """Which leave first (`urgency.py`)."""
    kind: str | None
    language: Language | None
    sequence: int
    content: Content | None
    stated_at: dt.datetime | None
    """The mail's Date; stays once an attempt may have left, so that a second try is the same mail."""
    tried_since: dt.datetime | None
    """When the first attempt at this address was made."""
    made_of: str | None
    """The digest of all that the last attempt was made of."""
    attempts: int
    doubts: int
    lease: str | None
    """Who is sending it just now. Outcomes are written only under the lease."""
    lease_until: dt.datetime | None
    problem: str | None
    """Why it has not left yet: what became of the last attempt, or why it could not be claimed."""
    rehearses: bool = False
    """Whether it was planned before mail went live. It ends as rehearsed, whenever it is taken."""


def special_state(code: str | None) -> NoticeState:
    special = {
        None: NoticeState.SENT,
        OUTCOME_UNKNOWN: NoticeState.UNKNOWN,
        OVERTAKEN: NoticeState.OVERTAKEN,
        TOO_LATE: NoticeState.TOO_LATE,
    }
    return special.get(code, NoticeState.FAILED)


def notice_of(heard: Heard[NoticeOutcome]) -> Notice:
    body = heard.body
    code = body.code if isinstance(body, NoticeFailed) else None
    problem = body.problem if isinstance(body, NoticeFailed) else None
    state = NoticeState.BOUNCED if isinstance(body, NoticeBounced) else special_state(code)
    if isinstance(body, NoticeRepeated):
        state, code = NoticeState.REPEATED, body.reason
        problem = WAS_REHEARSED if body.was_rehearsed else None
    if isinstance(body, NoticeBounced):
        code = f"bounced_{body.status}"
    if isinstance(body, NoticeRehearsed):
        state, code = NoticeState.REHEARSED, body.code
    return Notice(
        *meta(heard),
        body.notice_id,
        body.recipient,
        body.about,
        body.kind,
        body.language,
        body.sequence,
        Content(hash=body.content, mailbox=body.address_digest, says=_as_named(body.says)),
        body.message_id,
        body.attempts,
        body.doubts,
        state,
        code,
        problem,
        body.made_of_digest if isinstance(body, NoticeFailed) else None,
        body.again_at if isinstance(body, NoticeBounced) else None,
        body.decided_at,
    )


def _as_named(says: Says) -> Says:
    if not says.meetings:
        return says.as_named()
    return says.as_named().model_copy(update={"meetings": tuple(meeting.as_named() for meeting in says.meetings)})


def derive(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """What a person was told follows from the notice that told it, or did not."""
    if isinstance(new, Notice):
        told = working[Told].get(new.recipient, new.about)
        working[Told].put(told_after(told, new))


DERIVE: dict[type[FactRow], Derive] = {Notice: derive}


def nothing_yet(recipient: str, about: str) -> Told:
    """Of somebody who was told nothing."""
    nothing = (None, None, None, None, None, None, None, None, None, None)
    return Told(recipient, about, "", 0, Belief.NO, *nothing)


def told_after(told: Told | None, notice: Notice) -> Told:
    """What the person was told, once this outcome is known. The outcome of an older notice changes nothing any more."""
    told = told or nothing_yet(notice.recipient, notice.about)
    if notice.state is NoticeState.REHEARSED:
        return _rehearsed(told, notice)
    if notice.problem == WAS_REHEARSED and notice.state is NoticeState.REPEATED:
        return _to_be_said_after_all(told, notice)
    if told.state == Belief.REHEARSED:
        told = nothing_yet(notice.recipient, notice.about)
    if told.sequence > notice.sequence:
        return told
    if notice.code == NOT_SENT:
        return _not_told(told, notice)
    if notice.state is NoticeState.BOUNCED:
        return _came_back(told, notice)
    if notice.state is NoticeState.REPEATED:
        return _to_be_repeated(told, notice)
    said = notice.said
    if notice.state in (NoticeState.FAILED, NoticeState.TOO_LATE):  # Whatever was in doubt before still is.
        given_up = said.hash or NOTHING
        return replace(told, given_up=given_up, given_up_for=notice.made_of, given_up_by=notice.notice_id)
    told = replace(told, notice_id=notice.notice_id, sequence=notice.sequence, told_at=notice.decided_at)
    match notice.state:
        case NoticeState.SENT:
            told = replace(told, not_before=None)  # At another address, perhaps; this one takes mail.
            return _believing(told, Belief.YES if said.hash else Belief.NO, said, certain=None)
        case NoticeState.UNKNOWN | NoticeState.OVERTAKEN:
            certain = told.certain if told.state == Belief.MAYBE else told.said
            earlier = told.until if told.state == Belief.MAYBE else None
            told = _believing(told, Belief.MAYBE, said, certain=certain, or_until=earlier)
            return replace(told, content=OVERTAKEN) if notice.state is NoticeState.OVERTAKEN else told
    raise RuntimeError(f"{notice.notice_id} is {notice.state}")


def _rehearsed(told: Told, notice: Notice) -> Told:
    """What would be believed. It takes the place of nothing that was told."""
    if (told.notice_id and told.state != Belief.REHEARSED) or told.sequence > notice.sequence:
        return told
    told = replace(told, notice_id=notice.notice_id, sequence=notice.sequence, told_at=notice.decided_at)
    return _believing(told, Belief.REHEARSED, notice.said, certain=None)


def _to_be_said_after_all(told: Told, notice: Notice) -> Told:
    """Who was never told by us may have been by others: whatever is true is to be told, as to somebody who knows nothing."""
    if told.notice_id != notice.notice_id:
        return told
    nothing = notice.said.model_copy(update={"hash": None})
    fresh = nothing_yet(notice.recipient, notice.about)
    fresh = replace(fresh, notice_id=notice.notice_id, sequence=notice.sequence, until=notice.said.until)
    return replace(fresh, state=Belief.MAYBE, content=OVERTAKEN, said=nothing)


def _not_told(told: Told, notice: Notice) -> Told:
    """What an operator found not to have left is told anew: what had failed, or what was in doubt."""
    if told.given_up_by == notice.notice_id:
        return replace(told, given_up=None, given_up_for=None, given_up_by=None)
    if told.notice_id != notice.notice_id or told.state != Belief.MAYBE:
        return told
    before = told.certain
    given_up = {name: getattr(told, name) for name in ("given_up", "given_up_for", "given_up_by")}
    told = _believing(told, Belief.YES if before and before.hash else Belief.NO, before, certain=None)
    return replace(told, **given_up)


def _came_back(told: Told, notice: Notice) -> Told:
    """Nobody has what came back. What its recipient believes is what they were told before; where that is not remembered, nobody knows, and
    whatever is true is to be told."""
    if told.notice_id != notice.notice_id:
        return told
    told = replace(told, not_before=notice.again_at)
    if told.state == Belief.MAYBE:
        return _not_told(told, notice)
    if notice.sequence == 0:
        return _believing(told, Belief.NO, None, certain=None)
    # Also of what called something off: whoever did not read it believes that it stands.
    return replace(told, state=Belief.MAYBE, content=OVERTAKEN, until=told.until or notice.said.until)


def _to_be_repeated(told: Told, notice: Notice) -> Told:
    """Whoever got it knows it, whoever did not does not: whatever is true is to be told, also that there is nothing any more."""
    if told.notice_id != notice.notice_id:
        return told
    if notice.said.hash is not None and notice.sequence == 0:
        return _believing(told, Belief.NO, None, certain=None)
    return replace(told, state=Belief.MAYBE, content=OVERTAKEN, until=notice.said.until)


def _believing(
    told: Told, state: Belief, said: Content | None, *, certain: Content | None, or_until: dt.datetime | None = None
) -> Told:
    """`or_until`: when the last of what earlier mails said stops to matter, which may have arrived as well."""
    ends = [one.until for one in (said, certain) if one is not None and one.hash is not None]
    ends += [or_until] if or_until else []
    return replace(
        told,
        state=state,
        content=said.hash if said else None,
        mailbox=said.mailbox if said else None,
        said=said,
        certain=certain,
        given_up=None,
        given_up_for=None,
        given_up_by=None,
        until=max(ends, default=None),
        told_at=told.told_at if said else None,
    )
