"""What is true and was not told. Pure functions over what is loaded.

Nothing here follows events: a notice is the difference between what is true and what was told. So a session moved from
Monday to Tuesday and back before anything left sends nothing, and a withdrawal whose confirmation may have left sends
its cancellation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from services.notifications.digests import is_the_same
from services.notifications.ledger import NO_PLACE, Content, Told
from services.notifications.state import CANCELLED, SCHEDULED, Contact, Person, Place, Session
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import NoticeKind
from shared.values import immutable


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
    settled: bool = True
    """Whether enrolment has drawn every consequence from this statement of the session."""
    mailbox: str | None = None
    """The digest of the address."""
    made_of: str | None = None
    """The digest of all that a mail would be made of."""

    @property
    def is_complete(self) -> bool:
        """Whether a mail can be written. What is missing is waited for; who is erased is never written to."""
        known = self.person is not None and not self.person.erased and self.contact is not None
        return known and not (self.contact and self.contact.erased) and bool(self.city_name and self.topic_names)


@immutable
class Difference:
    """What a person does not know."""

    kind: NoticeKind
    says: Content
    before: Content | None = None
    """In a change: what was told before, if that is known."""
    certain: Content | None = None
    """While it is in doubt whether `before`, or what is called off, was told: what had been told before that."""
    session_cancelled: bool = False
    given_up: bool = False
    """The very mail that would tell it has been given up: nothing of what it was made of has changed since."""
    waits_for_enrolment: bool = False
    """It would tell of a place that enrolment may be about to take back: it has not been heard about this statement of the
    session yet."""

    @property
    def can_be_told(self) -> bool:
        return not self.given_up and not self.waits_for_enrolment


def difference(told: Told | None, truth: Truth, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
    """What is true and was not told. `since` is go-live: before it, others told people what was true then.

    Decided until the session is over, as it is true and as it was told: who believes that it takes place next week has to
    know that it took place yesterday.
    """
    place, session = truth.place, truth.session
    if place is None or session is None:
        return None
    content = session.content if place.state == Standing.ENROLLED and session.state == SCHEDULED else None
    is_over = now >= session.ends_at
    if told is None:
        found = None if is_over else _never_told(place, session, content, since)
    else:
        found = _told_otherwise(told, truth, session, content, now)
    if found is None:
        return None
    given_up = (
        told is not None
        and told.given_up == (content or NO_PLACE)
        and is_the_same(told.given_up_for, truth.made_of)
    )  # fmt: skip
    return replace(found, given_up=given_up, waits_for_enrolment=content is not None and not truth.settled)


def _never_told(place: Place, session: Session, content: str | None, since: dt.datetime) -> Difference | None:
    said = _true_now(session, content)
    if place.heard_at >= since:
        return Difference(NoticeKind.CONFIRMATION, said) if content is not None else None
    if place.state != Standing.ENROLLED or session.heard_at < since:
        return None
    if content is not None:
        return Difference(NoticeKind.CHANGE, said)
    return Difference(NoticeKind.CANCELLATION, said, session_cancelled=session.state == CANCELLED)


def _told_otherwise(
    told: Told, truth: Truth, session: Session, content: str | None, now: dt.datetime
) -> Difference | None:
    is_over = now >= session.ends_at
    elsewhere = content is not None and not is_over and not is_the_same(told.mailbox, truth.mailbox)
    if told.content == content and not elsewhere:
        return None
    believes_in_a_place = told.ends_at is not None and now < told.ends_at
    if not believes_in_a_place and (content is None or is_over):
        return None
    certain = told.certain if told.certain is not None and told.certain.hash is not None else None
    before = told.said if told.said is not None and told.said.hash is not None else certain
    if content is None:
        called_off = (before or _true_now(session, None)).model_copy(update={"hash": None})
        is_cancelled = session.state == CANCELLED
        return Difference(NoticeKind.CANCELLATION, called_off, certain=certain, session_cancelled=is_cancelled)
    # At another address nothing is known that could change: whoever reads it gets the whole, and an entry of their own.
    if elsewhere:
        return Difference(NoticeKind.CONFIRMATION, _true_now(session, content))
    # Nor is it a change to whoever was told last, or may have been, that there is no place any more.
    if told.content is None or (told.said is not None and told.said.hash is None):
        return Difference(NoticeKind.CONFIRMATION, _true_now(session, content), certain=certain)
    return Difference(NoticeKind.CHANGE, _true_now(session, content), before=before, certain=certain)


def _true_now(session: Session, content: str | None) -> Content:
    return Content(hash=content, venue=session.venue, address=session.address, meetings=session.meetings)
