"""The little programme that latency and mail are measured with: towns, people with teams and addresses, sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from shared.contracts.directory import ContactRegistered, MemberKind, PersonRegistered, TeamMemberJoined
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.rules import StageOpened, TopicDefined
from shared.contracts.selection import CityQualified
from shared.testing import Message, body_of, message

TOWNS = 54
IN_A_SESSION = 25


def person(number: int) -> str:
    return f"person-{number:06}"


def address(number: int) -> str:
    return f"person-{number:06}@example.org"


def session(number: int) -> str:
    """The session of a person."""
    return f"session-{number // IN_A_SESSION:04}"


def town(number: int) -> str:
    return f"town-{number % TOWNS:02}"


def truth(people: int, *, starts_in: dt.timedelta, hours: int = 6) -> Iterator[Message]:
    """Everything that enrolling, checking in and mailing people depends on; in-depth sessions that have room for all of them."""
    now = dt.datetime.now(dt.UTC)
    yield message(StageOpened(rule_id="stage:1", stage=1, phase=1, opened_on=dt.date(2026, 1, 1)))
    yield message(body_of(TopicDefined))
    for number in range(TOWNS):
        yield message(body_of(CityQualified, city_id=town(number), stage=1))
    starts = (now + starts_in).replace(tzinfo=None, microsecond=0)
    ends = starts + dt.timedelta(hours=hours)
    meeting = {"meeting_id": "day-1", "starts_local": starts, "ends_local": ends, "zone": "UTC"}
    for number in range(0, people, IN_A_SESSION):
        yield message(
            body_of(
                SessionScheduled,
                session_id=session(number),
                kind=SessionKind.IN_DEPTH,
                phase=1,
                city_id=town(number),
                capacity=IN_A_SESSION,
                meetings=[meeting],
            )
        )
    for number in range(people):
        joined = TeamMemberJoined(
            person_id=person(number),
            city_id=town(number),
            from_date=dt.date(2026, 1, 1),
            kind=MemberKind.COORDINATOR,
        )
        yield message(PersonRegistered(person_id=person(number), given_name="Łucja", family_name="Wiśniewska"))
        yield message(ContactRegistered(person_id=person(number), email=address(number)))
        yield message(joined)
