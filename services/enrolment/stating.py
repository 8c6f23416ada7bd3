"""How a place is stated: what a new fact about it carries on from before, and what it says anew. Pure; decides nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.enrolment.state import Place, Session
from shared.contracts.answers import CalendarAnswered
from shared.contracts.enrolment import (
    FACT_OF,
    AskedFor,
    EnrolmentRefused,
    PlaceState,
    RefusalReason,
    Standing,
    what_it_asks,
)
from shared.contracts.office import OfficeDecision
from shared.contracts.portal import EnrolmentRequest, OfferAnswer, Reply
from shared.events.envelope import Heard, digest_of
from shared.values import immutable

CARRIED = (
    "city_id",
    "episode",
    "basis",
    "queue",
    "place_asked_at",
    "withdrawal_asked_at",
    "last_asked_for",
    "last_asked_at",
    "priority",
    "queued_at",
    "offered_at",
    "offered_until",
    "last_offered_at",
    "last_offer_ended_at",
    "reply",
    "replied_at",
    "replied_for",
    "clashes_with",
    "nomination_id",
    "substitute_for",
    "substituted_by",
    "had",
    "withdrawn_at",
)
"""What stays as it is in a new fact, unless that says otherwise."""
NO_OFFER: dict[str, Any] = {"offered_at": None, "offered_until": None}
NO_REPLY: dict[str, Any] = {"reply": Reply.NONE, "replied_at": None, "replied_for": None}


@immutable
class Asked:
    """Which request a fact answers, and what it asked."""

    source: str
    id: str
    digest: str
    at: dt.datetime
    """When it was appended."""
    asked_for: AskedFor = AskedFor.PLACE
    in_time: bool = False
    """Whether the session lay ahead then. Else it changes nothing, and is no later word than one that came in time."""
    decided_by: str | None = None
    note: str | None = None
    """Who of the office has decided it, and why."""

    @classmethod
    def by(cls, heard: Heard[EnrolmentRequest | CalendarAnswered | OfficeDecision]) -> Asked:
        return cls(heard.source, heard.event_id, digest_of(heard.body), heard.appended_at, what_it_asks(heard.body))

    def sent(self, at: dt.datetime, *, in_time: bool) -> Asked:
        """As of the moment when it was sent. By hand: `replace` takes three times as long."""
        return Asked(self.source, self.id, self.digest, at, self.asked_for, in_time, self.decided_by, self.note)


def carried(place: Place) -> dict[str, Any]:
    """All that a fact says of a place that stands as it stood; of one that is withdrawn also since when, if the fact before did not say it."""
    fields = {name: getattr(place, name) for name in CARRIED}
    if place.state is Standing.WITHDRAWN:
        fields["withdrawn_at"] = place.out_since
    return {"session_id": place.session_id, "person_id": place.person_id, **fields}


def offer_over(place: Place, ended_at: dt.datetime) -> dict[str, Any]:
    """That what was on offer to them is no longer: what they had sent by then, and by its deadline, was about that."""
    if place.offered_at is None:
        return {}
    ended_at = min(ended_at, place.offered_until or ended_at)
    return {**NO_OFFER, "last_offered_at": place.offered_at, "last_offer_ended_at": ended_at}


def anew(before: Place | None) -> dict[str, Any]:
    """Of who comes in anew nothing of an offer before that is kept but when they let one go: a priority from before that has ended with it."""
    return {"last_offered_at": None, "last_offer_ended_at": before.let_go_at if before is not None else None}


def by_statement(session: Session) -> dict[str, Any]:
    """By which statement of the session a fact was decided, should somebody ask."""
    return {"session_event_id": session.event_id, "session_version": session.version}


def answering(asked: Asked | None) -> dict[str, Any]:
    """That a fact answers this request."""
    if asked is None:
        return {}
    return {
        "request_source": asked.source,
        "request_id": asked.id,
        "request_digest": asked.digest,
        "asked_for": asked.asked_for,
        "asked_at": asked.at,
        "decided_by": asked.decided_by,
        "note": asked.note,
    }


def asked_at(place: Place | None, wants: AskedFor, asked: Asked | None) -> dict[str, Any]:
    """When the newest requests about a place were appended, this one among them: the person `wants` a place, or a withdrawal."""
    times: dict[str, Any] = {
        "place_asked_at": place.place_asked_at if place else None,
        "withdrawal_asked_at": place.withdrawal_asked_at if place else None,
        "last_asked_for": place.last_asked_for if place else None,
        "last_asked_at": place.last_asked_at if place else None,
    }
    if asked is not None and asked.asked_for.is_a_word:
        if asked.in_time:
            times[f"{wants}_asked_at"] = max(asked.at, times[f"{wants}_asked_at"] or asked.at)
        if times["last_asked_at"] is None or asked.at >= times["last_asked_at"]:
            times |= {"last_asked_for": wants, "last_asked_at": asked.at}
    return times


def placed(standing: Standing, fields: dict[str, Any]) -> PlaceState:
    """The fact that somebody has a place, is offered one, or waits."""
    kind = _OF_SOMEBODY_IN.get(standing)
    if kind is None:
        raise ValueError(f"{standing} is no standing of somebody in a session")
    return kind(**fields)


_OF_SOMEBODY_IN = {standing: kind for standing, kind in FACT_OF.items() if standing.is_active}


def refuse(
    session_id: str,
    person_id: str,
    place: Place | None,
    wants: AskedFor,
    reason: RefusalReason,
    asked: Asked,
    decided_at: dt.datetime,
    other_session_id: str | None = None,
    *,
    is_own_word: bool = True,
    answered: OfferAnswer | None = None,
) -> EnrolmentRefused:
    """A refusal that leaves the place as it stands. `other_session_id`: the session in which the person has a place instead.
    `is_own_word`: whether it was asked as the person themselves would ask. `answered`: what, if it was the answer to an offer."""
    before = carried(place) if place else {"session_id": session_id, "person_id": person_id, "episode": 0}
    return EnrolmentRefused(
        **{
            **before,
            **answering(asked),
            **asked_at(place, wants, asked if is_own_word else None),
            "asked_for": asked.asked_for,
            "decided_at": decided_at,
            "reason": reason,
            "standing": place.state if place else Standing.NONE,
            "withdrawn_for": place.reason if place else None,
            "other_session_id": other_session_id,
            "answered": answered,
        }
    )
