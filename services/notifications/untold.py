"""What is true and was not told. Pure functions over what is loaded.

Nothing here follows events: a notice is the difference between what is true and what was told. So a session moved from
Monday to Tuesday and back before anything left sends nothing, and a withdrawal whose confirmation may have left sends
its cancellation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from services.notifications.digests import is_the_same
from services.notifications.ledger import NO_PLACE, Belief, Content, Told, nothing_yet
from services.notifications.state import CANCELLED, SCHEDULED, Contact, Person, Place, Session
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
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
    known_before: Session | None = None
    """The session as whoever had the place at go-live knew it, if nobody was told anything since: others told them."""
    settled: bool = True
    """Whether enrolment has drawn every consequence from this statement of the session."""
    mailbox: str | None = None
    """The digest of the address."""
    made_of: str | None = None
    """The digest of all that a mail would be made of."""

    @property
    def waits_for(self) -> str | None:
        """What has to be known before a mail can be written, and is not."""
        known = {
            "person": self.person,
            "contact": self.contact,
            "town": self.city_name,
            "topic": self.topic_names,
        }
        return next((name for name, value in known.items() if value is None), None)

    @property
    def is_unreachable(self) -> bool:
        """Who is erased, or whose contact is forgotten, is never written to."""
        return any(one is not None and one.erased for one in (self.person, self.contact))

    @property
    def is_complete(self) -> bool:
        """Whether a mail can be written."""
        return self.waits_for is None and not self.is_unreachable

    def named(self, content: Content, language: Language) -> Content:
        """What a mail in this language says: names that were told once stay what they were."""
        if content.topic_name is not None or self.topic_names is None or self.session is None:
            return content
        if content.topic != self.session.topic:  # Others told of another one: what they called it is not known.
            return content
        return content.model_copy(update={"topic_name": self.topic_names[0 if language == Language.PL else 1]})


@immutable
class Difference:
    """What a person does not know."""

    kind: NoticeKind
    says: Content
    before: Content | None = None
    """In a change: what was told before, if that is known."""
    certain: Content | None = None
    """While it is in doubt whether `before`, or what is called off, was told: what had been told before that."""
    told_by_others: bool = False
    """`before` is what was so at go-live: whatever calendar entry there is was not made by a mail of ours."""
    in_doubt: bool = False
    """Nobody knows whether the last mail about it arrived."""
    session_cancelled: bool = False
    is_ahead: bool = True
    """Whether what it says, or calls off, is still to come."""
    given_up: bool = False
    """The very mail that would tell it has been given up: nothing of what it was made of has changed since."""
    waits_for_enrolment: bool = False
    """It would tell of a place that enrolment may be about to take back: it has not been heard about this statement of the
    session yet."""

    @property
    def can_be_told(self) -> bool:
        return not self.given_up and not self.waits_for_enrolment


def difference(told: Told | None, truth: Truth, *, now: dt.datetime) -> Difference | None:
    """What is true and was not told. Before go-live others told people what was true then.

    Decided until the session is over, as it is true and as it was told: who believes that it takes place next week has to
    know that it took place yesterday.
    """
    place, session = truth.place, truth.session
    if place is None or session is None:
        return None
    content = session.content if place.state == Standing.ENROLLED and session.state == SCHEDULED else None
    believed = _believed(told, truth.known_before, place)
    found = _told_otherwise(believed, truth, session, content, now)
    if found is None:
        return None
    given_up = (
        told is not None
        and told.given_up == (content or NO_PLACE)
        and is_the_same(told.given_up_for, truth.made_of)
    )  # fmt: skip
    return replace(
        found,
        is_ahead=now < found.says.ends_at,
        told_by_others=believed is not told and found.before is not None,
        in_doubt=believed.state == Belief.MAYBE,
        given_up=given_up,
        waits_for_enrolment=content is not None and not truth.settled,
    )


def missed(told: Told | None, truth: Truth, *, since: dt.datetime) -> Difference | None:
    """What somebody had to be told while it was of use, and was not: at the last moment, as it was known then.

    Nothing that ended before go-live, nor what was said of it afterwards, nor what has been given up already.
    """
    place, session = truth.place, truth.session
    if place is None or session is None:
        return None
    believed = _believed(told, truth.known_before, place)
    end = max(session.ends_at, believed.ends_at or session.ends_at)
    if end <= since or place.heard_at >= end or session.heard_at >= end:
        return None
    found = difference(told, truth, now=end - dt.timedelta(microseconds=1))
    return None if found is None or believed.given_up == (found.says.hash or NO_PLACE) else found


def _believed(told: Told | None, known: Session | None, place: Place) -> Told:
    """What the person was told, by us, or else by others before go-live. Of those who were not told because it was given up
    others' word still stands."""
    told = told or nothing_yet(place.person_id, place.session_id)
    if told.said is not None or known is None or known.state != SCHEDULED:
        return told
    said = said_of(known, known.content)
    return replace(told, state=Belief.YES, content=known.content, said=said, ends_at=known.ends_at)


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
        called_off = (before or true_now(truth, None)).model_copy(update={"hash": None})
        is_cancelled = session.state == CANCELLED
        return Difference(NoticeKind.CANCELLATION, called_off, certain=certain, session_cancelled=is_cancelled)
    # At another address nothing is known that could change: whoever reads it gets the whole, and an entry of their own.
    if elsewhere:
        return Difference(NoticeKind.CONFIRMATION, true_now(truth, content))
    # Nor is it a change to whoever was told last, or may have been, that there is no place any more.
    if told.content is None or (told.said is not None and told.said.hash is None):
        return Difference(NoticeKind.CONFIRMATION, true_now(truth, content), certain=certain)
    return Difference(NoticeKind.CHANGE, true_now(truth, content), before=before, certain=certain)


def true_now(truth: Truth, content: str | None) -> Content:
    assert truth.session is not None
    return said_of(truth.session, content).model_copy(update={"city_name": truth.city_name})


def said_of(session: Session, content: str | None) -> Content:
    """What a mail says of this state of a session. The names that it uses follow with the language."""
    return Content(
        hash=content,
        topic=session.topic,
        city_id=session.city_id,
        venue=session.venue,
        address=session.address,
        meetings=session.meetings,
    )
