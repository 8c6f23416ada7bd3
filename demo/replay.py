"""What becomes of the places in trainings with terms of their own: gone through line by line, in the order in which it was asked.

Part of the oracle, so it shares no code with the services, nor with what writes the files. It holds only for what is determined: that
everything else about these trainings was heard before, and nothing else about them changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from demo.heard import ASKED, Heard, Line, Member, Session, Unpredictable, kind_of

TAKEN = ("enrolled", "offered")
ACTIVE = (*TAKEN, "waitlisted")


@dataclass(slots=True)
class Claim:
    """One person's place: for which town, how it stands, and where in line."""

    city_id: str
    standing: str
    number: int
    is_extra: bool = False
    confirmed: bool = False
    by_request: bool = False


@dataclass(slots=True)
class Tally:
    """What is counted of all these trainings."""

    calls: int = 0
    nominations: int = 0
    nominated: Counter[str] = field(default_factory=Counter)
    """People in nominations, by how their place stood after it, or why they were refused."""
    offers: Counter[str] = field(default_factory=Counter)
    """Made, accepted, declined, expired."""
    substitutions: int = 0
    confirmed: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Of whatever was asked about one place, by reason."""
    in_vain: Counter[str] = field(default_factory=Counter)
    """Of requests for a place, by reason."""
    requests: Counter[str] = field(default_factory=Counter)
    """Requests for a place, by what became of them."""
    refused: set[tuple[str, str]] = field(default_factory=set)
    """Session and person of those who asked for a place, were refused and have none."""
    at_risk: int = 0
    told: Counter[str] = field(default_factory=Counter)
    """Mails to coordinators, by kind: one to each of the town."""
    most_of_town: dict[str, int] = field(default_factory=dict)
    """By session, the most places that one town has."""


def replay(heard: Heard) -> Tally:
    """Goes through all of them; leaves in each session how everybody's place stands."""
    asked: dict[str, list[Line]] = defaultdict(list)
    for line in heard.requests(*ASKED):
        asked[line["data"]["session_id"]].append(line)
    tally = Tally()
    for session_id, session in sorted(heard.sessions.items()):
        if session.has_terms:
            one = _Training(heard, session, tally)
            one.take_over(line for line in heard.facts("enrolment.events") if line["data"]["session_id"] == session_id)
            for line in asked[session_id]:
                one.hear(line)
            one.close()
    return tally


class _Training:
    """One training and its line of people."""

    def __init__(self, heard: Heard, session: Session, tally: Tally) -> None:
        if (
            session.cancelled
            or "SessionRescheduled" in heard.kinds_of["programme.sessions", f"session/{session.body['session_id']}"]
        ):
            raise Unpredictable(f"{session.body['session_id']} has terms of its own, and is changed")
        self._heard, self._session, self._tally, self._terms = heard, session, tally, session.body
        self._claims: dict[str, Claim] = {}
        self._count = 0
        today = heard.now.astimezone(ZoneInfo("Europe/Warsaw")).date().isoformat()
        released = self._terms.get("release_date", "9999") <= today
        seats = int(self._terms["capacity"])
        self._share = seats if released else int(self._terms.get("places_per_town", seats))
        self._is_open = self._terms.get("opens_at", "") <= heard.now.isoformat()
        if self._is_open:
            tally.calls += len(self._towns())
            tally.told["call"] += sum(heard.coordinators[city_id] for city_id in self._towns())
        # Nobody can have confirmed when that was looked at: the training had just been heard of.
        tally.at_risk += self._terms.get("decision_date", "9999") <= today and "minimum" in self._terms

    # --- what is said ------------------------------------------------------------------------

    def take_over(self, places: Iterable[Line]) -> None:
        """The places that the archive hands over. Whoever had not answered in time is out, and others are asked."""
        standings = {
            "ParticipantEnrolled": "enrolled",
            "PlaceOffered": "offered",
            "ParticipantWaitlisted": "waitlisted",
        }
        passed = []
        for line in sorted(places, key=lambda one: int(one["data"]["queue"])):
            body, standing = line["data"], standings[kind_of(line)]
            self._count = max(self._count, body["queue"])
            self._claims[body["person_id"]] = Claim(body["city_id"], standing, body["queue"])
            if standing == "offered":
                self._tally.offers["made"] += 1
                if body["offered_until"] > self._heard.now.isoformat():
                    raise Unpredictable(f"{body['person_id']} may still answer an offer of the archive")
                passed.append(body["person_id"])
        for person_id in passed:
            self._tally.offers["expired"] += 1
            self._let_go(person_id)

    def hear(self, line: Line) -> None:
        body, before = line["data"], self._claims.get(line["data"].get("person_id", ""))
        match kind_of(line):
            case "PeopleNominated":
                self._nominate(body["city_id"], body["people"], body["mode"])
            case "SubstitutionRequested":
                self._substitute(body["city_id"], body["leaves"], body["comes"])
            case "EnrolmentRequested":
                self._ask(body["person_id"])
            case "WithdrawalRequested":
                self._give_back(body["person_id"])
            case "OfferAnswered":
                self._answer(body["person_id"], accepts=body["answer"] == "accept")
            case "ReplyGiven" if body["reply"] == "declined":
                self._give_back(body["person_id"])
            case "ReplyGiven" if before is not None and before.standing == "enrolled":
                before.confirmed = body["reply"] == "confirmed"
            case other:
                raise Unpredictable(f"{other} of {body}")

    def close(self) -> None:
        """What stands in the end."""
        session_id = self._terms["session_id"]
        for extra_session, person_id in self._heard.extra_places:
            if extra_session == session_id:
                (member,) = self._heard.members[person_id]
                self._claims[person_id] = Claim(member.city_id, "enrolled", 0, is_extra=True)
        claims = self._claims
        self._session.standing = {person_id: claim.standing for person_id, claim in claims.items()}
        self._tally.confirmed += sum(one.confirmed and one.standing == "enrolled" for one in claims.values())
        of_town = Counter(one.city_id for one in claims.values() if one.standing in TAKEN and not one.is_extra)
        self._tally.most_of_town[session_id] = max(of_town.values(), default=0)
        for person_id, claim in claims.items():
            if claim.by_request:
                self._tally.requests[claim.standing] += 1
            if claim.standing in ACTIVE:
                self._tally.refused.discard((session_id, person_id))

    # --- what comes of it ---------------------------------------------------------------------

    def _nominate(self, city_id: str, people: list[str], mode: str) -> None:
        self._tally.nominations += 1
        self._tally.told["nomination_answered"] += self._heard.coordinators[city_id]
        reasons = {person_id: self._why_not_named(person_id, city_id) for person_id in people}
        kept, count = {name: replace(claim) for name, claim in self._claims.items()}, self._count
        for person_id, reason in reasons.items():
            if reason is None:
                self._come(person_id, city_id)
        came = all(reason is None for reason in reasons.values()) and all(
            self._claims[person_id].standing == "enrolled" for person_id in people
        )
        if mode == "all_or_none" and not came:
            self._claims, self._count = kept, count
            reasons = {person_id: reason or "does_not_fit" for person_id, reason in reasons.items()}
        for person_id, reason in reasons.items():
            self._tally.nominated[reason or self._claims[person_id].standing] += 1

    def _ask(self, person_id: str) -> None:
        reason = self._why_not(person_id)
        if reason is None:
            (member,) = self._heard.members[person_id]
            self._come(person_id, member.city_id)
            self._claims[person_id].by_request = True
        else:
            self._tally.refusals[reason] += 1
            self._tally.in_vain[reason] += 1
            self._tally.requests["refused"] += 1
            if reason != "already_placed":
                self._tally.refused.add((self._terms["session_id"], person_id))

    def _give_back(self, person_id: str) -> None:
        if self._is_in(person_id):
            self._let_go(person_id)
        else:
            self._tally.refusals["no_place"] += 1

    def _answer(self, person_id: str, *, accepts: bool) -> None:
        claim = self._claims.get(person_id)
        if claim is None or claim.standing != "offered":
            self._tally.refusals["no_offer"] += 1
        elif accepts:
            self._tally.offers["accepted"] += 1
            claim.standing, claim.confirmed = "enrolled", True
        else:
            self._tally.offers["declined"] += 1
            claim.standing = "withdrawn"
            # Nobody is asked again at once because no other could take the place.
            if self._terms.get("after_offer") == "to_the_end" and self._next() is not None:
                self._count += 1
                claim.standing, claim.number = "waitlisted", self._count
            self._fill()

    def _substitute(self, city_id: str, leaves: str, comes: str) -> None:
        claim = self._claims.get(leaves)
        if claim is None or not self._is_in(leaves) or claim.city_id != city_id:
            self._tally.refusals["no_place"] += 1
            return
        reason = self._why_not_named(comes, city_id)
        if reason is not None:
            self._tally.refusals[reason] += 1
            return
        self._tally.substitutions += 1
        self._claims[comes] = replace(claim, confirmed=False, by_request=False)
        claim.standing = "withdrawn"

    # --- the line ------------------------------------------------------------------------------

    def _come(self, person_id: str, city_id: str) -> None:
        self._count += 1
        claim = Claim(city_id, "waitlisted", self._count)
        if self._has_room(city_id):
            claim.standing = "enrolled"
        self._claims[person_id] = claim

    def _let_go(self, person_id: str) -> None:
        self._claims[person_id].standing = "withdrawn"
        self._fill()

    def _fill(self) -> None:
        """Whatever is free goes down the line, to the first of a town that has not got its share."""
        while (claim := self._next()) is not None:
            if self._terms.get("free_places") == "offered":
                claim.standing = "offered"
                self._tally.offers["made"] += 1
            else:
                claim.standing = "enrolled"

    def _next(self) -> Claim | None:
        line = sorted(self._claims.values(), key=lambda one: one.number)
        return next((one for one in line if one.standing == "waitlisted" and self._has_room(one.city_id)), None)

    def _has_room(self, city_id: str) -> bool:
        taken = [one.city_id for one in self._claims.values() if one.standing in TAKEN]
        return len(taken) < self._terms["capacity"] and taken.count(city_id) < self._share

    def _is_in(self, person_id: str) -> bool:
        claim = self._claims.get(person_id)
        return claim is not None and claim.standing in ACTIVE

    # --- who may come ---------------------------------------------------------------------------

    def _towns(self) -> set[str]:
        """The towns that it is for."""
        admits = self._terms.get("admits", {})
        phases = admits.get("phases") or [self._terms["phase"]]
        towns = {city_id for phase in phases for city_id in self._heard.qualified[phase]}
        return towns & set(admits["cities"]) if admits.get("cities") else towns

    def _member(self, person_id: str) -> Member | None:
        members = self._heard.members.get(person_id, [])
        if len(members) != 1:
            raise Unpredictable(f"{person_id} is named for {self._terms['session_id']}, and in no team or in several")
        (member,) = members
        return member if member.during(self._session.first_day, self._session.last_day) else None

    def _is_admitted(self, member: Member) -> bool:
        admits = self._terms.get("admits", {})
        of_kind = not admits.get("kinds") or member.kind in admits["kinds"]
        return of_kind and (not admits.get("cities") or member.city_id in admits["cities"])

    def _why_not(self, person_id: str) -> str | None:
        member = self._member(person_id)
        if self._is_in(person_id):
            return "already_placed"
        if not self._is_open:
            return "not_open_yet"
        if not self._terms.get("by_oneself", True):
            return "not_by_oneself"
        if member is None:
            return "not_in_team"
        if not self._is_admitted(member):
            return "not_admitted"
        return None if member.city_id in self._towns() else "town_not_qualified"

    def _why_not_named(self, person_id: str, city_id: str) -> str | None:
        member = self._member(person_id)
        if not self._is_open:
            return "not_open_yet"
        if self._is_in(person_id):
            return "already_placed"
        if member is None or member.city_id != city_id:
            return "not_of_town"
        if not self._is_admitted(member):
            return "not_admitted"
        return None if city_id in self._towns() else "town_not_qualified"


def refuse_overlaps(heard: Heard) -> None:
    """Who would have two places on one day depends on which was given first."""
    days: dict[tuple[str, str], str] = {}
    for session_id, session in heard.sessions.items():
        if session.cancelled or session.ends <= heard.now:
            continue
        for person_id in session.candidates if session.standing is None else session.standing:
            for day in {str(meeting["starts_local"])[:10] for meeting in session.body["meetings"]}:
                other = days.setdefault((person_id, day), session_id)
                terms = session.has_terms or heard.sessions[other].has_terms
                if other != session_id and terms:
                    raise Unpredictable(f"{person_id} may have two places on {day}: {other} and {session_id}")
