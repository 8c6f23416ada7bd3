"""What the portal says: people ask for places and give them back, in ways that no order of streams can change."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from demo import names
from demo.changes import moved
from demo.directory import Fate, Person, everyone
from demo.feed import PORTAL, Feed, ticks
from demo.planner import Course, Training
from demo.shape import Shape
from demo.towns import Town
from shared.contracts.directory import MemberKind
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequest, EnrolmentRequested, WithdrawalRequested
from shared.events.envelope import subject_of

UNANNOUNCED = ("session-p3-001", "session-p3-002")
"""Sessions that people ask for and that no one ever announces: the requests stay held."""

ASKABLE = (Course.AS_PLANNED, Course.MOVED, Course.RELOCATED, Course.OVERSUBSCRIBED, Course.ANNOUNCED_LATE)


@dataclass(slots=True)
class Ask:
    """One line of the portal: a request, or one sent a second time because the answer got lost."""

    request: EnrolmentRequest
    repeats: bool = False
    """Whether the first request of this kind about the same is sent again, unchanged."""


Conversations = dict[str, list[Ask]]
"""What is asked about each session, in order."""


def say_mixed(feed: Feed, conversations: Conversations, moments: Iterator[dt.datetime], rng: random.Random) -> None:
    """Says all of it in a mixed order; within a session it keeps its own."""
    first_lines: dict[str, str] = {}
    waiting = {session_id: list(reversed(asks)) for session_id, asks in sorted(conversations.items())}
    while waiting:
        session_id = rng.choice(list(waiting))
        ask = waiting[session_id].pop()
        if not waiting[session_id]:
            del waiting[session_id]
        of_kind, at = f"{type(ask.request).__name__}/{subject_of(ask.request)}", next(moments)
        if ask.repeats:
            feed.say_again(first_lines[of_kind])
        else:
            feed.say(ask.request, PORTAL, at)
            first_lines.setdefault(of_kind, feed.last)


@dataclass(slots=True)
class Portal:
    """Collects what is asked, one conversation a session, and then says it in a mixed order."""

    shape: Shape
    towns: list[Town]
    trainings: list[Training]
    teams: dict[str, list[Person]]
    rng: random.Random
    busy: dict[str, set[dt.date]]
    """The days for which somebody has asked for a place, or is named by their town."""
    _conversations: Conversations = field(default_factory=dict)

    def say(self, feed: Feed, now: dt.datetime, nominated: Conversations) -> None:
        """Says all requests, and what coordinators ask, spread over the last three hours."""
        self._ask_for_in_depth()
        self._ask_in_vain()
        self._speak_about_supplementary()
        whole = self._conversations | nominated
        moments = ticks(now - dt.timedelta(hours=3), dt.timedelta(hours=2) / sum(map(len, whole.values())))
        say_mixed(feed, whole, moments, self.rng)

    def _asks(self, session_id: str, person: Person) -> None:
        request = EnrolmentRequested(session_id=session_id, person_id=person.person_id)
        self._conversations.setdefault(session_id, []).append(Ask(request))

    def _withdraws(self, session_id: str, person: Person) -> None:
        reason = self.rng.choice(names.WITHDRAWAL_REASONS)
        request = WithdrawalRequested(session_id=session_id, person_id=person.person_id, reason=reason)
        self._conversations.setdefault(session_id, []).append(Ask(request))

    def _repeats(self, session_id: str, person: Person) -> None:
        request = EnrolmentRequested(session_id=session_id, person_id=person.person_id)
        self._conversations[session_id].append(Ask(request, repeats=True))

    def _in_depth(self, *courses: Course) -> list[Training]:
        return [
            training
            for training in self.trainings
            if training.phase == 2 and training.kind is SessionKind.IN_DEPTH and training.course in courses
        ]

    def _ask_for_in_depth(self) -> None:
        """People of the region ask; some trainings get more requests than seats; some people think better of it."""
        asking_for: dict[str, list[Person]] = {}
        for training in self._in_depth(*ASKABLE):
            pool = [
                person for person in training.team(self.teams) if person.requests and self._is_free(person, training)
            ]
            if training.course is Course.OVERSUBSCRIBED:
                wanted = training.capacity + self.rng.randint(4, 7)
            elif training.course is Course.ANNOUNCED_LATE:
                wanted = min(6, training.capacity - 2)
            else:
                wanted = int(training.capacity * self.rng.uniform(0.55, 0.85))
            asking = asking_for[training.session_id] = self.rng.sample(pool, wanted)
            for person in asking:
                self._asks(training.session_id, person)
                self.busy.setdefault(person.person_id, set()).update(days_of(training))
            if training.course is Course.OVERSUBSCRIBED:
                for person in (asking[0], asking[3], asking[-2]):  # Two with a place, one who waits.
                    self._withdraws(training.session_id, person)
            elif training.course is not Course.ANNOUNCED_LATE and self.rng.random() < 0.6:
                self._withdraws(training.session_id, asking[0])
        for training in self._uncontested()[:3]:
            one, two, three = asking_for[training.session_id][1:4]
            self._withdraws(training.session_id, one)
            self._asks(training.session_id, one)  # Thought better of it again: a second episode.
            self._withdraws(training.session_id, two)
            self._repeats(training.session_id, two)  # Sent again after the withdrawal: must not bring the place back.
            self._repeats(training.session_id, three)
            self._asks(training.session_id, three)  # Asked twice: refused, the place stands.

    def _is_free(self, person: Person, training: Training) -> bool:
        """Whether neither their team nor they themselves are trained elsewhere on its days: they would be refused, or wait."""
        of_team = (
            days_of(one)
            for one in self.trainings
            if one.kind is SessionKind.SUPPLEMENTARY and any(town.city_id == person.city_id for town in one.towns)
        )
        busy = self.busy.get(person.person_id, set()).union(*of_team)
        return busy.isdisjoint(days_of(training))

    def _uncontested(self) -> list[Training]:
        """In-depth trainings with seats to spare; those announced late come first."""
        spare = self._in_depth(Course.ANNOUNCED_LATE, Course.AS_PLANNED)
        return sorted(spare, key=lambda training: training.course is not Course.ANNOUNCED_LATE)

    def _ask_in_vain(self) -> None:
        """Requests that are refused, for every reason that can be known, and some that stay held."""
        count = self.shape.refused_each
        target = self._uncontested()[-1]
        people = list(everyone(self.teams))
        for person in [person for person in people if person.fate is Fate.LEFT][:count]:
            self._asks(target.session_id, person)
        not_selected = {town.city_id for town in self.towns if town.stage_2 == "not_selected"}
        outside = [person for person in people if person.city_id in not_selected and person.requests]
        for person in self.rng.sample(outside, count):
            self._asks(target.session_id, person)
        never_placed = self.rng.choice(outside)
        self._withdraws(self._in_depth(Course.OVERSUBSCRIBED)[0].session_id, never_placed)
        for training in self._in_depth(Course.BORN_CANCELLED):
            pool = [person for person in training.team(self.teams) if person.requests]
            for person in self.rng.sample(pool, count):
                self._asks(training.session_id, person)
        inside = [person for person in people if person.requests and person.city_id not in not_selected]
        for session_id, person in zip(UNANNOUNCED, self.rng.sample(inside, 2), strict=True):
            self._asks(session_id, person)
        teamless = next(person for person in people if person.fate is Fate.TEAMLESS)
        self._asks(target.session_id, teamless)

    def _speak_about_supplementary(self) -> None:
        """Members give back places they have by their team; some ask for a place that they have already."""
        ahead = [
            training
            for training in self.trainings
            if training.phase == 2 and training.kind is SessionKind.SUPPLEMENTARY
        ]
        roomy = [
            training for training in ahead if training.course in (Course.AS_PLANNED, Course.MOVED, Course.RELOCATED)
        ]
        for training in roomy[: self.shape.refused_each]:
            self._asks(
                training.session_id, next(p for p in training.team(self.teams) if p.kind is MemberKind.COORDINATOR)
            )
        tight = [training for training in ahead if training.course in (Course.TIGHT, Course.RAISED)]
        for training, count in [(training, 2) for training in tight] + [
            (training, 1) for training in roomy[-self.shape.give_back :]
        ]:
            pool = [p for p in training.team(self.teams) if p.requests and p.kind is not MemberKind.COORDINATOR]
            for person in self.rng.sample(pool, count):
                self._withdraws(training.session_id, person)


def days_of(training: Training) -> set[dt.date]:
    """When it is, as planned and as it may be moved."""
    held = [training, moved(training)] if training.course is Course.MOVED else [training]
    return {meeting.starts_local.date() for one in held for meeting in one.meetings}
