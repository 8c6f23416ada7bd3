"""Seats: who has one and who waits, once it is clear who leaves and who comes. Pure arithmetic on places; knows no rule about people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from services.enrolment.state import Place, Session
from shared.contracts.enrolment import (
    LAST_EPISODE,
    LAST_NUMBER,
    AskedFor,
    Basis,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceState,
    Standing,
    WithdrawalReason,
)
from shared.events.envelope import Heard, digest_of
from shared.values import immutable


@immutable
class Asked:
    """Which request a fact answers, and what it asked."""

    source: str
    id: str
    digest: str
    at: dt.datetime
    """When it was appended."""
    in_time: bool = False
    """Whether the session lay ahead then. Else it changes nothing, and is no later word than one that came in time."""

    @classmethod
    def by(cls, heard: Heard[Any]) -> Asked:
        return cls(heard.source, heard.event_id, digest_of(heard.body), heard.appended_at)


@immutable
class Entry:
    """Someone who comes into a session; or back into it, `returning` to the place that a rule had taken."""

    person_id: str
    city_id: str
    basis: Basis | None
    asked: Asked | None = None
    returning: Place | None = None


@immutable
class Leave:
    """Why someone leaves a session."""

    reason: WithdrawalReason
    asked: Asked | None = None
    said_at: dt.datetime | None = None
    """When they had said so, if nothing could come of it then."""


def settle(
    session: Session,
    places: Sequence[Place],
    *,
    leaving: Mapping[str, Leave],
    entering: Sequence[Entry],
    decided_at: dt.datetime,
    restated: Mapping[str, str] | None = None,
    seats: int | None = None,
    all_stay: bool = False,
) -> list[PlaceState]:
    """Who has a place and who waits, after these leave and those come: one fact for each place that changes.

    Nobody who has a place loses it to someone who waits or returns. Free seats go by the number of arrival, and whoever
    returns has their old one. If the session shrank, those who came last wait again, unless `all_stay`: of a session that has
    begun a smaller room takes nobody's place. `restated`: for which other town someone has the place now.
    """
    towns = restated or {}
    by_person = {place.person_id: place for place in places}
    facts: list[PlaceState] = []
    for person_id, leave in leaving.items():
        fields = _place_fields(by_person[person_id], leave.asked, decided_at)
        fields["withdrawal_asked_at"] = leave.said_at or fields["withdrawal_asked_at"]
        facts.append(EnrolmentWithdrawn(reason=leave.reason, **fields))
    staying = sorted(
        (place for place in places if place.is_active and place.person_id not in leaving),
        key=lambda place: (place.queue or 0, place.person_id),
    )
    holders = [place for place in staying if place.state.has_seat]
    most = session.capacity if seats is None else seats
    if all_stay:
        most = max(most, len(holders))
    number = max((place.queue or 0 for place in places), default=0)
    line: list[tuple[int, str, dict[str, Any]]] = []
    for place in staying:
        fields = _place_fields(place, None, decided_at)
        fields["city_id"] = towns.get(place.person_id, place.city_id)
        line.append((place.queue or 0, place.person_id, fields))
    for entry in entering:
        if entry.returning is None:
            number = min(number + 1, LAST_NUMBER)  # Whatever number an archive gave somebody.
            fields = _new_place(session, entry, by_person.get(entry.person_id), number, decided_at)
        else:
            fields = _place_fields(entry.returning, None, decided_at) | {"city_id": entry.city_id}
        line.append((fields["queue"] or 0, entry.person_id, fields))
    line.sort(key=lambda one: one[:2])
    seated = {place.person_id for place in holders[:most]}
    free = most - len(seated)
    for _, person_id, fields in line:
        if person_id not in seated and free > 0:
            seated.add(person_id)
            free -= 1
        standing = Standing.ENROLLED if person_id in seated else Standing.WAITLISTED
        if fields["queue"] is None and standing == Standing.WAITLISTED:
            fields["queue"] = 0  # Nobody numbered them, of an archive: they were there before the first.
        before = by_person.get(person_id)
        if before is None or (before.state, before.city_id) != (standing, fields["city_id"]):
            facts.append(_placed(standing, fields))
    return facts


def asked_at(place: Place | None, asked_for: AskedFor, asked: Asked | None) -> dict[str, Any]:
    """When the newest requests about a place were appended, this one among them."""
    times: dict[str, Any] = {
        "place_asked_at": place.place_asked_at if place else None,
        "withdrawal_asked_at": place.withdrawal_asked_at if place else None,
        "last_asked_for": place.last_asked_for if place else None,
        "last_asked_at": place.last_asked_at if place else None,
    }
    if asked is not None:
        if asked.in_time:
            times[f"{asked_for}_asked_at"] = max(asked.at, times[f"{asked_for}_asked_at"] or asked.at)
        if times["last_asked_at"] is None or asked.at >= times["last_asked_at"]:
            times |= {"last_asked_for": asked_for, "last_asked_at": asked.at}
    return times


def _place_fields(place: Place, asked: Asked | None, decided_at: dt.datetime) -> dict[str, Any]:
    return {
        "session_id": place.session_id,
        "person_id": place.person_id,
        "city_id": place.city_id,
        "episode": place.episode,
        "basis": place.basis,
        "queue": place.queue,
        **_answering(asked),
        "decided_at": decided_at,
        **asked_at(place, AskedFor.WITHDRAWAL, asked),
    }


def _new_place(
    session: Session, entry: Entry, before: Place | None, number: int, decided_at: dt.datetime
) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "person_id": entry.person_id,
        "city_id": entry.city_id,
        "episode": min((before.episode if before else 0) + 1, LAST_EPISODE),
        "basis": entry.basis,
        "queue": number,
        **_answering(entry.asked),
        "decided_at": decided_at,
        **asked_at(before, AskedFor.PLACE, entry.asked),
    }


def _answering(asked: Asked | None) -> dict[str, Any]:
    if asked is None:
        return {}
    return {"request_source": asked.source, "request_id": asked.id, "request_digest": asked.digest}


def _placed(standing: Standing, fields: dict[str, Any]) -> PlaceState:
    return (ParticipantEnrolled if standing == Standing.ENROLLED else ParticipantWaitlisted)(**fields)
