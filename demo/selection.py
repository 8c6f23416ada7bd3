"""What the programme office and the selection system say: stages, topics, and each town's outcome in each stage."""

from __future__ import annotations

import datetime as dt

from demo import names
from demo.days import morning
from demo.feed import OFFICE, SELECTION, Feed, ticks
from demo.towns import Town
from shared.contracts import Event
from shared.contracts.rules import StageOpened, TopicDefined
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn

OPENED_DAYS_AGO = {1: 240, 2: 60}
DECIDED_DAYS_AGO = {1: 225, 2: 20}
PHASE_OF_STAGE = {1: 1, 2: 2}


def say_rules(feed: Feed, today: dt.date) -> None:
    """Stages with their phases, and the topics in both languages."""
    for stage, phase in PHASE_OF_STAGE.items():
        opened = today - dt.timedelta(days=OPENED_DAYS_AGO[stage])
        feed.say(
            StageOpened(rule_id=f"stage:{stage}", stage=stage, phase=phase, opened_on=opened), OFFICE, morning(opened)
        )
    moments = ticks(morning(today - dt.timedelta(days=OPENED_DAYS_AGO[1]), hour=9), dt.timedelta(minutes=1))
    for code, name_pl, name_en in names.TOPICS:
        rule = TopicDefined(rule_id=f"topic:{code}", topic=code, name_pl=name_pl, name_en=name_en)
        feed.say(rule, OFFICE, next(moments))


def say_outcomes(feed: Feed, towns: list[Town], today: dt.date) -> Town:
    """Every town's outcome in both stages. Returns the town that withdrew from stage 1 and came back."""
    returning = next(town for town in towns if town.stage_2 == "not_selected")
    for stage in PHASE_OF_STAGE:
        decided = today - dt.timedelta(days=DECIDED_DAYS_AGO[stage])
        moments = ticks(morning(decided, hour=12), dt.timedelta(seconds=1))
        for town in towns:
            outcome = town.stage_1 if stage == 1 else town.stage_2
            if outcome:
                feed.say(_outcome(town, stage, outcome, decided), SELECTION, next(moments))
    withdrawn = today - dt.timedelta(days=DECIDED_DAYS_AGO[1] - 7)
    facts = _town_facts(returning, 1, withdrawn) | {"reason": names.TOWN_WITHDRAWAL_REASON}
    feed.say(CityWithdrawn.model_validate(facts), SELECTION, morning(withdrawn))
    came_back = withdrawn + dt.timedelta(days=6)
    feed.say(_outcome(returning, 1, "qualified", came_back), SELECTION, morning(came_back))
    return returning


def _outcome(town: Town, stage: int, outcome: str, decided: dt.date) -> Event:
    facts = _town_facts(town, stage, decided)
    if outcome == "qualified":
        return CityQualified.model_validate(facts)
    return CityNotSelected.model_validate(facts | {"outcome": outcome})


def _town_facts(town: Town, stage: int, decided: dt.date) -> dict[str, object]:
    return {
        "city_id": town.city_id,
        "stage": stage,
        "name": town.name,
        "voivodeship": town.voivodeship,
        "population": town.population,
        "latitude": town.latitude,
        "longitude": town.longitude,
        "decided_on": decided,
    }
