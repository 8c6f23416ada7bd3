"""What the survey system says: which trainings each town asked for."""

from __future__ import annotations

import datetime as dt
import random

from demo import names
from demo.days import morning
from demo.feed import SURVEY, Feed, ticks
from demo.towns import Town
from shared.contracts.survey import NeedLevel, NeedState, TrainingNeedDeclared

DECLARED_DAYS_AGO = 185
WITHDRAWN_SHARE = 0.04


def declare_needs(feed: Feed, towns: list[Town], today: dt.date, rng: random.Random) -> dict[str, tuple[str, ...]]:
    """Declares the needs of every town that qualified in stage 1 and returns the topics that stand, by city id."""
    moments = ticks(morning(today - dt.timedelta(days=DECLARED_DAYS_AGO)), dt.timedelta(minutes=3))
    codes = [code for code, _, _ in names.TOPICS]
    standing: dict[str, tuple[str, ...]] = {}
    for town in towns:
        if town.stage_1 != "qualified":
            continue
        topics = [
            *rng.sample(codes[: names.COMMON_TOPICS], 2),
            *rng.sample(codes[names.COMMON_TOPICS :], rng.randint(1, 2)),
        ]
        for topic in topics:
            need = TrainingNeedDeclared(
                need_id=f"need-{town.number}-{topic}",
                city_id=town.city_id,
                topic=topic,
                level=rng.choice((NeedLevel.BASIC, NeedLevel.BASIC, NeedLevel.ADVANCED)),
                audience=names.AUDIENCES[topic],
                people=rng.randint(8, 30),
            )
            feed.say(need, SURVEY, next(moments))
        if rng.random() < WITHDRAWN_SHARE:
            feed.say(need.model_copy(update={"state": NeedState.WITHDRAWN}), SURVEY, next(moments))
            topics.pop()
        standing[town.city_id] = tuple(topics)
    return standing
