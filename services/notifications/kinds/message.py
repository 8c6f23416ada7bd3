"""What the office writes: to a session's people, which nobody can do without, and to a town's or to all coordinators, which one may.

Each is told once, to whom it was addressed when it was written, as long as it is of use; who could not be told by then ends as a fact.
"""

from __future__ import annotations

import datetime as dt
from functools import partial

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, missed_until
from services.notifications.kinds.whoever import ids_of, is_for, news_of_ids, with_ids
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import WrittenMail
from services.notifications.messages import Message, MessageText
from services.notifications.sheets import written_sheet
from services.notifications.tables import (
    CONTACT,
    MESSAGE,
    MESSAGE_TEXT,
    NOW,
    SINCE,
    TOLD,
    WRITTEN_TO,
    digest,
    is_told,
)
from services.notifications.untold import Addressee, Difference, Matter, judged
from shared.contracts.directory import ContactFact, PersonFact
from shared.contracts.model import members
from shared.contracts.notifications import Audience, MessageTold, Mutable
from shared.values import immutable

NAME, CIRCULAR = "message", "circular"
TEXT = "text"
"""In `waits_for`: what it says was lost with a database; whoever wrote it sends it again under the same key."""


@immutable
class Written(Matter):
    """That the office wrote something to somebody."""

    message: Message
    text: MessageText | None
    letter: str
    """Which sort it is looked at as."""
    since: dt.datetime
    is_for_them: bool = True
    """Whether it is to be told under this id of theirs."""

    @property
    def is_its(self) -> bool:
        return self.letter == (NAME if self.message.audience == Audience.SESSION else CIRCULAR)

    @property
    def waits_for(self) -> str | None:
        return TEXT if self.text is None or self.text.text is None else None

    @property
    def forgotten_at(self) -> dt.datetime | None:
        """When its text was forgotten."""
        return self.text.forgotten_at if self.text is not None else None

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        message = self.message
        if not self.is_its or not self.is_for_them or now >= message.until or message.decided_at < self.since:
            return None
        if told is not None and told.content == message.message_id:
            return None
        says = MessageTold(
            message_id=message.message_id,
            audience=message.audience,
            audience_id=message.audience_id,
            useful_until=message.until,
        )
        found = Difference(self.letter, Content(hash=message.message_id, says=says))
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        return missed_until(self.message.until, self, told, to, now=now, since=since)

    def mail(self, notice: OpenNotice, found: Difference) -> WrittenMail:
        text = self.text
        if text is None or text.subject is None or text.text is None or notice.language is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        return WrittenMail(self.letter, notice.language, self.message.audience, text.subject, text.text)


# --- the same in SQL -----------------------------------------------------------------------

_its_text = MESSAGE_TEXT.c.message_id == MESSAGE.c.message_id
_lasts = MESSAGE.c.until > NOW
_untold = sa.and_(MESSAGE.c.decided_at >= SINCE, TOLD.c.content.is_distinct_from(MESSAGE.c.message_id))
_unsaid = TOLD.c.given_up.is_distinct_from(MESSAGE.c.message_id)
_ids = ids_of(MESSAGE, "message_id")
_recipient = _ids.c.person_id
MESSAGES = Scope(
    keys=with_ids(MESSAGE, "message_id", _ids),
    recipient=_recipient,
    key=MESSAGE.c.message_id,
    news=news_of_ids(MESSAGE, "message_id"),
    soon={},
)


def _around(about: sa.ColumnElement[str], messages: sa.FromClause) -> sa.FromClause:
    return (
        messages.outerjoin(MESSAGE_TEXT, _its_text)
        .outerjoin(TOLD, is_told(TOLD, _recipient, about))
        .outerjoin(CONTACT, CONTACT.c.person_id == _recipient)
    )


def _read(name: str, reading: Reading, rules: Rules) -> Written:
    message, text = reading.next(Message), reading.next(MessageText)
    (is_for_them,) = reading.values(1)
    assert message is not None
    return Written(message, text, name, rules.since, is_for_them)


def _kind(name: str, is_its: sa.ColumnElement[bool], mutes: Mutable | None) -> Kind:
    about = sa.literal(f"{name}/", sa.Text) + MESSAGE.c.message_id
    is_for_them = is_for(_ids, about, MESSAGE.c.message_id)
    return Kind(
        name=name,
        letters=(name,),
        scope=MESSAGES,
        around=partial(_around, about),
        about=about,
        content=sa.case((sa.and_(is_its, _lasts), MESSAGE.c.message_id)),
        differs=sa.and_(is_its, _lasts, _untold, is_for_them),
        waits={},
        unknown={TEXT: MESSAGE_TEXT.c.text.is_(None)},
        parts=(_lasts,),
        told_by_others=sa.false(),
        made_of=digest(*WRITTEN_TO, MESSAGE.c.message_id, sessions.RELEASE),
        columns=(*MESSAGE.c, *MESSAGE_TEXT.c, is_for_them),
        read=partial(_read, name),
        sheet=written_sheet,
        concerned_by=frozenset({*members(ContactFact), *members(PersonFact)}),
        missed_at=MESSAGE.c.until,
        needed_at=MESSAGE.c.until,
        may_wait=mutes is not None,
        missed=sa.and_(is_its, MESSAGE.c.until <= NOW, MESSAGE.c.until > SINCE, _untold, _unsaid, is_for_them),
        mutes=mutes,
        yields_to=(MESSAGE,),
    )


MESSAGE_KIND = _kind(NAME, MESSAGE.c.audience == Audience.SESSION, None)
"""About one's own place: nobody does without it."""
CIRCULAR_KIND = _kind(CIRCULAR, MESSAGE.c.audience != Audience.SESSION, Mutable.MESSAGES)
