"""What somebody has in their calendar: mails that it begins, what of it changed, and that it is gone. What a place and a training of one's own
have in common."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from typing import Any, ClassVar

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.matters import OnePlace
from services.notifications.kinds.sessions import LASTS, NOTHING_TOLD
from services.notifications.ledger import NOTHING, Content, OpenNotice, Told
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, PlaceMail, arranged, in_language
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import MAILBOX, NOW, SESSION, SINCE, TOLD, is_another
from services.notifications.untold import Addressee, Difference, standing
from services.notifications.untold import is_another as has_another
from shared.values import immutable


@immutable
class InCalendar(OnePlace):
    """That somebody has to be somewhere.

    Decided until the session is over, as it is true and as it was told: who believes that it takes place next week has to
    know that it took place yesterday. Before go-live others told people what was true then.
    """

    LETTERS: ClassVar[dict[str, str]]
    """What the notices are called, by what they say: CONFIRMATION, CHANGE, CANCELLATION."""

    @property
    @abstractmethod
    def is_so(self) -> bool:
        """In a session that takes place."""

    @property
    def begins_because(self) -> str | None:
        return None

    @property
    def ends_because(self) -> str | None:
        return CANCELLED if self.is_called_off else None

    @property
    def is_called_off(self) -> bool:
        return self.facts.session is not None and self.facts.session.state == CANCELLED

    @property
    def _content(self) -> str | None:
        session = self.facts.session
        return session.content if session is not None and self.is_so else None

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        session = self.facts.session
        if self.heard is None or session is None:
            return None
        end = max(session.ends_at, self.believed(told).until or session.ends_at)
        return self.missed_by(end, told, to, now, since)

    def mail(self, notice: OpenNotice, found: Difference) -> PlaceMail:
        letter = next(what for what, name in self.LETTERS.items() if name == found.letter)
        return mail_of_entry(self.facts, notice, found, letter, sequence=notice.sequence)

    def known(self) -> Content | None:
        known = self.facts.known_before
        return Content(hash=known.content, says=sessions.told_of(known)) if known is not None else None

    def differs(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        session, content = self.facts.session, self._content
        assert session is not None
        is_over = now >= session.ends_at
        elsewhere = content is not None and not is_over and has_another(told, to)
        if told.content == content and not elsewhere:
            return None
        believes = told.until is not None and now < told.until
        if not believes and (content is None or is_over):
            return None
        certain = standing(told.certain)
        before = standing(told.said) or certain
        says = self.facts.true_now(content)
        if content is None:
            called_off = (before or says).model_copy(update={"hash": None})
            return Difference(self.LETTERS[CANCELLATION], called_off, certain=certain, because=self.ends_because)
        confirmation = self.LETTERS[CONFIRMATION]
        # At another address nothing is known that could change: whoever reads it gets the whole, and an entry of their own.
        if elsewhere:
            return Difference(confirmation, says, because=self.begins_because)
        # Nor is it a change to whoever was told last, or may have been, that there is nothing any more.
        if told.content is None or (told.said is not None and told.said.hash is None):
            return Difference(confirmation, says, certain=certain, because=self.begins_because)
        return Difference(self.LETTERS[CHANGE], says, before=before, certain=certain)


def mail_of_entry(
    facts: sessions.Facts, notice: OpenNotice, found: Difference, letter: str, *, sequence: int
) -> PlaceMail:
    """A mail with an entry for a calendar, of which `sequence` is the number."""
    content, language = notice.content, notice.language
    if facts.session is None or content is None or language is None or facts.topic_names is None:
        raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
    says = content.says
    told = [one.says for one in (found.before, found.certain) if one is not None]
    return PlaceMail(
        session_id=facts.session.session_id,
        letter=letter,
        language=language,
        session_kind=facts.session.kind,
        topic_name=says.topic_name or in_language(facts.topic_names, language),
        city_name=says.city_name or facts.city_name or "",
        venue=says.venue,
        address=says.address,
        meetings=says.meetings,
        sequence=sequence,
        session_cancelled=found.because == CANCELLED,
        substituted=found.because == sessions.SUBSTITUTED,
        before=arranged(found.before, says),
        certain=arranged(found.certain, says),
        another_topic=any(one.topic not in (None, says.topic) for one in told),
        told_by_others=found.told_by_others,
        in_doubt=found.in_doubt,
        is_ahead=found.is_ahead,
    )


# --- the same in SQL -----------------------------------------------------------------------


@immutable
class Entries:
    """Of `InCalendar`. `is_so`: in a session that takes place; `known`: the session as it was known at go-live."""

    is_so: Any
    known: Any

    @property
    def content(self) -> sa.ColumnElement[Any]:
        return sa.case((self.is_so, SESSION.c.content))

    @property
    def known_content(self) -> sa.ColumnElement[Any]:
        return sa.case((self.known.c.state == SCHEDULED, self.known.c.content))

    @property
    def _until(self) -> sa.ColumnElement[Any]:
        known = sa.case((self.known.c.state == SCHEDULED, self.known.c.ends_at))
        return sa.case((NOTHING_TOLD, known), else_=TOLD.c.until)

    @property
    def differs(self) -> sa.ColumnElement[bool]:
        return self._differs(LASTS, sa.func.coalesce(self._until > NOW, sa.false()))

    @property
    def missed_at(self) -> sa.ColumnElement[Any]:
        return sa.func.greatest(SESSION.c.ends_at, self._until)

    def missed(self, *heard: sa.Table) -> sa.ColumnElement[bool]:
        """`heard`: the rows that make it so."""
        end = self.missed_at
        return sa.and_(
            sa.func.coalesce(end <= NOW, sa.false()),
            self._differs(SESSION.c.ends_at == end, sa.func.coalesce(self._until == end, sa.false())),
            end > SINCE,
            *(table.c.heard_at < end for table in heard),
            TOLD.c.given_up.is_distinct_from(sa.func.coalesce(self.content, NOTHING)),
        )

    def _differs(self, lasts: sa.ColumnElement[bool], believes: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        """At a moment at which the session lasts, or as far as the person knows."""
        is_so = sa.and_(self.is_so, lasts)
        believed = sa.case((NOTHING_TOLD, self.known_content), else_=TOLD.c.content)
        return sa.and_(
            sa.or_(believes, is_so),
            sa.or_(believed.is_distinct_from(self.content), sa.and_(is_so, is_another(TOLD.c.mailbox, MAILBOX))),
        )
