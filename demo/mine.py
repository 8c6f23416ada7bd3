"""The newcomer's own act: a town, a team of three and a training ahead, in a file that needs no other to be heard."""

from __future__ import annotations

import datetime as dt

from demo import days, names
from demo.feed import YOU, Feed, ticks
from demo.planner import training_days
from shared.contracts import Event
from shared.contracts.directory import ContactRegistered, MemberKind, PersonRegistered, TeamMemberJoined
from shared.contracts.model import Language
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.selection import CityQualified

TOWN_ID, TOWN_NAME = "demo:lipowiec", "Lipowiec nad Mgłą"
SESSION_ID = "session-mine-001"
YOUR_ADDRESS = "you@example.org"

_TEAM = (
    ("person-mine-1", "Zofia", "Wilk", YOUR_ADDRESS, MemberKind.COORDINATOR),
    ("person-mine-2", "Halina", "Sroka", "halina.sroka.lipowiec@example.org", MemberKind.PROJECT_STAFF),
    ("person-mine-3", "Jan", "Cichy", "jan.cichy.lipowiec@example.org", MemberKind.DEPARTMENT_STAFF),
)
AHEAD = dt.timedelta(days=60)


def say_mine(feed: Feed, stage_line: str, topic_line: str, today: dt.date, now: dt.datetime) -> None:
    """Says all of it. Stage and topic are the very lines of the programme: heard before, they change nothing."""
    feed.say_again(stage_line)
    feed.say_again(topic_line)
    moments = ticks(now - dt.timedelta(minutes=2), dt.timedelta(seconds=1))
    for event in _events(today):
        feed.say(event, YOU, next(moments))


def _events(today: dt.date) -> list[Event]:
    """One future supplementary session in a town that qualified in stage 2, and its team."""
    events: list[Event] = [
        CityQualified(
            city_id=TOWN_ID, stage=2, name=TOWN_NAME, voivodeship="małopolskie", population=9_400, decided_on=today
        )
    ]
    for person_id, given, family, email, kind in _TEAM:
        events += [
            PersonRegistered(person_id=person_id, given_name=given, family_name=family),
            ContactRegistered(person_id=person_id, email=email, language=Language.PL),
            TeamMemberJoined(
                person_id=person_id,
                city_id=TOWN_ID,
                from_date=today,
                department=names.PROJECT_OFFICE,
                role=None,
                kind=kind,
            ),
        ]
    run = days.next_run(today + AHEAD, 1, (days.TUESDAY,))
    session = SessionScheduled(
        session_id=SESSION_ID,
        kind=SessionKind.SUPPLEMENTARY,
        phase=2,
        topic=names.TOPICS[0][0],
        city_id=TOWN_ID,
        venue=names.TOWN_VENUES[0],
        address=f"Rynek 1, {TOWN_NAME}",
        capacity=10,
        meetings=training_days(run),
    )
    return [*events, session]
