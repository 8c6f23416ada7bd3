"""What was decided about the places of trainings with terms of their own, against what the oracle counted: read from what enrolment
says, fact by fact."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from rollcall.connection import Connection
from rollcall.reading import until_end
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    NominationsCalledOff,
    NominationsInvited,
    ParticipantEnrolled,
    PlaceFact,
    PlaceOffered,
    PlaceState,
    SessionAtRisk,
    Standing,
    WithdrawalReason,
    standing_after,
)
from shared.contracts.model import Fact, members
from shared.contracts.portal import Reply
from shared.events.decoding import decode
from shared.events.envelope import Heard


@dataclass(frozen=True, slots=True)
class Compared:
    """One number, counted twice."""

    what: str
    expected: int | None
    found: int | None

    @property
    def agrees(self) -> bool:
        return self.expected == self.found

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"agrees": self.agrees}


PLACE_FACTS = members(PlaceFact)


@dataclass
class Decided:
    """What `enrolment.events` says of these trainings."""

    calls: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Of session and town: whether it is called."""
    nominations: dict[tuple[str, str], NominationAnswered] = field(default_factory=dict)
    places: dict[tuple[str, str], PlaceState] = field(default_factory=dict)
    """Of session and person: what was said last."""
    offers: Counter[str] = field(default_factory=Counter)
    substitutions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    at_risk: set[str] = field(default_factory=set)
    _made: set[tuple[str, str, dt.datetime | None]] = field(default_factory=set)
    """Offers, by when they were made."""

    def hear(self, body: Fact) -> None:
        """Takes one fact, heard for the first time."""
        match body:
            case NominationsInvited() | NominationsCalledOff():
                self.calls[body.session_id, body.city_id] = isinstance(body, NominationsInvited)
            case NominationAnswered():
                self.nominations[body.session_id, body.nomination_id] = body
            case SessionAtRisk():
                self.at_risk.add(body.session_id)
            case PlaceState():
                self._hear_place(body)
            case _:
                pass

    def _hear_place(self, body: PlaceState) -> None:
        which = (body.session_id, body.person_id)
        self.places[which] = body
        if isinstance(body, PlaceOffered):
            offer = (*which, body.offered_at)
            self.offers["made"] += offer not in self._made  # Else it is said anew, and is the same.
            self._made.add(offer)
        if isinstance(body, EnrolmentRefused):
            self.refusals[body.reason] += 1
        match body:
            case EnrolmentWithdrawn(reason=WithdrawalReason.OFFER_EXPIRED):
                self.offers["expired"] += 1
            case EnrolmentWithdrawn(reason=WithdrawalReason.SUBSTITUTED):
                self.substitutions += 1
            case ParticipantEnrolled(asked_for=AskedFor.OFFER):
                self.offers["accepted"] += 1
            case PlaceState(asked_for=AskedFor.OFFER) if not isinstance(body, EnrolmentRefused):
                self.offers["declined"] += (
                    1  # They are out, or wait behind all others; if nobody else can come, they are asked again.
                )
            case _:
                pass

    def most_of_town(self, session_id: str) -> int:
        """The most places that one town has, beside those that the office gave."""
        taken = Counter(
            place.city_id
            for (of_session, _), place in self.places.items()
            if of_session == session_id and _standing(place).takes_seat and place.basis != Basis.OFFICE
        )
        return max(taken.values(), default=0)


async def decided_about(found: Connection, sessions: set[str]) -> Decided:
    """Reads what was decided about these sessions, each fact once."""
    decided, known = Decided(), set[tuple[str, str]]()
    async for record in until_end(found.kafka, ("enrolment.events",)):
        if record.key is None or record.key.decode() not in sessions:
            continue
        heard = decode(record)  # one session's facts are in one partition, in order
        if isinstance(heard, Heard) and isinstance(heard.body, Fact) and (heard.source, heard.event_id) not in known:
            known.add((heard.source, heard.event_id))
            decided.hear(heard.body)
    return decided


def compare_called(expected: dict[str, Any], decided: Decided) -> list[Compared]:
    """Every number of the oracle about these trainings beside the one that enrolment's facts show."""
    standing: dict[str, dict[str, str]] = defaultdict(dict)
    for (session_id, person_id), place in decided.places.items():
        if (stands := _standing(place)) is not Standing.NONE:
            standing[session_id][person_id] = stands
    nominees = Counter(
        str(one.reason or one.standing) for nomination in decided.nominations.values() for one in nomination.people
    )
    confirmed = sum(
        place.reply == Reply.CONFIRMED and _standing(place) is Standing.ENROLLED for place in decided.places.values()
    )
    otherwise = [name for name, its in expected["standing"].items() if its != standing[name]]
    beyond = [name for name, most in expected["most_of_town"].items() if decided.most_of_town(name) != most]
    refused = {*expected["refusals"], *decided.refusals}
    misjudged = [reason for reason in refused if expected["refusals"].get(reason, 0) != decided.refusals[reason]]
    named_so = {*expected["nominated"], *nominees}
    misnamed = [word for word in named_so if expected["nominated"].get(word, 0) != nominees[word]]
    return [
        Compared("towns called to nominate", expected["calls"], sum(decided.calls.values())),
        Compared("nominations answered", expected["nominations"], len(decided.nominations)),
        Compared("people nominated", sum(expected["nominated"].values()), nominees.total()),
        Compared(f"answers to them otherwise{named(misnamed)}", 0, len(misnamed)),
        *(Compared(f"offers {name}", count, decided.offers[name]) for name, count in expected["offers"].items()),
        Compared("substitutions", expected["substitutions"], decided.substitutions),
        Compared("people who confirmed", expected["confirmed"], confirmed),
        Compared("refusals in called trainings", sum(expected["refusals"].values()), decided.refusals.total()),
        Compared(f"reasons of refusals otherwise{named(misjudged)}", 0, len(misjudged)),
        Compared("trainings at risk", expected["at_risk"], len(decided.at_risk)),
        Compared(f"called trainings filled by other people{named(otherwise)}", 0, len(otherwise)),
        Compared(f"shares of towns otherwise{named(beyond)}", 0, len(beyond)),
    ]


def _standing(place: PlaceState) -> Standing:
    assert isinstance(place, PLACE_FACTS)
    return standing_after(place)


def named(names: list[str]) -> str:
    return f" ({', '.join(sorted(names)[:3])}{', …' if len(names) > 3 else ''})" if names else ""
