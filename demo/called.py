"""The trainings that say of their places who gets them and how: towns are called to nominate for them. Holds their terms only."""

from __future__ import annotations

import datetime as dt
from enum import Enum, auto

from demo.days import morning
from demo.towns import Town
from shared.contracts.directory import MemberKind
from shared.contracts.planner import AfterOffer, FreePlaces, OfferHours

OPENED_DAYS_AGO, NOMINATIONS_END_IN, OPENS_IN = 5, 11, 12
SHARE = 2
"""How many of one town may have a place."""
STORY_SEATS = 5
STORY_OFFER_HOURS = 48


class Way(Enum):
    """How a training gives its places."""

    STORY = auto()
    """For three towns, whose people are named in the story."""
    OFFERED = auto()
    """A free place is held for a week for whoever is next; whoever does not want it leaves."""
    OFFICE_HOURS = auto()
    """Held for hours of offices; whoever does not want it waits behind all others. Nobody asks for themselves, and the decision day has
    passed."""
    HANDED_OVER = auto()
    """Its places come from the archive, with offers that nobody had answered."""
    RELEASED = auto()
    """What towns have not used is for all by now, at once; but not for everybody of a team."""
    NOT_OPEN_YET = auto()


WAYS = (Way.OFFERED, Way.OFFICE_HOURS, Way.HANDED_OVER, Way.RELEASED, Way.NOT_OPEN_YET)


def terms_of(way: Way, towns: tuple[Town, ...], seats: int, today: dt.date) -> dict[str, object]:
    """What the training says of who gets a place in it, how and until when."""

    def on(days: int) -> dt.datetime:
        return morning(today + dt.timedelta(days=days))

    terms: dict[str, object] = {
        "admits": {"phases": (1,)},
        "places_per_town": SHARE,
        "opens_at": on(-OPENED_DAYS_AGO),
        "nominations_until": on(NOMINATIONS_END_IN),
        "free_places": FreePlaces.OFFERED,
        "offer_hours": 7 * 24,
        "freeze_hours": 24,
    }
    match way:
        case Way.STORY:
            return terms | {
                "admits": {"cities": tuple(town.city_id for town in towns)},
                "minimum": 3,
                "by_oneself": False,
                "offer_hours": STORY_OFFER_HOURS,
            }
        case Way.OFFERED | Way.HANDED_OVER:
            return terms
        case Way.OFFICE_HOURS:
            return terms | {
                "by_oneself": False,
                "offer_hours": 40,
                "offer_hours_count": OfferHours.WORKING,
                "after_offer": AfterOffer.TO_THE_END,
                "minimum": seats * 3 // 4,
                "decision_date": today - dt.timedelta(days=1),
            }
        case Way.RELEASED:
            return terms | {
                "admits": {"phases": (1,), "kinds": (MemberKind.PROJECT_STAFF, MemberKind.COORDINATOR)},
                "release_date": today - dt.timedelta(days=2),
                "free_places": FreePlaces.AT_ONCE,
            }
        case Way.NOT_OPEN_YET:
            return terms | {"opens_at": on(OPENS_IN), "nominations_until": on(OPENS_IN + 2)}
