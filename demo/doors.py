"""What the doors say: who came to today's training."""

from __future__ import annotations

import datetime as dt
import random

from demo.directory import Person
from demo.feed import DOORS, Feed, ticks
from demo.planner import Training
from demo.shape import Shape
from shared.contracts.checkin import CheckInScanned

DEVICES = ("door-1", "door-2")


def say_scans(
    feed: Feed, shape: Shape, training: Training, people: list[Person], now: dt.datetime, rng: random.Random
) -> tuple[Person, Person, Person]:
    """Scans most of the team, a few of them twice. Returns one who came, another one who did, and one who stayed away."""
    staying_away = [person for person in people if person.requests][-shape.absent_today :]
    came = [person for person in people if person not in staying_away]
    twice = came[: shape.scanned_twice]
    arrivals = [*came[:1], *rng.sample(came[1:], len(came) - 1), *twice]
    begin = training.meetings[0].starts_at
    moments = ticks(begin, (now - begin) / (len(arrivals) + 1))
    for person in arrivals:
        at = next(moments)
        scanned = CheckInScanned(
            session_id=training.session_id,
            meeting_id=training.meetings[0].meeting_id,
            person_id=person.person_id,
            scanned_at=at,
            device_id=rng.choice(DEVICES),
        )
        feed.say(scanned, DOORS, at)
    return came[0], next(person for person in came[1:] if person.requests), staying_away[-1]
