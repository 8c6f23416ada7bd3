"""What is true of towns and what they are asked: rows of who is in a team, which towns are called to nominate, and what became of whom
they nominated. Pure: no SQL, no clock, no decisions.

Whom a town's mail goes to its team says: who is in it as its coordinator.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from shared.contracts.directory import MemberKind, MembershipFact, last_day_after
from shared.contracts.enrolment import (
    CallEnd,
    CallFact,
    NominationAnswered,
    NominationsCalledOff,
    Nominee,
    RefusalReason,
    Standing,
)
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Working
from shared.values import immutable

PROGRAMME_ZONE = "Europe/Warsaw"
"""By whose clocks towns are reminded."""


@immutable
class Member(FactRow):
    """A person in a town's team from a day on."""

    KEY: ClassVar = ("person_id", "city_id", "from_date")

    person_id: str
    city_id: str
    from_date: dt.date
    until_date: dt.date | None
    """The last day, if it is known."""
    kind: MemberKind


@immutable
class Call(FactRow):
    """That a town is called to nominate people for a session."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "city_id")

    session_id: str
    city_id: str
    places: int
    until: dt.datetime
    noon_before_at: dt.datetime
    """Noon two days before the last day on which the town may nominate: hours of that day are counted from it."""
    ended: CallEnd | None
    """Why it is not called any more, if so."""


@immutable
class CallSaid(Call):
    """What was said of a call once: whether the town was called at go-live, and to what."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "city_id", "source", "version")


@immutable
class Answered(FactRow):
    """What became of everybody whom a town nominated at once."""

    KEY: ClassVar = ("session_id", "nomination_id")

    session_id: str
    nomination_id: str
    city_id: str
    people: tuple[Nominee, ...]
    decided_at: dt.datetime


@immutable
class Nominated(Row):
    """What became of one person whom a town nominated, by the newest answer; follows from `Answered`."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    nomination_id: str
    city_id: str
    standing: Standing
    reason: RefusalReason | None
    decided_at: dt.datetime
    heard_at: dt.datetime


def member_of(heard: Heard[MembershipFact]) -> Member:
    body = heard.body
    return Member(*meta(heard), body.person_id, body.city_id, body.from_date, last_day_after(body), body.kind)


def call_of(heard: Heard[CallFact]) -> Call:
    body = heard.body
    ended = body.reason if isinstance(body, NominationsCalledOff) else None
    return Call(
        *meta(heard), body.session_id, body.city_id, body.places, body.until, two_days_before(body.until), ended
    )


def two_days_before(until: dt.datetime) -> dt.datetime:
    """Noon of the day two days before the last one: whoever may nominate until midnight may on the day before."""
    zone = ZoneInfo(PROGRAMME_ZONE)
    last = (until - dt.timedelta(microseconds=1)).astimezone(zone).date()
    return dt.datetime.combine(last - dt.timedelta(days=2), dt.time(12), zone).astimezone(dt.UTC)


def answered_of(heard: Heard[NominationAnswered]) -> Answered:
    body = heard.body
    people = tuple(nominee.as_named() for nominee in body.people)
    return Answered(*meta(heard), body.session_id, body.nomination_id, body.city_id, people, body.decided_at)


def derive_nominated(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """Of who was nominated twice the newer answer counts, in whatever order they are heard."""
    assert isinstance(new, Answered)
    for nominee in new.people:
        before = working[Nominated].get(new.session_id, nominee.person_id)
        order = (new.decided_at, new.nomination_id)
        if before is None or (before.decided_at, before.nomination_id) <= order:
            row = Nominated(
                new.session_id,
                nominee.person_id,
                new.nomination_id,
                new.city_id,
                nominee.standing,
                nominee.reason,
                new.decided_at,
                new.heard_at,
            )
            working[Nominated].put(row)
