"""What coordinators and their people ask of the trainings that towns are called to nominate for.

Within a session it keeps its order, and everything that it is about has been heard before: so what comes of it is determined. Who is
offered a place is known here without deciding it: the first towns take all places, and whoever comes later waits in order.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

from demo import names
from demo.called import SHARE, Way
from demo.directory import Person, everyone
from demo.planner import Training
from demo.portal import Ask, Conversations, days_of
from demo.shape import Shape
from demo.towns import Town
from shared.contracts.directory import MemberKind
from shared.contracts.portal import (
    EnrolmentRequest,
    EnrolmentRequested,
    NominationMode,
    OfferAnswer,
    OfferAnswered,
    PeopleNominated,
    Reply,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)

PASSED_OFFERS = 2
"""Offers of the archive that nobody had answered in time."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """How the places of a training stood when the archive closed, in the order in which people came."""

    training: Training
    enrolled: tuple[Person, ...]
    passed: tuple[Person, ...]
    """Whose offers have passed."""
    waiting: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays which part in the story's training."""

    passed_over: Person
    """First in line, of a town that has its share."""
    gave_back: Person
    offered: Person
    left: Person
    came_instead: Person
    extra: Person
    """To whom the office gives a place beside the rules."""
    refused: Person


@dataclass(slots=True)
class Coordinators:
    """Works out who is named for which training; nobody for two on one day."""

    shape: Shape
    towns: list[Town]
    teams: dict[str, list[Person]]
    rng: random.Random
    busy: dict[str, set[dt.date]] = field(default_factory=dict)
    asked: Conversations = field(default_factory=dict)
    answered: Conversations = field(default_factory=dict)
    """What is said once the first of it has been heard: answers to what it led to."""
    handed_over: list[HandedOver] = field(default_factory=list)
    cast: Cast | None = None

    def prepare(self, trainings: list[Training]) -> None:
        """Works out everything for these trainings."""
        for training in trainings:
            match training.way:
                case Way.STORY:
                    self._tell_story(training)
                case Way.NOT_OPEN_YET:
                    self._come_too_early(training)
                case Way.HANDED_OVER:
                    self._take_over(training)
                case Way.OFFERED | Way.OFFICE_HOURS | Way.RELEASED:
                    self._fill(training)
                case None:
                    pass

    # --- the story ------------------------------------------------------------------------

    def _tell_story(self, training: Training) -> None:
        """Five places, two of a town. Nobody of the second town gets the place that the first one's gives back."""
        own, second, third = (iter(self._free(training, town)) for town in training.towns)
        one, two, too_many = next(own), next(own), next(own)
        self._nominate(training, [one, two, too_many], NominationMode.ALL_OR_NONE)
        self._nominate(training, [one, two], NominationMode.ALL_OR_NONE)
        of_second = [next(second) for _ in range(3)]
        self._nominate(training, of_second, NominationMode.AS_MANY_AS_FIT)
        of_third = [next(third) for _ in range(2)]
        self._nominate(training, of_third, NominationMode.AS_MANY_AS_FIT)
        self._ask(WithdrawalRequested(session_id=training.session_id, person_id=two.person_id, reason="urlop"))
        instead, extra, refused = next(second), next(third), next(own)
        accepts = OfferAnswered(
            session_id=training.session_id, person_id=of_third[1].person_id, answer=OfferAnswer.ACCEPT
        )
        self._answer(accepts)
        self._substitute(training, of_second[0], instead)
        self._answer(EnrolmentRequested(session_id=training.session_id, person_id=refused.person_id))
        self._take(training, [instead, extra, refused])
        self.cast = Cast(of_second[2], two, of_third[1], of_second[0], instead, extra, refused)

    # --- the load -------------------------------------------------------------------------

    def _fill(self, training: Training) -> None:
        """The first towns take all places, one of them asks for more than its share; later ones wait. Then places are given back."""
        *towns, in_vain = self._shuffled(training)
        seated, beyond = self._take_places(training, towns)
        waiting = [] if beyond is None else [beyond]
        for town in towns[: self.shape.late_towns]:
            people = self._free(training, town)[: self.rng.randint(1, SHARE)]
            self._nominate(training, people, NominationMode.AS_MANY_AS_FIT)
            waiting += people
        self._ask_in_vain(training, in_vain, seated)
        gone = self.rng.sample(seated[SHARE:], min(4, len(seated) // 3))
        for person in gone:
            self._ask(
                WithdrawalRequested(
                    session_id=training.session_id,
                    person_id=person.person_id,
                    reason=self.rng.choice(names.WITHDRAWAL_REASONS),
                )
            )
        # Whoever was beyond the share of the town waits on: it has all its places.
        in_line = [person for person in waiting if person is not beyond]
        offered = in_line[: len(gone)] if training.way is not Way.RELEASED else []
        self._answers(training, offered, [one for one in seated if one not in gone])

    def _take_places(self, training: Training, towns: list[Town]) -> tuple[list[Person], Person | None]:
        """Nominations until no place is left; returns who has one, and who was named beyond the share of the first town."""
        seated: list[Person] = []
        beyond: Person | None = None
        most = SHARE if training.way is not Way.RELEASED else SHARE + 1
        while len(seated) < training.capacity and towns:
            people = self._free(training, towns.pop(0))[: min(most, training.capacity - len(seated))]
            mode = self.rng.choice(tuple(NominationMode))
            if not seated and training.way is not Way.RELEASED:
                people, mode = self._free(training, self._town(people[0]))[: SHARE + 1], NominationMode.AS_MANY_AS_FIT
                beyond = people[SHARE]
            self._nominate(training, people, mode)
            seated += [person for person in people if person is not beyond]
        return seated, beyond

    def _ask_in_vain(self, training: Training, town: Town, seated: list[Person]) -> None:
        """More of a town than there may be, all or none; somebody twice, somebody of another town; people who ask for themselves."""
        *too_many, last, alone = self._free(training, town)[: SHARE + 3]
        self._nominate(training, too_many, NominationMode.ALL_OR_NONE)
        again = PeopleNominated(
            session_id=training.session_id,
            city_id=seated[0].city_id,
            people=(seated[0].person_id, last.person_id),
            mode=NominationMode.AS_MANY_AS_FIT,
        )
        self._ask(again)
        self.asked[training.session_id].append(Ask(again, repeats=True))
        self._ask_alone(training, alone)
        if training.way is Way.RELEASED:
            others = (one for one in everyone(self.teams) if not self._is_admitted(training, one))
            self._ask_alone(training, next(one for one in others if self._is_free(training, one)))

    def _ask_alone(self, training: Training, person: Person) -> None:
        self._ask(EnrolmentRequested(session_id=training.session_id, person_id=person.person_id))
        self._take(training, [person])

    def _take_over(self, training: Training) -> None:
        """What the archive left: everybody who has a place, offers that have passed, people who wait. The first of those are asked now."""
        towns = self._shuffled(training)
        people = [person for town in towns for person in self._free(training, town)[:SHARE]]
        most = training.capacity
        enrolled, passed = people[: most - PASSED_OFFERS], people[most - PASSED_OFFERS : most]
        waiting = people[most : most + self.shape.late_towns]
        self.handed_over.append(HandedOver(training, tuple(enrolled), tuple(passed), tuple(waiting)))
        self._take(training, [*enrolled, *passed, *waiting])
        self._answers(training, waiting[:PASSED_OFFERS], enrolled)

    def _answers(self, training: Training, offered: list[Person], seated: list[Person]) -> None:
        """Of those who are offered a place the first accepts, the second declines, the others have not answered yet. Of those who have
        one some say that they will come, one does not after all, and for one somebody else comes."""
        for person, answer in zip(offered, (OfferAnswer.ACCEPT, OfferAnswer.DECLINE), strict=False):
            self._answer(OfferAnswered(session_id=training.session_id, person_id=person.person_id, answer=answer))
        some = seated[::3]
        for person in some[1:]:
            self._answer(ReplyGiven(session_id=training.session_id, person_id=person.person_id, reply=Reply.CONFIRMED))
        self._answer(ReplyGiven(session_id=training.session_id, person_id=some[0].person_id, reply=Reply.DECLINED))
        leaves = seated[1]
        comes = next(iter(self._free(training, self._town(leaves))), None)
        if comes is not None:
            self._substitute(training, leaves, comes)
            self._take(training, [comes])

    def _come_too_early(self, training: Training) -> None:
        """One town nominates before enrolment opens, and somebody asks."""
        towns = self._shuffled(training)
        people = self._free(training, towns[0])
        self._nominate(training, people[:SHARE], NominationMode.AS_MANY_AS_FIT)
        self._ask(EnrolmentRequested(session_id=training.session_id, person_id=people[-1].person_id))

    # --- what all of it is made of ----------------------------------------------------------

    def _nominate(self, training: Training, people: list[Person], mode: NominationMode) -> None:
        self._ask(
            PeopleNominated(
                session_id=training.session_id,
                city_id=people[0].city_id,
                people=tuple(person.person_id for person in people),
                mode=mode,
            )
        )
        self._take(training, people)

    def _substitute(self, training: Training, leaves: Person, comes: Person) -> None:
        self._answer(
            SubstitutionRequested(
                session_id=training.session_id,
                city_id=leaves.city_id,
                leaves=leaves.person_id,
                comes=comes.person_id,
            )
        )

    def _ask(self, request: EnrolmentRequest) -> None:
        self.asked.setdefault(request.session_id, []).append(Ask(request))

    def _answer(self, request: EnrolmentRequest) -> None:
        self.answered.setdefault(request.session_id, []).append(Ask(request))

    def _take(self, training: Training, people: list[Person]) -> None:
        for person in people:
            self.busy.setdefault(person.person_id, set()).update(days_of(training))

    def _free(self, training: Training, town: Town) -> list[Person]:
        return [
            person
            for person in self.teams[town.city_id]
            if self._is_admitted(training, person) and self._is_free(training, person)
        ]

    def _is_free(self, training: Training, person: Person) -> bool:
        return person.requests and self.busy.get(person.person_id, set()).isdisjoint(days_of(training))

    def _is_admitted(self, training: Training, person: Person) -> bool:
        return training.way is not Way.RELEASED or person.kind is not MemberKind.DEPARTMENT_STAFF

    def _town(self, person: Person) -> Town:
        return next(town for town in self.towns if town.city_id == person.city_id)

    def _shuffled(self, training: Training) -> list[Town]:
        """The towns that it is for, in some order, those of whose teams enough people have time; of the last, most have."""
        towns = [town for town in training.towns if len(self._free(training, town)) > SHARE]
        self.rng.shuffle(towns)
        return sorted(towns, key=lambda town: len(self._free(training, town)) > SHARE + 2)
