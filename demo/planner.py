"""What the planner says: the dated trainings of both phases, one of them today."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from demo import days, names
from demo.called import STORY_SEATS, WAYS, Way, terms_of
from demo.directory import Person
from demo.feed import PLANNER, Feed, ticks
from demo.shape import Shape
from demo.towns import Region, Town, kilometres, regions_of
from shared.contracts.planner import Meeting, SessionCancelled, SessionDrafted, SessionKind, SessionScheduled

PAST_FROM, PAST_UNTIL = -150, -24
AHEAD_FROM, AHEAD_UNTIL = 16, 150
MID_SEASON = 75
"""Days from today. First rounds of phase 2 begin before mid-season, second rounds after it."""

SUPPLEMENTARY_STARTS = (days.MONDAY, days.TUESDAY, days.WEDNESDAY)
IN_DEPTH_STARTS = (days.THURSDAY,)
"""In-depth trainings keep to the end of the week, so that nobody has two trainings on one day."""
CALLED_STARTS = (days.FRIDAY,)
"""On Fridays no team is trained at home: whoever a town nominates has time."""


class Course(Enum):
    """What happens to a training after it was announced."""

    AS_PLANNED = auto()
    TODAY = auto()
    TIGHT = auto()
    """Fewer seats than the team has members."""
    RAISED = auto()
    """Tight, until it gets more seats."""
    MOVED = auto()
    RELOCATED = auto()
    CANCELLED = auto()
    OVERSUBSCRIBED = auto()
    ANNOUNCED_LATE = auto()
    """People ask for it before anyone has heard of it."""
    BORN_CANCELLED = auto()
    """First heard of as cancelled."""
    CALLED = auto()
    """Towns are called to nominate, by the training's own terms."""


@dataclass(frozen=True, slots=True)
class Training:
    """One session as it is planned, with the towns it is for and what will happen to it."""

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    host: Town
    towns: tuple[Town, ...]
    venue: str
    address: str
    capacity: int
    meetings: tuple[Meeting, ...]
    course: Course
    way: Way | None = None
    """Of one for which towns are called: how it gives its places."""
    terms: Mapping[str, object] = field(default_factory=dict)
    """What it says of its places beside their number."""

    @property
    def first_day(self) -> dt.date:
        return self.meetings[0].starts_local.date()

    @property
    def last_day(self) -> dt.date:
        return self.meetings[-1].ends_local.date()

    def team(self, teams: dict[str, list[Person]]) -> list[Person]:
        """The members, at the time of the training, of the towns it is for."""
        people = (person for town in self.towns for person in teams[town.city_id])
        return [person for person in people if person.member_during(self.first_day, self.last_day)]

    def facts(self) -> dict[str, object]:
        """The body that every fact about the session states."""
        return {
            "session_id": self.session_id,
            "kind": self.kind,
            "phase": self.phase,
            "topic": self.topic,
            "city_id": self.host.city_id,
            "venue": self.venue,
            "address": self.address,
            "capacity": self.capacity,
            "meetings": self.meetings,
            **self.terms,
        }


def training_days(run: Iterable[dt.date]) -> tuple[Meeting, ...]:
    """One meeting of ordinary hours on each of the days."""
    return tuple(
        Meeting(
            meeting_id=f"day-{number}",
            starts_local=dt.datetime.combine(day, days.OPENS),
            ends_local=dt.datetime.combine(day, days.CLOSES),
        )
        for number, day in enumerate(run, start=1)
    )


def today_meeting(now: dt.datetime, lasts: dt.timedelta) -> tuple[Meeting, ...]:
    """The meeting that is under way: it began this hour, today, and ends `lasts` from now, at the next five minutes."""
    began = now - dt.timedelta(hours=1, minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    midnight = dt.datetime.combine(days.local(now).date(), dt.time())
    ends = now + lasts
    late = dt.timedelta(minutes=ends.minute % 5, seconds=ends.second, microseconds=ends.microsecond)
    return (
        Meeting(
            meeting_id="day-1",
            starts_local=max(days.local(began), midnight),
            ends_local=days.local(ends + (dt.timedelta(minutes=5) - late if late else dt.timedelta(0))),
        ),
    )


class Plan:
    """Lays out all trainings of the demo for one day, one size and one source of chance."""

    def __init__(
        self,
        shape: Shape,
        towns: list[Town],
        teams: dict[str, list[Person]],
        topics: dict[str, tuple[str, ...]],
        today: dt.date,
        rng: random.Random,
    ) -> None:
        self._shape, self._teams, self._topics, self._today, self._rng = shape, teams, topics, today, rng
        ahead = [town for town in towns if town.stage_2 == "qualified"]
        self._towns = {1: [town for town in towns if town.stage_1 == "qualified"], 2: ahead}
        # The town of the story closes both lists: the last training of phase 1 is its own, and takes place today.
        self._towns[1].sort(key=lambda town: town is ahead[-1])
        self._story = ahead[-1]

    def trainings(self, today_meetings: tuple[Meeting, ...]) -> list[Training]:
        """All trainings in the order of their dates, numbered by phase."""
        planned = [
            self._supplementary(phase, number)
            for phase in (1, 2)
            for number in range(self._shape.supplementary[phase - 1])
        ]
        today = planned[self._shape.supplementary[0] - 1]
        if today.host is not self._story:
            raise ValueError("the last supplementary training of phase 1 must be that of the story's town")
        planned.remove(today)
        planned.append(dataclasses.replace(today, meetings=today_meetings, course=Course.TODAY))
        for phase in (1, 2):
            regions = regions_of(self._towns[phase], self._shape.regions[phase - 1])
            planned += [self._in_depth(phase, number, regions) for number in range(self._shape.in_depth[phase - 1])]
        planned.sort(key=lambda training: (training.phase, training.meetings[0].starts_local, training.host.city_id))
        numbers = {1: iter(range(1, 1000)), 2: iter(range(1, 1000))}
        return [
            dataclasses.replace(training, session_id=f"session-p{training.phase}-{next(numbers[training.phase]):03d}")
            for training in planned
        ]

    def _supplementary(self, phase: int, number: int) -> Training:
        towns, rng = self._towns[phase], self._rng
        town = towns[number % len(towns)]
        course = self._course_of_supplementary(number) if phase == 2 else Course.AS_PLANNED
        members = len(self._teams[town.city_id])
        short = course in (Course.TIGHT, Course.RAISED)
        seats = members - members // 6 - rng.randint(2, 3) if short else -(-(members + 4) // 5) * 5
        rounds = -(-self._shape.supplementary[phase - 1] // len(towns))
        return Training(
            session_id="",
            kind=SessionKind.SUPPLEMENTARY,
            phase=phase,
            topic=rng.choice(self._topics[town.city_id]),
            host=town,
            towns=(town,),
            venue=rng.choice(names.TOWN_VENUES),
            address=self._address(town),
            capacity=seats,
            meetings=self._dates(phase, number // len(towns), rounds, SUPPLEMENTARY_STARTS, long_share=0.35),
            course=course,
        )

    def _in_depth(self, phase: int, number: int, regions: list[Region]) -> Training:
        rng, region = self._rng, regions[number % len(regions)]
        sessions = self._shape.in_depth[phase - 1]
        is_called = phase == 2 and number in self._shape.called
        starts, long_share = (CALLED_STARTS, 0.0) if is_called else (IN_DEPTH_STARTS, 0.6)
        training = Training(
            session_id="",
            kind=SessionKind.IN_DEPTH,
            phase=phase,
            topic=names.TOPICS[(number // len(regions)) % names.COMMON_TOPICS][0],
            host=region.host,
            towns=region.towns,
            venue=rng.choice(names.REGION_VENUES),
            address=self._address(region.host),
            capacity=rng.randint(*self._shape.in_depth_seats),
            meetings=self._dates(phase, number, sessions, starts, long_share=long_share),
            course=self._course_of_in_depth(number) if phase == 2 else Course.AS_PLANNED,
        )
        return self._called(training, self._shape.called.index(number)) if is_called else training

    def _called(self, training: Training, which: int) -> Training:
        """The same with terms of its own; the first of them is that of the story, for its town and the two nearest."""
        way = WAYS[(which - 1) % len(WAYS)] if which else Way.STORY
        towns, seats = tuple(self._towns[1]), self._shape.called_seats
        if way is Way.STORY:
            near = sorted(self._towns[2], key=lambda town: kilometres(town, self._story))
            training = dataclasses.replace(training, host=self._story, address=self._address(self._story))
            towns, seats = tuple(near[:3]), STORY_SEATS
        terms = terms_of(way, towns, seats, self._today)
        return dataclasses.replace(training, towns=towns, capacity=seats, course=Course.CALLED, way=way, terms=terms)

    def _dates(
        self, phase: int, part: int, parts: int, first_weekdays: tuple[int, ...], *, long_share: float
    ) -> tuple[Meeting, ...]:
        """Days in one part of the phase's season."""
        if phase == 1:
            begin, end = PAST_FROM, PAST_UNTIL
        elif parts == 2:
            begin, end, part, parts = ((AHEAD_FROM, MID_SEASON - 15), (MID_SEASON + 1, AHEAD_UNTIL))[part] + (0, 1)
        else:
            begin, end = AHEAD_FROM, AHEAD_UNTIL
        length = (end - begin) / parts
        offset = begin + int(length * part + self._rng.random() * length)
        run_length = 2 if self._rng.random() < long_share else 1
        return training_days(days.next_run(self._today + dt.timedelta(days=offset), run_length, first_weekdays))

    def _address(self, town: Town) -> str:
        return f"{self._rng.choice(names.STREETS)} {self._rng.randint(1, 60)}, {town.name}"

    def _course_of_supplementary(self, number: int) -> Course:
        shape = self._shape
        return _course(
            number,
            (shape.tight, Course.TIGHT),
            (shape.raised, Course.RAISED),
            (shape.moved, Course.MOVED),
            (shape.relocated, Course.RELOCATED),
            (shape.cancelled, Course.CANCELLED),
        )

    def _course_of_in_depth(self, number: int) -> Course:
        shape = self._shape
        return _course(
            number,
            (shape.oversubscribed, Course.OVERSUBSCRIBED),
            (shape.announced_late, Course.ANNOUNCED_LATE),
            (shape.born_cancelled, Course.BORN_CANCELLED),
            (shape.in_depth_moved, Course.MOVED),
            (shape.in_depth_relocated, Course.RELOCATED),
            (shape.in_depth_cancelled, Course.CANCELLED),
        )


def _course(number: int, *courses: tuple[frozenset[int], Course]) -> Course:
    return next((course for numbers, course in courses if number in numbers), Course.AS_PLANNED)


def announce(feed: Feed, trainings: list[Training], today: dt.date) -> None:
    """Announces every training but those that the planner announces late."""
    moments = ticks(days.morning(today - dt.timedelta(days=14)), dt.timedelta(minutes=2))
    for training in trainings:
        if training.course is Course.ANNOUNCED_LATE:
            continue
        at = days.morning(training.first_day - dt.timedelta(days=30)) if training.phase == 1 else next(moments)
        if training.way is Way.STORY:
            drafted = SessionDrafted.model_validate(training.facts())
            feed.say(drafted, PLANNER, days.morning(today - dt.timedelta(days=21)))
        if training.course is Course.BORN_CANCELLED:
            cancelled = training.facts() | {"reason": names.CANCELLATION_REASONS[2]}
            feed.say(SessionCancelled.model_validate(cancelled), PLANNER, at, version=2)
        else:
            feed.say(SessionScheduled.model_validate(training.facts()), PLANNER, at)
