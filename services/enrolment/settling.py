"""Seats: who has one, who is offered one and who waits, once it is clear who leaves and who comes. Pure arithmetic on places; knows no
rule about people."""

from __future__ import annotations

import datetime as dt
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from services.enrolment.state import Place, Session, in_line
from services.enrolment.stating import (
    CARRIED,
    NO_OFFER,
    NO_REPLY,
    Asked,
    anew,
    answering,
    asked_at,
    by_statement,
    carried,
    offer_over,
    placed,
)
from shared.contracts.enrolment import (
    LAST_EPISODE,
    LAST_NUMBER,
    AskedFor,
    Basis,
    EnrolmentWithdrawn,
    Numbers,
    PlaceState,
    Standing,
    WithdrawalReason,
)
from shared.contracts.portal import Reply
from shared.values import immutable


@immutable
class Room:
    """What a session has to give."""

    seats: int
    per_town: int | None = None
    """How many of one town may have one."""
    offered_until: dt.datetime | None = None
    """How long a seat is held for somebody who waited, while they are asked; None: it is theirs at once."""
    is_given: bool = True
    """Whether free seats are given now: not of a session that begins too soon."""
    is_open: bool = True
    """Whether the session takes place: else nothing is given, and offers end without anybody's fault."""

    def numbers(self, taken: Mapping[str | None, int], city_id: str | None) -> Numbers:
        """What a fact says of it about somebody of a town, once so many of each town have a seat."""
        of_town, are_given = taken.get(city_id, 0), self.is_given and self.is_open
        return _stated(self.seats, sum(taken.values()), self.per_town, of_town, are_given)


@functools.lru_cache(maxsize=1024)
def _stated(seats: int, taken: int, places_per_town: int | None, taken_by_town: int, are_given: bool) -> Numbers:
    """Remembered, because they are the same for all of a town who find nothing free."""
    return Numbers(
        seats=seats, taken=taken, places_per_town=places_per_town, taken_by_town=taken_by_town, are_given=are_given
    )


@immutable
class Entry:
    """Someone who comes into a session; or back into it, `returning` to the place that a rule had taken."""

    person_id: str
    city_id: str | None
    basis: Basis | None
    since: dt.datetime | None = None
    """From when on they are in line."""
    asked: Asked | None = None
    returning: Place | None = None
    regains: bool = False
    """Whether they had a seat that nobody can have got since: they have it again also when none is given any more."""
    clashes_with: tuple[str, ...] = ()
    """The sessions at the same time of day in which they have a place."""
    nomination_id: str | None = None
    """The nomination that named them: its answer is for all whom it names."""


@immutable
class Leave:
    """Why someone leaves a session."""

    reason: WithdrawalReason
    asked: Asked | None = None
    said_at: dt.datetime | None = None
    """When they had said so, if nothing could come of it then."""
    reply: Reply | None = None
    """What they replied, if it was a reply."""


@immutable
class InLine:
    """Somebody who is in the session: how they stood, and what a fact would say of them."""

    before: Place | None
    fields: dict[str, Any]
    standing: Standing | None
    """None: they come just now, and have nothing yet."""
    regains: bool = False

    @property
    def is_extra(self) -> bool:
        """Whether the office gave the place beside the rules."""
        return bool(self.fields["basis"] == Basis.OFFICE)

    @property
    def order(self) -> tuple[int, dt.datetime, int, str]:
        fields = self.fields
        return in_line(fields["priority"], fields["queued_at"], fields["queue"], fields["person_id"])


def settle(
    session_id: str,
    places: Sequence[Place],
    room: Room,
    *,
    decided_at: dt.datetime,
    leaving: Mapping[str, Leave] | None = None,
    entering: Sequence[Entry] = (),
    changing: Mapping[str, Mapping[str, Any]] | None = None,
    to_the_end: Mapping[str, Asked | None] | None = None,
) -> list[PlaceState]:
    """Who has a place, is offered one and waits, after these leave and those come: one fact for each place that changes.

    Nobody who has a seat loses it, also if there are fewer seats now. Free ones go down the line, to the first for whom there is one:
    in all, and for their town. Who has a place elsewhere at the same time is passed over; whom the office gave a place beside the rules
    is counted nowhere. `changing`: what else is to be said of somebody's place now, such as another town. `to_the_end`: who
    leaves an offer and waits on behind all others, by which answer.
    """
    leaving, changing, to_the_end = leaving or {}, changing or {}, to_the_end or {}
    by_person = {place.person_id: place for place in places}
    line: list[InLine] = []
    for place in places:
        if place.is_active and place.person_id not in leaving:
            fields, standing = {**carried(place), **changing.get(place.person_id, {})}, place.state
            if standing is Standing.OFFERED and not room.is_open:
                fields, standing = fields | offer_over(place, decided_at), Standing.WAITLISTED
            if place.person_id in to_the_end:
                asked = to_the_end[place.person_id]
                said = {**answering(asked), **asked_at(place, AskedFor.PLACE, None)}
                last = {"queued_at": decided_at, "queue": _numbers(places, 1), "priority": 0}
                over = offer_over(place, min(decided_at, asked.at) if asked else decided_at)
                # What they confirmed was a place that they had before.
                fields, standing = {**fields, **over, **NO_REPLY, **said, **last}, Standing.WAITLISTED
            line.append(InLine(place, fields, standing))
    line += _coming(session_id, places, entering)
    line.sort(key=lambda one: one.order)
    standings = _seated(line, room)
    taken = Counter(
        one.fields["city_id"]
        for one, standing in zip(line, standings, strict=True)
        if standing.takes_seat and not one.is_extra
    )
    facts: list[PlaceState] = []
    for person_id, leave in leaving.items():
        place = by_person[person_id]
        facts.append(left(place, leave, decided_at, numbers=room.numbers(taken, place.city_id)))
    for one, standing in zip(line, standings, strict=True):
        fields = one.fields | _on_offer(one, standing, room, decided_at)
        if fields["queue"] is None and standing != Standing.ENROLLED:
            fields["queue"] = 0  # Nobody numbered them, of an archive: they were there before the first.
        if _is_news(one.before, standing, fields):
            by = room.numbers(taken, fields["city_id"])
            facts.append(placed(standing, fields | {"numbers": by, "decided_at": decided_at}))
    return facts


def settle_one(
    session: Session,
    before: Place | None,
    entry: Entry,
    standing: Standing,
    number: int,
    decided_at: dt.datetime,
    *,
    numbers: Numbers,
) -> PlaceState:
    """One more comes, and nobody else moves."""
    fields = _fields_of(session.session_id, entry, before, number)
    return placed(standing, fields | by_statement(session) | {"numbers": numbers, "decided_at": decided_at})


def has_seat_for(city_id: str | None, taken: Mapping[str | None, int], room: Room) -> bool:
    """Whether there is a seat, in all and of the town's share, while so many of each town have one."""
    is_shared = room.per_town is None or taken.get(city_id, 0) < room.per_town
    return room.is_given and room.is_open and sum(taken.values()) < room.seats and is_shared


def _seated(line: Sequence[InLine], room: Room) -> list[Standing]:
    """How everybody in line stands once the free seats are given."""
    holders = [one for one in line if not one.is_extra and one.standing is not None and one.standing.takes_seat]
    free = room.seats - len(holders) if room.is_open else 0
    of_town = Counter(one.fields["city_id"] for one in holders)
    most = room.per_town if room.per_town is not None else room.seats
    found = []
    for one in line:
        standing = Standing.ENROLLED if one.is_extra else one.standing
        if standing is None or not standing.takes_seat:
            city_id = one.fields["city_id"]
            waited = standing is Standing.WAITLISTED
            standing = Standing.WAITLISTED
            is_given = room.is_given or one.regains
            if is_given and free > 0 and of_town[city_id] < most and not one.fields["clashes_with"]:
                free -= 1
                of_town[city_id] += 1
                standing = Standing.OFFERED if waited and room.offered_until is not None else Standing.ENROLLED
        found.append(standing)
    return found


def _on_offer(one: InLine, standing: Standing, room: Room, now: dt.datetime) -> dict[str, Any]:
    if standing is Standing.OFFERED and one.standing is not Standing.OFFERED:
        return {"offered_at": now, "offered_until": room.offered_until}
    return {} if standing is Standing.OFFERED else NO_OFFER


def _is_news(before: Place | None, standing: Standing, fields: Mapping[str, Any]) -> bool:
    return before is None or before.state != standing or any(getattr(before, name) != fields[name] for name in CARRIED)


def left(
    place: Place,
    leave: Leave,
    decided_at: dt.datetime,
    *,
    substituted_by: str | None = None,
    numbers: Numbers | None = None,
) -> EnrolmentWithdrawn:
    """The fact that somebody is out of the session."""
    wants = AskedFor.WITHDRAWAL
    said_at = leave.asked.at if leave.asked else leave.said_at or decided_at
    fields = {
        **carried(place),
        **offer_over(place, said_at),
        "clashes_with": (),
        **answering(leave.asked),
        **asked_at(place, wants, leave.asked),
        "substituted_by": substituted_by,
        "numbers": numbers,
        "had": place.state if place.is_active else place.had,
        "withdrawn_at": decided_at if place.is_active else place.out_since,
        "decided_at": decided_at,
        "reason": leave.reason,
    }
    if not leave.reason.is_given_back:
        fields["priority"] = 0  # It was of this place in line, and has ended with it, or has gone on with it.
    if leave.said_at is not None:
        fields["withdrawal_asked_at"] = leave.said_at
    if leave.reply is not None:
        fields |= {"reply": leave.reply, "replied_at": leave.asked.at if leave.asked else decided_at}
    return EnrolmentWithdrawn(**fields)


def _coming(session_id: str, places: Sequence[Place], entering: Sequence[Entry]) -> list[InLine]:
    """Those who come, numbered behind all who ever came."""
    by_person = {place.person_id: place for place in places}
    number, found = 0, list[InLine]()
    for entry in entering:
        before = by_person.get(entry.person_id)
        standing = None
        if entry.returning is not None:
            fields = carried(entry.returning) | {"city_id": entry.city_id, "clashes_with": entry.clashes_with}
            had, fields["had"], fields["withdrawn_at"] = fields["had"], None, None
            # Whoever waited, or was asked whether they come, does not get by having been out what others before them wait for.
            standing = Standing.WAITLISTED if had is not None and had.is_pending else None
        else:
            number += 1
            fields = _fields_of(session_id, entry, before, _numbers(places, number))
        found.append(InLine(before, fields, standing, entry.regains))
    return found


def _fields_of(session_id: str, entry: Entry, before: Place | None, number: int) -> dict[str, Any]:
    """All that is said of somebody who comes anew."""
    return {
        "session_id": session_id,
        "person_id": entry.person_id,
        "city_id": entry.city_id,
        "episode": min((before.episode if before else 0) + 1, LAST_EPISODE),
        "basis": entry.basis,
        "queue": number,
        "nomination_id": entry.nomination_id,
        "substitute_for": None,
        "substituted_by": None,
        "had": None,
        "withdrawn_at": None,
        **({} if entry.nomination_id else answering(entry.asked)),
        **asked_at(before, AskedFor.PLACE, entry.asked),
        "priority": before.priority if before is not None else 0,
        "queued_at": entry.since,
        **NO_OFFER,
        **anew(before),
        **NO_REPLY,
        "clashes_with": entry.clashes_with,
    }


def _numbers(places: Sequence[Place], number: int) -> int:
    """The number of arrival of the first, second … who comes now."""
    before = max((place.queue or 0 for place in places), default=0)
    return min(before + number, LAST_NUMBER)  # Whatever number an archive gave somebody.
