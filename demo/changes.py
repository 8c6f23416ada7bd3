"""What changes late: trainings move, grow, are cancelled or announced; people leave teams and change between them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator

from demo import days, names
from demo.directory import Fate, Person, everyone, membership
from demo.feed import DIRECTORY, PLANNER, Feed, ticks
from demo.planner import IN_DEPTH_STARTS, MID_SEASON, SUPPLEMENTARY_STARTS, Course, Training, training_days
from demo.towns import Town
from shared.contracts.directory import TeamMemberJoined, TeamMemberLeft
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled, SessionScheduled

LEAVES_IN = dt.timedelta(days=5)
"""Before the first training of phase 2."""


def say_changes(
    feed: Feed,
    trainings: list[Training],
    teams: dict[str, list[Person]],
    towns: list[Town],
    today: dt.date,
    now: dt.datetime,
    rng: random.Random,
) -> None:
    """States every change, all within the last hour; none touches a training that has begun."""
    moments = ticks(now - dt.timedelta(minutes=55), dt.timedelta(seconds=20))
    for training in trainings:
        _say_course(feed, training, moments, rng)
    _say_departures(feed, teams, towns, today, moments, rng)


def moved(training: Training) -> Training:
    """The same about a week later."""
    starts = SUPPLEMENTARY_STARTS if training.kind is SessionKind.SUPPLEMENTARY else IN_DEPTH_STARTS
    run = days.next_run(training.first_day + dt.timedelta(days=7), len(training.meetings), starts)
    return dataclasses.replace(training, meetings=training_days(run))


def _say_course(feed: Feed, training: Training, moments: Iterator[dt.datetime], rng: random.Random) -> None:
    match training.course:
        case Course.ANNOUNCED_LATE:
            feed.say(SessionScheduled.model_validate(training.facts()), PLANNER, next(moments))
        case Course.RAISED:
            raised = dataclasses.replace(training, capacity=training.capacity + 3)
            feed.say(SessionRescheduled.model_validate(raised.facts()), PLANNER, next(moments))
        case Course.MOVED:
            feed.say(SessionRescheduled.model_validate(moved(training).facts()), PLANNER, next(moments))
        case Course.RELOCATED:
            venue = rng.choice([venue for venue in names.TOWN_VENUES if venue != training.venue])
            relocated = dataclasses.replace(
                training, venue=venue, address=f"ul. Parkowa {rng.randint(1, 30)}, {training.host.name}"
            )
            feed.say(SessionRescheduled.model_validate(relocated.facts()), PLANNER, next(moments))
        case Course.CANCELLED:
            cancelled = training.facts() | {"reason": rng.choice(names.CANCELLATION_REASONS)}
            feed.say(SessionCancelled.model_validate(cancelled), PLANNER, next(moments))
        case _:
            pass


def _say_departures(
    feed: Feed,
    teams: dict[str, list[Person]],
    towns: list[Town],
    today: dt.date,
    moments: Iterator[dt.datetime],
    rng: random.Random,
) -> None:
    ahead = [town for town in towns if town.stage_2 == "qualified"]
    soon, mid_season = today + LEAVES_IN, today + dt.timedelta(days=MID_SEASON)
    for person in everyone(teams):
        if person.fate in (Fate.LEAVES, Fate.MOVES):
            feed.say(_left(person, soon), DIRECTORY, next(moments))
        elif person.fate is Fate.LEAVES_MID_SEASON:
            feed.say(_left(person, mid_season), DIRECTORY, next(moments))
        if person.fate is Fate.MOVES:
            new_town = rng.choice([town for town in ahead if town.city_id != person.city_id])
            joins = dataclasses.replace(person, city_id=new_town.city_id, from_date=soon + dt.timedelta(days=1))
            feed.say(TeamMemberJoined.model_validate(membership(joins)), DIRECTORY, next(moments))


def _left(person: Person, until_date: dt.date) -> TeamMemberLeft:
    return TeamMemberLeft.model_validate(membership(person) | {"until_date": until_date})
