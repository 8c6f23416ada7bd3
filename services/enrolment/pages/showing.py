"""What the page of a place shows, and what may be done there. Pure: from rows to values; the words stand in place.html."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import assert_never

from services.enrolment.eligibility import may_ask
from services.enrolment.state import Person, Place, Session
from shared.alphabet import is_named
from shared.contracts.enrolment import AskedFor, Basis, RefusalReason, Standing, WithdrawalReason
from shared.contracts.model import Language
from shared.contracts.planner import CODE_FIELD, TaskGiven
from shared.contracts.portal import (
    EnrolmentRequested,
    OfferAnswer,
    OfferAnswered,
    PlaceRequest,
    Reply,
    ReplyGiven,
    WithdrawalRequested,
)
from shared.values import immutable
from shared.web.links import arrangement

_TIMES = 12
"""So much of the digest of the times."""
_VERSION = 2
"""Which part of what was seen tells one statement of the place from another, which may say the same."""


class Time(StrEnum):
    """How a session lies to the moment at which its page is opened."""

    AHEAD = "ahead"
    BEGUN = "begun"
    OVER = "over"
    CANCELLED = "cancelled"


class Act(StrEnum):
    """What a person may do on the page of their place. Each is a request that is decided as if it came over the API or from Kafka."""

    GIVE_BACK = "give_back"
    ASK_AGAIN = "ask_again"
    CONFIRM = "confirm"
    ACCEPT = "accept"
    DECLINE = "decline"


@immutable
class Found:
    """All that is known about one person's place in one session."""

    session: Session
    place: Place | None
    person: Person | None
    topic_names: dict[Language, str]
    city_name: str | None
    ahead: int
    """How many wait before them."""
    waits_for_answer: AskedFor | None
    """What they asked for and is held until more is known."""
    announced_at: dt.datetime
    """When the session was first heard of."""
    refused: RefusalReason | None = None
    """Why the newest of their own requests was turned down."""
    is_erased: bool = False
    """Whether the human is, under whichever id."""
    is_under_another_id: bool = False
    """Whether what the human has here is under another id of theirs, and nothing under this."""

    @property
    def gives_until(self) -> dt.datetime:
        return self.session.gives_until(self.announced_at)


@immutable
class Shown:
    """The page of a place."""

    session: Session
    time: Time
    standing: Standing
    given_up_for: WithdrawalReason | None
    refused_for: RefusalReason | None
    reply: Reply
    offered_until: dt.datetime | None
    ahead: int
    waits_for_answer: AskedFor | None
    decided_at: dt.datetime | None
    topic: str
    city_name: str | None
    name: str
    pre_test: TaskGiven | None
    """What whoever has the place is asked to fill in before it begins, as long as there is time for it."""
    has_changed: bool
    """Time or place are others than the mail told that led here."""
    acts: tuple[Act, ...]
    may_ask_again: bool
    """Whether a place may be asked for here, once this one is given back."""
    are_given: bool
    """Whether a place that becomes free goes to whoever waits."""
    is_extra: bool
    """Whether the office gave it beside the rules: nobody waits for it."""
    opens_at: dt.datetime | None
    """When enrolment opens, if that is still to come."""
    is_elsewhere: bool
    """Whether the person has a place in another training at that time."""
    seen: str
    """How the place stood on the page from which something is asked: what is asked of another standing is not done."""

    @property
    def pre_test_link(self) -> str | None:
        """Where that is, if it is the same for everybody."""
        return self.pre_test.link if self.pre_test is not None and CODE_FIELD not in self.pre_test.link else None

    @property
    def is_live(self) -> bool:
        """Whether it may change while somebody looks at it."""
        is_waiting = self.standing.is_pending or self.waits_for_answer is not None
        return is_waiting and self.time is Time.AHEAD

    @property
    def glance(self) -> str:
        """The same while there is nothing new to see."""
        return f"{self.seen}.{self.ahead}.{self.session.version}.{self.time}.{self.waits_for_answer or ''}"


def shown(found: Found, *, language: Language, arranged: str, now: dt.datetime) -> Shown:
    """The page as it is at this moment, for a reader whose mail told this arrangement."""
    session, place = found.session, found.place
    opens_at = session.terms.opens_at
    names = (found.person.given_name, found.person.family_name) if found.person else ()
    return Shown(
        session=session,
        time=time_of(session, now),
        standing=place.state if place else Standing.NONE,
        given_up_for=given_up_for(found),
        refused_for=None if found.is_under_another_id else found.refused,
        reply=Reply(place.reply) if place else Reply.NONE,
        offered_until=place.offered_until if place else None,
        ahead=found.ahead,
        waits_for_answer=found.waits_for_answer,
        decided_at=place.decided_at if place else None,
        topic=found.topic_names.get(language) or session.topic,
        city_name=found.city_name if not _is_said(found.city_name, session) else None,
        name=" ".join(name for name in names if name),
        pre_test=pre_test_of(session, place, now),
        has_changed=arranged != arrangement(session.venue, session.address, session.meetings),
        acts=acts_of(found, now),
        may_ask_again=may_ask_again(found, now),
        are_given=session.state.takes_place and now < found.gives_until,
        is_extra=place is not None and place.basis is Basis.OFFICE,
        opens_at=opens_at if opens_at is not None and now < opens_at else None,
        is_elsewhere=place is not None and bool(place.clashes_with),
        seen=seen_of(place, session),
    )


def time_of(session: Session, now: dt.datetime) -> Time:
    if not session.state.takes_place:
        return Time.CANCELLED
    if now >= session.ends_at:
        return Time.OVER
    return Time.BEGUN if now >= session.starts_at else Time.AHEAD


def pre_test_of(session: Session, place: Place | None, now: dt.datetime) -> TaskGiven | None:
    """With until when. A link with a field for a code is each person's own: only their mails have it."""
    given = session.details.pre_test
    if given is None or place is None or not place.state.has_seat or not session.state.takes_place:
        return None
    until = min(given.until or session.starts_at, session.starts_at)
    return given.model_copy(update={"until": until}) if now < until else None


def acts_of(found: Found, now: dt.datetime) -> tuple[Act, ...]:
    """What may be done now. What a rule took is given back by itself: nobody asks for it. Whoever is in the session, however they stand there,
    may be so no longer; an offer is answered."""
    place, session = found.place, found.session
    if found.is_under_another_id:
        return ()  # Nothing that is done for that one would be seen here.
    if place is None or found.waits_for_answer or time_of(session, now) is not Time.AHEAD:
        return ()
    if place.state is Standing.NONE:
        return ()
    if place.state is Standing.OFFERED:
        return (Act.ACCEPT, Act.DECLINE) if _holds(place, now) else ()
    if not place.is_active:
        return (Act.ASK_AGAIN,) if may_ask_again(found, now) else ()
    is_asked = place.state.has_seat and place.reply != Reply.CONFIRMED and now < found.gives_until
    return (Act.CONFIRM, Act.GIVE_BACK) if is_asked else (Act.GIVE_BACK,)


def given_up_for(found: Found) -> WithdrawalReason | None:
    """Why the place is given up, as far as that is so still: whose two ids are two humans after all has no other entry with a place."""
    if found.is_under_another_id:
        return WithdrawalReason.MERGED
    reason = found.place.reason if found.place else None
    is_apart = found.person is not None and found.person.merged_into is None
    if reason is not WithdrawalReason.MERGED or not is_apart:
        return reason
    return WithdrawalReason.REMOVED_BY_OFFICE if found.place is not None and found.place.is_removed else None


def may_ask_again(found: Found, now: dt.datetime) -> bool:
    """Whether a place may be asked for here: once more, or once this one is given back."""
    session, place = found.session, found.place
    reason = WithdrawalReason.REQUESTED if place is None or place.is_active else given_up_for(found)
    return may_ask(session.terms, session.kind, place, reason, now, until=found.gives_until)


def _holds(place: Place, now: dt.datetime) -> bool:
    """Whether an offer has not ended."""
    return place.offered_until is not None and now < place.offered_until


def seen_of(place: Place | None, session: Session) -> str:
    stands = (place.episode, place.state, place.version) if place else (0, Standing.NONE, 0)
    return ".".join(map(str, (*stands, session.times[:_TIMES])))


def is_as_seen(seen: str, place: Place | None, session: Session) -> bool:
    """Whether it still is as on the page that was looked at: the same life of the place, with the same standing, at the same times. Nobody has
    confirmed for other times than they read there."""
    return _what_counts(seen) == _what_counts(seen_of(place, session))


def _what_counts(seen: str) -> list[str]:
    return [part for number, part in enumerate(seen.split(".")) if number != _VERSION]


def request_of(act: Act, session_id: str, person_id: str) -> PlaceRequest:
    """What is asked for by it."""
    match act:
        case Act.GIVE_BACK:
            return WithdrawalRequested(session_id=session_id, person_id=person_id)
        case Act.ASK_AGAIN:
            return EnrolmentRequested(session_id=session_id, person_id=person_id)
        case Act.CONFIRM:
            return ReplyGiven(session_id=session_id, person_id=person_id, reply=Reply.CONFIRMED)
        case Act.ACCEPT:
            return OfferAnswered(session_id=session_id, person_id=person_id, answer=OfferAnswer.ACCEPT)
        case Act.DECLINE:
            return OfferAnswered(session_id=session_id, person_id=person_id, answer=OfferAnswer.DECLINE)
        case never:
            assert_never(never)


def request_id(act: Act, session_id: str, seen: str) -> str:
    """The same for the same button on the same page: pressed twice, it is one request."""
    return f"page.{act}.{session_id}.{seen}"


def _is_said(city_name: str | None, session: Session) -> bool:
    """Whether the venue or its address names the town already."""
    return city_name is not None and is_named(city_name, f"{session.venue}, {session.address or ''}")
