"""What a mail is written from: the values the renderer takes, and how an attempt becomes them. Pure."""

from __future__ import annotations

import datetime as dt

from services.notifications.decisions import Attempt, message_id
from services.notifications.ledger import Content
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeKind
from shared.contracts.planner import Meeting, SessionKind
from shared.values import immutable


@immutable
class Arrangement:
    """When and where a session is, or was told to be; the venue is None when that is not known."""

    meetings: tuple[Meeting, ...]
    venue: str | None
    address: str | None
    city_name: str | None = None
    """None: not known, or not another one."""
    topic_name: str | None = None
    """The topic, if it was another one."""


@immutable
class SessionMail:
    """What all mails about one session share, in one language and of one kind."""

    session_id: str
    kind: NoticeKind
    language: Language
    session_kind: SessionKind
    topic_name: str
    city_name: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    sequence: int
    """Grows with every change told: calendars ignore what is not newer than what they hold."""
    session_cancelled: bool = False
    """In a cancellation: the session does not take place. Otherwise only this person's place is gone."""
    before: Arrangement | None = None
    """As it was told before; None when that is not known."""
    certain: Arrangement | None = None
    """While nobody knows whether what is `before` arrived: what the person had been told for certain."""
    another_topic: bool = False
    """Than was told before."""
    told_by_others: bool = False
    """`before` was told by others: what a calendar holds of it is not ours to replace."""
    in_doubt: bool = False
    """Nobody knows whether the last mail about it arrived."""
    is_ahead: bool = True

    @property
    def told(self) -> tuple[Arrangement, ...]:
        """All that the person may know of it, the newest first."""
        return tuple(one for one in (self.before, self.certain) if one is not None)

    @property
    def in_calendar(self) -> tuple[Arrangement, ...]:
        """All of ours that may stand in the person's calendar, the newest first."""
        return () if self.told_by_others else self.told


@immutable
class Recipient:
    person_id: str
    given_name: str
    family_name: str
    email: str


@immutable
class Letter:
    """What one mail is known by. `stated_at` is its Date and the DTSTAMP of its calendar entries."""

    message_id: str
    notice_id: str
    stated_at: dt.datetime


def mail_of(attempt: Attempt) -> SessionMail:
    """What the mail says to everyone in the session."""
    notice, found, truth = attempt.notice, attempt.difference, attempt.truth
    session, city_name, names, language = truth.session, truth.city_name, truth.topic_names, notice.language
    if session is None or city_name is None or names is None or language is None:
        raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
    says, told = found.says, [one for one in (found.before, found.certain) if one is not None]
    return SessionMail(
        session_id=notice.session_id,
        kind=found.kind,
        language=Language(language),
        session_kind=session.kind,
        topic_name=says.topic_name or names[0 if language == Language.PL else 1],
        city_name=says.city_name or city_name,
        venue=says.venue,
        address=says.address,
        meetings=says.meetings,
        sequence=notice.sequence,
        session_cancelled=found.session_cancelled,
        before=_arranged(found.before, says),
        certain=_arranged(found.certain, says),
        another_topic=any(one.topic not in (None, says.topic) for one in told),
        told_by_others=found.told_by_others,
        in_doubt=found.in_doubt,
        is_ahead=found.is_ahead,
    )


def _arranged(told: Content | None, now: Content) -> Arrangement | None:
    """What was told, beside what is told now: a town or a topic is named only where it is another one."""
    if told is None:
        return None
    city_name = told.city_name if told.city_id != now.city_id else None
    topic_name = told.topic_name if told.topic != now.topic else None
    return Arrangement(told.meetings, told.venue, told.address, city_name, topic_name)


def recipient_of(attempt: Attempt, domain: str) -> tuple[Recipient, Letter]:
    """To whom, and what the mail is known by."""
    notice, person, contact = attempt.notice, attempt.truth.person, attempt.truth.contact
    if person is None or contact is None or contact.email is None or notice.stated_at is None:
        raise RuntimeError(f"{notice.notice_id} was claimed and lacks whom to tell")
    return (
        Recipient(notice.person_id, person.given_name or "", person.family_name or "", contact.email),
        Letter(message_id(notice.notice_id, domain), notice.notice_id, notice.stated_at),
    )
