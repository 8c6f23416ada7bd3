"""A witness: hears all that is said to enrolment and all that enrolment says, and knows by itself what must be true of it.

Knows nothing of the product's rows, lines or rules: only the published facts and what the programme office was promised
(docs/office.md). It is slow of thought on purpose, and looks at everything anew after each step.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered, TeamMemberLeft, TeamMembership
from shared.contracts.enrolment import (
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceOffered,
    PlaceState,
    TermsCorrected,
)
from shared.contracts.office import ExtraPlaceRequested
from shared.contracts.planner import (
    SessionCancelled,
    SessionCompleted,
    SessionDrafted,
    SessionState,
)
from shared.contracts.portal import (
    EnrolmentRequested,
    OfferAnswered,
    PeopleNominated,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityOutcome, CityQualified

SEATED = ("ParticipantEnrolled", "PlaceOffered")
IN = (*SEATED, "ParticipantWaitlisted")
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
GIVEN_BACK = ("left_team", "not_in_team", "town_withdrawn", "town_not_qualified", "not_admitted")


@dataclass
class Stand:
    """One person in one session, by the newest fact about them."""

    kind: str
    """The name of the fact that says how they stand; a refusal says how they stood before."""
    fact: PlaceState
    reason: str | None
    refusal: str | None

    @property
    def seated(self) -> bool:
        return self.kind in SEATED

    @property
    def waits(self) -> bool:
        return self.kind == "ParticipantWaitlisted"

    @property
    def is_in(self) -> bool:
        return self.kind in IN

    @property
    def extra(self) -> bool:
        return self.fact.basis == "office"

    @property
    def order(self) -> tuple[Any, ...]:
        return -self.fact.priority, self.fact.queued_at or NEVER, self.fact.queue or 0, self.fact.person_id


NAMES = {
    "enrolled": "ParticipantEnrolled",
    "offered": "PlaceOffered",
    "waitlisted": "ParticipantWaitlisted",
    "withdrawn": "EnrolmentWithdrawn",
    "none": "none",
}


@dataclass
class Witness:
    """What was said to enrolment so far, as far as it has heard it, and what it has said."""

    stages: dict[str, StageOpened] = field(default_factory=dict)
    towns: dict[tuple[str, int], CityOutcome] = field(default_factory=dict)
    members: dict[tuple[str, str, dt.date], TeamMembership] = field(default_factory=dict)
    sessions: dict[str, SessionState] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    into: dict[str, tuple[str, dt.datetime]] = field(default_factory=dict)
    """Who went into whom, and when that was said."""
    newest: dict[str, int] = field(default_factory=dict)
    corrected: dict[str, TermsCorrected] = field(default_factory=dict)
    places: dict[str, dict[str, Stand]] = field(default_factory=lambda: defaultdict(dict))
    words: dict[tuple[str, str], list[tuple[dt.datetime, int, bool, bool, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """What people said of themselves, when: that they will come, or will not; whether the session lay ahead then, and whether it was about an
    offer alone."""
    brought: dict[tuple[str, str], dt.datetime] = field(default_factory=dict)
    """When they wanted somebody who is in by it."""
    named: list[tuple[str, str, dt.datetime]] = field(default_factory=list)
    """Whom a town or the office wanted to be in a session, when."""
    asked: dict[str, Any] = field(default_factory=dict)
    """Requests by id."""
    announced: dict[str, dt.datetime] = field(default_factory=dict)
    """When a session was first heard of as one that takes place."""
    numbers: int = 0
    is_merging: bool = False
    """Whether the last that was heard made two people one: of their places one is kept, whatever became of the other."""

    # --- what is heard ---

    def hears(self, one: Any) -> None:
        """An event of others, under its version; a request when it was sent."""
        body = one.body
        self.numbers += 1
        self.is_merging = False
        match body:
            case PersonRegistered() | PersonMerged() if body.person_id in self.erased:
                return
            case (
                StageOpened()
                | CityOutcome()
                | TeamMembership()
                | SessionState()
                | PersonErased()
                | PersonRegistered()
                | PersonMerged()
            ):
                if one.version <= self.newest.get(one.subject, 0):
                    return
                self.newest[one.subject] = one.version
        match body:
            case StageOpened():
                self.stages[body.rule_id] = body
            case CityOutcome():
                self.towns[body.city_id, body.stage] = body
            case TeamMembership():
                self.members[body.person_id, body.city_id, body.from_date] = body
            case SessionState():
                self.sessions[body.session_id] = body
                if self.takes_place(body.session_id):
                    self.announced.setdefault(body.session_id, one.appended_at)
            case PersonMerged():
                self.is_merging = True
                self.into[body.person_id] = (body.into_person_id, one.appended_at)
            case PersonRegistered():
                self.into.pop(body.person_id, None)
            case PersonErased():
                self.erased.add(body.person_id)
                self.into.pop(body.person_id, None)
        if hasattr(body, "asks_for"):
            self.asked[one.event_id] = one
        match body:
            case PeopleNominated():
                self.named += [(body.session_id, person_id, one.appended_at) for person_id in body.people]
            case SubstitutionRequested():
                self.named.append((body.session_id, body.comes, one.appended_at))
            case ExtraPlaceRequested():
                self.named.append((body.session_id, body.person_id, one.appended_at))

    def _word(self, fact: PlaceState) -> None:
        """What somebody said of themselves counts whatever came of it, once it was answered."""
        asked = self.asked.get(fact.request_id or "")
        if asked is None:
            return
        match asked.body:
            case EnrolmentRequested():
                comes = True
            case WithdrawalRequested():
                comes = False
            case ReplyGiven(reply=reply):
                comes = reply != "declined"
                if comes and isinstance(fact, EnrolmentRefused) and fact.reason == "no_place":
                    return  # There was nothing to be confirmed, and nobody asked for it.
            case OfferAnswered() if not isinstance(fact, EnrolmentRefused):
                comes = not isinstance(fact, EnrolmentWithdrawn)  # Who lets it go may wait on, behind all others.
            case _:
                return
        at, body = asked.appended_at, self.sessions.get(fact.session_id)
        was_ahead = body is not None and (not self.takes_place(fact.session_id) or at < body.starts_at)
        lets_go = isinstance(fact, EnrolmentWithdrawn) and fact.reason == "offer_declined" and fact.reply != "declined"
        self.words[fact.session_id, fact.person_id].append((at, self.numbers, comes, was_ahead, lets_go))

    def told(self, fact: Any) -> None:
        """A fact that enrolment has said."""
        if isinstance(fact, PlaceState):
            self._word(fact)
        match fact:
            case EnrolmentRefused():
                kind, reason = NAMES[fact.standing], fact.withdrawn_for
                stand = Stand(kind, fact, reason, fact.reason)
                self.places[fact.session_id][fact.person_id] = stand
            case EnrolmentWithdrawn():
                self.places[fact.session_id][fact.person_id] = Stand(type(fact).__name__, fact, fact.reason, None)
            case ParticipantEnrolled() | ParticipantWaitlisted() | PlaceOffered():
                self.places[fact.session_id][fact.person_id] = Stand(type(fact).__name__, fact, None, None)
                if fact.basis in ("office", "nomination") or fact.substitute_for is not None:
                    self._brought(
                        fact,
                        (
                            at
                            for of, one, at in self.named
                            if (of, self.human(one)) == (fact.session_id, fact.person_id)
                        ),
                    )
            case TermsCorrected():
                self.corrected[fact.session_id] = fact

    def _brought(self, fact: Any, moments: Iterable[dt.datetime]) -> None:
        key = fact.session_id, fact.person_id
        self.brought[key] = max([*moments, self.brought.get(key, NEVER)])

    # --- what follows from it ---

    def takes_place(self, session_id: str) -> bool:
        return not isinstance(self.sessions[session_id], SessionCancelled | SessionDrafted)

    def is_scheduled(self, session_id: str) -> bool:
        return self.takes_place(session_id) and not isinstance(self.sessions[session_id], SessionCompleted)

    def ahead(self, now: dt.datetime) -> list[str]:
        """The sessions that are to come."""
        return [one for one, body in self.sessions.items() if self.is_scheduled(one) and now < body.starts_at]

    def freezes(self, session_id: str) -> dt.datetime:
        body = self.sessions[session_id]
        return body.starts_at - dt.timedelta(hours=body.freeze_hours)

    def gives_until(self, session_id: str) -> dt.datetime | None:
        """Until when free places are given; None: nobody knew of the session before."""
        freezes, announced = self.freezes(session_id), self.announced.get(session_id)
        return freezes if announced is not None and announced < freezes else None

    def seats(self, session_id: str) -> int:
        body, said = self.sessions[session_id], self.corrected.get(session_id)
        if said is not None and said.capacity is not None and said.planned_capacity == body.capacity:
            return said.capacity
        return body.capacity

    def share(self, session_id: str, now: dt.datetime) -> int:
        body, said = self.sessions[session_id], self.corrected.get(session_id)
        share = body.places_per_town
        if said is not None and said.places_per_town is not None and said.planned_places_per_town == share:
            share = said.places_per_town
        released = body.release_date is not None and now >= dt.datetime.combine(
            body.release_date, dt.time(), dt.timezone(dt.timedelta(hours=1))
        )
        return 10**6 if share is None or released else share

    def qualifies(self, session_id: str, city_id: str) -> bool | None:
        body = self.sessions[session_id]
        phases = (body.admits.phases if body.admits else ()) or (body.phase,)
        stages = [one.stage for one in self.stages.values() if one.phase in phases]
        if body.admits and body.admits.stages:
            stages = [one for one in stages if one in body.admits.stages]
        said = [self.towns[city_id, stage] for stage in stages if (city_id, stage) in self.towns]
        return any(isinstance(one, CityQualified) for one in said) if said else None

    def eligible(self, session_id: str, person_id: str) -> dict[str, bool | None]:
        """The towns for which the person could be there, as members who are meant; whether each takes part."""
        body = self.sessions[session_id]
        first = min(meeting.starts_local for meeting in body.meetings).date()
        last = max(meeting.ends_local for meeting in body.meetings).date()
        found: dict[str, bool | None] = {}
        for member in self.members_of(person_id):
            until = member.until_date if isinstance(member, TeamMemberLeft) else None
            if member.from_date > last or (until is not None and until < first):
                continue
            if body.kind == "supplementary" and member.city_id != body.city_id:
                continue
            who = body.admits
            if who is not None and (
                (who.cities and body.kind == "in_depth" and member.city_id not in who.cities)
                or (who.kinds and member.kind not in who.kinds)
            ):
                continue
            found[member.city_id] = self.qualifies(session_id, member.city_id)
        return found

    def members_of(self, person_id: str) -> list[TeamMembership]:
        return [member for member in self.members.values() if self.human(member.person_id) == person_id]

    def human(self, person_id: str) -> str:
        """Who somebody is: of a circle, whoever was last said to go stays."""
        path = [person_id]
        while path[-1] in self.into:
            into = self.into[path[-1]][0]
            if into in path:
                return max(path[path.index(into) :], key=lambda one: (self.into[one][1], one))
            path.append(into)
        return path[-1]

    def people(self) -> set[str]:
        return {self.human(member.person_id) for member in self.members.values()}

    def gone(self, person_id: str) -> bool:
        return self.human(person_id) in self.erased

    def elsewhere(self, session_id: str, person_id: str) -> tuple[str, ...]:
        mine = self.sessions[session_id]
        found = []
        for other_id, places in self.places.items():
            human = self.human(person_id)
            is_there = any(stand.seated and self.human(one) == human for one, stand in places.items())
            if other_id == session_id or not is_there or other_id not in self.sessions:
                continue
            other = self.sessions[other_id]
            if self.takes_place(other_id) and any(
                one.starts_at < two.ends_at and two.starts_at < one.ends_at
                for one in mine.meetings
                for two in other.meetings
            ):
                found.append(other_id)
        return tuple(sorted(found))

    def had_it_before(self, person_id: str, was: dict[str, Stand]) -> bool:
        """Whether somebody had the seat under another id, who is nobody else."""
        return any(stand.seated and self.human(one) == person_id for one, stand in was.items() if one != person_id)

    def said_no(self, session_id: str, person_id: str) -> bool:
        """Whether the last that was sent of somebody, under any of their ids, is that they do not come, and nobody has brought them in since.
        Who has a seat has not let it go with the offer of another one."""
        start = self.sessions[session_id].starts_at
        stand = self.places[session_id].get(person_id)
        has_seat = stand is not None and stand.kind == "ParticipantEnrolled"
        said = [
            word
            for (of, one), words in self.words.items()
            if of == session_id and (one == person_id or self.human(one) == person_id)
            for word in words
            if (word[3] or word[0] < start) and not (word[4] and has_seat and one != person_id)
        ]
        if not said:
            return False
        at, _, comes, _, _ = max(said)
        return not comes and self.brought.get((session_id, person_id), NEVER) < at


@dataclass
class Before:
    """How everybody stood before a step."""

    places: dict[str, dict[str, Stand]]
    seats: dict[str, int]

    @classmethod
    def of(cls, witness: Witness) -> Before:
        places = {session_id: dict(people) for session_id, people in witness.places.items()}
        return cls(places, {one: witness.seats(one) for one in witness.sessions})


def taken(places: dict[str, Stand], city_id: str | None = None) -> int:
    """How many have one of the seats: in all, or of a town."""
    return sum(stand.seated and not stand.extra and city_id in (None, stand.fact.city_id) for stand in places.values())


def wrong(witness: Witness, now: dt.datetime) -> Iterable[str]:
    """What must not be so, however it came about."""
    for session_id in witness.ahead(now):
        places = witness.places.get(session_id, {})
        for person_id, stand in places.items():
            yield from _wrong_with(witness, session_id, person_id, stand)
            if stand.kind == "PlaceOffered" and stand.fact.offered_until < now - dt.timedelta(hours=1):
                yield f"{person_id} is offered a place in {session_id} until {stand.fact.offered_until}, and that is over"
        yield from _team_forgotten(witness, session_id, places)
        if now < witness.freezes(session_id):
            yield from _waits_in_vain(witness, session_id, places, now)
    for session_id, places in witness.places.items():
        if session_id in witness.sessions and not witness.takes_place(session_id):
            for person_id, stand in places.items():
                if stand.kind == "PlaceOffered":
                    yield f"{session_id} does not take place, and {person_id} is offered a place in it"


def _wrong_with(witness: Witness, session_id: str, person_id: str, stand: Stand) -> Iterable[str]:
    of = f"{person_id} in {session_id}"
    towns = witness.eligible(session_id, person_id)
    if not stand.is_in:
        ruled_out = stand.kind == "EnrolmentWithdrawn" and stand.reason in GIVEN_BACK
        is_sure = any(towns.values()) and not witness.gone(person_id)
        if ruled_out and is_sure and not witness.said_no(session_id, person_id):
            yield f"{of}: the cause of {stand.reason} has gone, and nothing was given back"
        return
    if witness.gone(person_id):
        yield f"{of}: erased, and in"
    if witness.human(person_id) != person_id:
        yield f"{of}: has gone into {witness.human(person_id)}, and is in"
    if witness.said_no(session_id, person_id):
        yield f"{of}: said last that they do not come, and is in"
    if not stand.extra and towns and not any(answer is not False for answer in towns.values()):
        yield f"{of}: in, and no town of theirs takes part"
    if not stand.extra and not towns and witness.members_of(person_id):
        yield f"{of}: in, and a member of no team that is meant"
    sure = [city_id for city_id, answer in towns.items() if answer]
    if not stand.extra and sure and stand.fact.city_id not in towns:
        yield f"{of}: in for {stand.fact.city_id}, and a member of {sure}"
    marks = witness.elsewhere(session_id, person_id)
    if stand.fact.clashes_with != marks:
        yield f"{of}: marked as at {stand.fact.clashes_with}, and is at {marks}"
    if stand.kind == "PlaceOffered":
        offered = (stand.fact.offered_at, stand.fact.offered_until)
        if None in offered or offered[0] > offered[1]:
            yield f"{of}: on offer {offered}"
    elif stand.fact.offered_until is not None:
        yield f"{of}: {stand.kind}, and on offer"


def _team_forgotten(witness: Witness, session_id: str, places: dict[str, Stand]) -> Iterable[str]:
    body = witness.sessions[session_id]
    if body.kind != "supplementary":
        return
    for person_id in sorted(witness.people()):
        stand = places.get(person_id)
        is_out = stand is not None and stand.kind == "EnrolmentWithdrawn" and stand.reason not in GIVEN_BACK
        in_it = stand is not None and stand.is_in
        if is_out or in_it or witness.gone(person_id) or witness.said_no(session_id, person_id):
            continue
        if witness.eligible(session_id, person_id).get(body.city_id):
            yield f"{person_id} is of the team of {session_id}, and not in"


def _waits_in_vain(witness: Witness, session_id: str, places: dict[str, Stand], now: dt.datetime) -> Iterable[str]:
    if taken(places) >= witness.seats(session_id):
        return
    for person_id, stand in places.items():
        of_town = taken(places, stand.fact.city_id) if stand.fact.city_id else 0
        if stand.waits and not stand.fact.clashes_with and of_town < witness.share(session_id, now):
            yield f"{person_id} waits in {session_id}, where a seat is free for them"


def wrong_step(witness: Witness, before: Before, one: Any, said: Sequence[Any], now: dt.datetime) -> Iterable[str]:
    """What must not come of one event, by how everybody stood before it."""
    by_office = {
        fact.session_id: witness.sessions[fact.session_id].capacity for fact in said if isinstance(fact, TermsCorrected)
    }
    for session_id, places in witness.places.items():
        if session_id not in witness.sessions:
            continue
        was = before.places.get(session_id, {})
        seats = max(
            witness.seats(session_id),
            by_office.get(session_id, 0),
            before.seats.get(session_id, 0) if now >= witness.freezes(session_id) else 0,
        )
        if taken(places) > max(seats, taken(was)):
            yield f"{session_id} is oversold: {taken(places)} for {seats}, and had {taken(was)}"
        if session_id not in by_office:
            yield from _over_share(witness, session_id, places, was, now)
        yield from _overtaken(witness, session_id, places, was, now)
        yield from _at_two_places(witness, session_id, places, was)
        yield from _got_otherwise(witness, session_id, places, was, one, said, now)
        yield from _lost(witness, session_id, places, was, one, now)
    for fact in said:
        if isinstance(fact, EnrolmentRefused):
            yield from _refused_wrongly(witness, fact, before)
        elif isinstance(fact, PlaceState):
            yield from _taken_wrongly(witness, fact)
        elif isinstance(fact, NominationAnswered):
            yield from _answered_wrongly(witness, fact, before)


def _over_share(
    witness: Witness, session_id: str, places: dict[str, Stand], was: dict[str, Stand], now: dt.datetime
) -> Iterable[str]:
    share = witness.share(session_id, now)
    for city_id in {stand.fact.city_id for stand in places.values() if stand.fact.city_id}:
        mine, were = taken(places, city_id), taken(was, city_id)
        moved = sum(  # Whose town has left them and who are there for another one now: nobody loses a seat to that.
            stand.seated and stand.fact.city_id == city_id and (old := was.get(one)) is not None and old.seated
            and old.fact.city_id != city_id
            for one, stand in places.items()
        )  # fmt: skip
        if mine > max(share, were + moved):
            yield f"{city_id} has {mine} in {session_id}, of {share}"


def _overtaken(
    witness: Witness, session_id: str, places: dict[str, Stand], was: dict[str, Stand], now: dt.datetime
) -> Iterable[str]:
    """Who waited, still does, and could have had the seat that somebody behind them has got."""
    got = [
        one
        for person_id, one in places.items()
        if one.seated and not one.extra and one.fact.substitute_for is None
        and (person_id not in was or was[person_id].waits) and not witness.had_it_before(person_id, was)
    ]  # fmt: skip
    for person_id, stand in places.items():
        old = was.get(person_id)
        if not (stand.waits and old is not None and old.waits) or stand.fact.clashes_with or old.fact.clashes_with:
            continue
        if taken(places, stand.fact.city_id) >= witness.share(session_id, now):
            continue
        for other in got:
            if stand.order < other.order and stand.order == old.order:
                yield f"{person_id} waits in {session_id}, and {other.fact.person_id} behind them has got a seat"


def _at_two_places(witness: Witness, session_id: str, places: dict[str, Stand], was: dict[str, Stand]) -> Iterable[str]:
    """Who has got a seat just now while they have one elsewhere at that time: of two people who were, nobody loses one."""
    for person_id, stand in places.items():
        is_new = stand.seated and not stand.extra and not (person_id in was and was[person_id].seated)
        is_merged = witness.is_merging or witness.had_it_before(person_id, was)
        if is_new and not is_merged and witness.elsewhere(session_id, person_id):
            yield f"{person_id} has got a seat in {session_id}, and has one elsewhere at that time"


def _lost(
    witness: Witness, session_id: str, places: dict[str, Stand], was: dict[str, Stand], one: Any, now: dt.datetime
) -> Iterable[str]:
    """Who had a seat and has none, with no cause for it."""
    for person_id, old in was.items():
        stand = places[person_id]
        if not old.seated or stand.seated or witness.human(person_id) != person_id:
            continue
        of = f"{person_id} lost the seat in {session_id}: {stand.kind}, {stand.reason}"
        if stand.waits:
            if old.kind == "ParticipantEnrolled":
                yield of
            continue
        if now >= witness.sessions[session_id].starts_at and witness.takes_place(session_id):
            asked = getattr(one, "appended_at", now)
            if old.kind == "ParticipantEnrolled" and asked >= witness.sessions[session_id].starts_at:
                yield f"{of}, and it had begun"
        towns = witness.eligible(session_id, person_id)
        is_true = {
            "requested": witness.said_no(session_id, person_id)
            or isinstance(getattr(one, "body", None), OfferAnswered),
            "person_erased": witness.gone(person_id),
            "left_team": not any(towns.values()),
            "not_in_team": not any(towns.values()),
            "not_admitted": not any(towns.values()),
            "town_withdrawn": not any(towns.values()),
            "town_not_qualified": not any(towns.values()),
            "offer_expired": old.kind == "PlaceOffered",
            "offer_declined": old.kind == "PlaceOffered",
            "removed_by_office": True,
            "removal_lifted": False,
            "substituted": stand.fact.substituted_by is not None,
        }.get(str(stand.reason), False)
        if not is_true:
            yield of


def _refused_wrongly(witness: Witness, fact: EnrolmentRefused, before: Before) -> Iterable[str]:
    asked = witness.asked.get(fact.request_id or "")
    body = witness.sessions.get(fact.session_id)
    if asked is None or body is None:
        return
    at = asked.appended_at
    freeze = witness.freezes(fact.session_id)
    old = before.places.get(fact.session_id, {}).get(fact.person_id)
    towns = witness.eligible(fact.session_id, fact.person_id)
    if isinstance(asked.body, SubstitutionRequested):  # For that town alone, whichever others they work for.
        towns = {city_id: answer for city_id, answer in towns.items() if city_id == asked.body.city_id}
    is_true: dict[str, bool] = {
        "session_started": at >= body.starts_at,
        "enrolment_closed": body.closes_at is not None and at >= body.closes_at,
        "not_open_yet": body.opens_at is not None and at < body.opens_at,
        "frozen": at >= freeze,
        "session_cancelled": not witness.takes_place(fact.session_id),
        "town_not_qualified": not any(towns.values()),
        "not_in_team": not towns,
        "not_of_town": True,
        "not_admitted": not towns,
        "person_erased": witness.gone(fact.person_id),
        "not_by_oneself": not body.by_oneself,
        "overlaps": bool(witness.elsewhere(fact.session_id, fact.person_id)),
        "already_placed": fact.standing.is_active,
        "no_place": not fact.standing.is_active
        or (isinstance(asked.body, ReplyGiven) and (old is None or old.kind != "ParticipantEnrolled")),
    }
    if not is_true.get(str(fact.reason), True):
        yield f"{fact.person_id} in {fact.session_id} was refused for {fact.reason}, which is not so"


def _taken_wrongly(witness: Witness, fact: PlaceState) -> Iterable[str]:
    """Somebody asked for a place when none was to be asked for, and was not refused."""
    asked = witness.asked.get(fact.request_id or "")
    if asked is None or not isinstance(asked.body, EnrolmentRequested) or fact.basis == "team":
        return
    of = f"{fact.person_id} asked for {fact.session_id} at {asked.appended_at}"
    yield from (f"{of}, and {why}" for why in _why_not_taken(witness, fact.session_id, asked.appended_at))
    if not witness.sessions[fact.session_id].by_oneself:
        yield f"{of}, where nobody may ask by themselves"


def _why_not_taken(witness: Witness, session_id: str, at: dt.datetime) -> Iterable[str]:
    body, until = witness.sessions[session_id], witness.gives_until(session_id)
    if body.opens_at is not None and at < body.opens_at:
        yield f"it was not open before {body.opens_at}"
    if body.closes_at is not None and at >= body.closes_at:
        yield f"it was closed since {body.closes_at}"
    if until is not None and at >= until:
        yield f"it was frozen since {until}"


def _answered_wrongly(witness: Witness, fact: NominationAnswered, before: Before) -> Iterable[str]:
    asked = next(one for one in witness.asked.values() if one.event_id == fact.request_id)
    named = [witness.human(one) for one in asked.body.people]
    if {one.person_id for one in fact.people} != set(named):
        yield f"nominated were {named}, and answered is {[one.person_id for one in fact.people]}"
    came = [one for one in fact.people if one.reason is None]
    if not came:
        return
    of = f"{fact.city_id} nominated for {fact.session_id} at {asked.appended_at}"
    yield from (f"{of}, and {why}" for why in _why_not_taken(witness, fact.session_id, asked.appended_at))
    until = witness.sessions[fact.session_id].nominations_until
    if until is not None and asked.appended_at >= until:
        yield f"{of}, and no town could after {until}"
    if fact.mode == "all_or_none" and any(one.reason or one.standing != "enrolled" for one in fact.people):
        yield f"{of} all or none, and became {[(one.person_id, one.standing, one.reason) for one in fact.people]}"
    for one in came:
        stand = before.places.get(fact.session_id, {}).get(one.person_id)
        if stand is not None and stand.reason == "removed_by_office":
            yield f"{of} {one.person_id}, whom the office has removed"


def _got_otherwise(
    witness: Witness,
    session_id: str,
    places: dict[str, Stand],
    was: dict[str, Stand],
    one: Any,
    said: Sequence[Any],
    now: dt.datetime,
) -> Iterable[str]:
    """How somebody came by a seat, or by what they have instead of one, is how the session gives it."""
    body, until = witness.sessions[session_id], witness.gives_until(session_id)
    moments = [getattr(one, "appended_at", None) or one.at]
    moments += [fact.asked_at for fact in said if isinstance(fact, PlaceState) and fact.request_id and fact.asked_at]
    answers = (
        fact for fact in said if isinstance(fact, NominationAnswered)
    )  # One that was held counts from when it was sent.
    moments += [witness.asked[fact.request_id].appended_at for fact in answers if fact.request_id in witness.asked]
    for person_id, stand in places.items():
        old = was.get(person_id)
        if stand is old:
            continue
        of, fact = f"{person_id} in {session_id}", stand.fact
        came = fact.substitute_for if old is None or old.fact.substitute_for != fact.substitute_for else None
        if came is not None and stand.is_in and (left := was.get(came)) is not None and left.is_in:
            if (stand.kind, stand.order[:3]) != (left.kind, left.order[:3]):
                yield f"{of}: {stand.kind} {stand.order}, instead of {came}: {left.kind} {left.order}"
            continue
        is_theirs = stand.extra or fact.substitute_for is not None or witness.had_it_before(person_id, was)
        if not stand.seated or (old is not None and old.seated) or is_theirs:
            if old is not None and old.kind == "PlaceOffered" and stand.waits and witness.takes_place(session_id):
                yield from _not_last(of, stand, places)
            continue
        regains = old is not None and old.reason in GIVEN_BACK and getattr(old.fact, "had", None) == "enrolled"
        if until is not None and min(moments) >= until and not regains:
            yield f"{of}: got a seat, and it was frozen since {until}"
        if old is not None and old.reason == "removed_by_office":
            yield f"{of}: got a seat, and the office had removed them"
        # Once nothing is given any more nobody has time to answer: what became free before is theirs at once.
        is_to_be_offered = old is not None and old.waits and body.free_places == "offered"
        if is_to_be_offered and now < min(body.starts_at, until or body.starts_at) and stand.kind != "PlaceOffered":
            yield f"{of}: got a seat that was to be offered"
        if stand.kind == "PlaceOffered":
            yield from _offered_otherwise(of, stand, body, until)


def _offered_otherwise(of: str, stand: Stand, body: Any, until: dt.datetime | None) -> Iterable[str]:
    if body.free_places != "offered":
        yield f"{of}: is offered what was theirs at once"
    ends = stand.fact.offered_at + dt.timedelta(hours=body.offer_hours)
    if body.offer_hours_count == "all" and until is not None and stand.fact.offered_until != min(ends, until):
        yield f"{of}: is offered a place until {stand.fact.offered_until}, for {body.offer_hours} hours, and until {until}"


def _not_last(of: str, stand: Stand, places: dict[str, Stand]) -> Iterable[str]:
    """Who let an offer go waits behind all others of the same priority."""
    for other in places.values():
        if other.waits and other.order[0] == stand.order[0] and other.order > stand.order:
            yield f"{of}: let an offer go, and waits before {other.fact.person_id}"
