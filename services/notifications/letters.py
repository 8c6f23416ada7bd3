"""What a mail is written from: the values the renderer takes, and how an attempt becomes them. Pure."""

from __future__ import annotations

import datetime as dt

from services.notifications.decisions import Attempt, message_id
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
    before: tuple[Meeting, ...] | None = None
    """The meetings as they were told before; None when that is not known."""
    before_venue: str | None = None
    """The venue as it was told before; None when that is not known."""
    before_address: str | None = None
    certain: Arrangement | None = None
    """While nobody knows whether what is `before` arrived: what the person had been told for certain."""

    @property
    def told(self) -> tuple[Arrangement, ...]:
        """All that may stand in the person's calendar, the newest first."""
        before = Arrangement(self.before, self.before_venue, self.before_address) if self.before else None
        return tuple(one for one in (before, self.certain) if one is not None)


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
    before, certain = found.before, found.certain
    return SessionMail(
        session_id=notice.session_id,
        kind=found.kind,
        language=Language(language),
        session_kind=session.kind,
        topic_name=names[0 if language == Language.PL else 1],
        city_name=city_name,
        venue=found.says.venue,
        address=found.says.address,
        meetings=found.says.meetings,
        sequence=notice.sequence,
        session_cancelled=found.session_cancelled,
        before=before.meetings if before else None,
        before_venue=before.venue if before else None,
        before_address=before.address if before else None,
        certain=Arrangement(certain.meetings, certain.venue, certain.address) if certain else None,
    )


def recipient_of(attempt: Attempt, domain: str) -> tuple[Recipient, Letter]:
    """To whom, and what the mail is known by."""
    notice, person, contact = attempt.notice, attempt.truth.person, attempt.truth.contact
    if person is None or contact is None or contact.email is None or notice.stated_at is None:
        raise RuntimeError(f"{notice.notice_id} was claimed and lacks whom to tell")
    return (
        Recipient(notice.person_id, person.given_name or "", person.family_name or "", contact.email),
        Letter(message_id(notice.notice_id, domain), notice.notice_id, notice.stated_at),
    )
