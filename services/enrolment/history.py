"""What is kept beside the newest, so that it can be said later why somebody had a place or had none: what others said, and what became
of requests of which no fact says so. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, ClassVar

from services.enrolment.corrections import NotDone
from services.enrolment.eligibility import Wait
from services.enrolment.subjects import session_subject
from shared.contracts.directory import MembershipFact, PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import AskedFor, PlaceFact, what_it_asks
from shared.contracts.model import Event, members
from shared.contracts.planner import SessionFact
from shared.contracts.selection import CityFact
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Held, Remember, Working
from shared.values import immutable


@immutable
class Told(FactRow):
    """What somebody else said once of a session, a place, a town, a team or a person: how it stands today does not say what was known
    when something was decided."""

    KEY: ClassVar = ("subject", "source", "version", "heard_at", "event_id")
    """A writer may say two things under one version: the later counts from then on, and what was known until then was the other."""

    subject: str
    about: str
    """The session, person or town: all that was said of one of these is asked for together."""
    type: str
    body: str
    """As the contract names it; of a person nothing but that they are known, or erased."""
    said_at: dt.datetime = field(compare=False)
    """As its writer has it: said again it may be another moment."""
    offset: int = field(compare=False)
    """Where it stands in its stream: several may have been appended in one millisecond."""

    def place_in_log(self) -> tuple[dt.datetime, int]:
        return self.heard_at, self.offset

    def repeats(self, before: Told) -> bool:
        """Whether it is nothing new after that one: it says the same, or something else under one id."""
        again = replace(before, event_id=self.event_id, heard_at=self.heard_at)
        return again == self or before.event_id == self.event_id


_KINDS: tuple[type[Event], ...] = (
    *members(SessionFact),
    *members(PlaceFact),
    *members(CityFact),
    *members(MembershipFact),
    PersonRegistered,
    PersonMerged,
    PersonErased,
)
_NAMELESS = (PersonRegistered, PersonErased)


def told_of(heard: Heard[Any]) -> Told:
    body = heard.body
    said = "{}" if isinstance(body, _NAMELESS) else body.model_dump_json(include=set(type(body).model_fields))
    return Told(*meta(heard), heard.subject, _about(body), heard.type, said, heard.stated_at, heard.offset)


def version_of(heard: Heard[Any]) -> tuple[str, str, int]:
    """What was said under one version is compared with one another."""
    return heard.subject, heard.source, heard.version


def is_kept(heard: Heard[Any], source: str) -> bool:
    """Whether it is one of these. Our own words are in the journal."""
    return heard.source != source and type(heard.body) in _KINDS


def _about(body: Any) -> str:
    if isinstance(body, members(SessionFact) + members(PlaceFact)):
        return session_subject(body.session_id)
    if isinstance(body, members(CityFact)):
        return f"city/{body.city_id}"
    if isinstance(body, PersonMerged):
        return f"person/{body.into_person_id}"
    return f"person/{body.person_id}"


def _remember(working: Working, row: FactRow, heard: Heard[Any]) -> None:
    """Keeps what others said, in whatever order it is heard: of what was repeated the first in the log."""
    if not is_kept(heard, working.source):
        return
    told, rows = told_of(heard), working[Told]
    said = rows.where("subject", told.subject, source=told.source, version=told.version)
    before = max(
        (one for one in said if one.place_in_log() <= told.place_in_log()), key=Told.place_in_log, default=None
    )
    if before is not None and told.repeats(before):
        return
    after = min((one for one in said if one.place_in_log() > told.place_in_log()), key=Told.place_in_log, default=None)
    if after is not None and after.repeats(told):
        rows.remove(*rows.key(after))
    rows.put(told)


REMEMBER: dict[type[Event], Remember] = dict.fromkeys(_KINDS, _remember)
"""What is kept of facts beside the newest."""


class Became(StrEnum):
    """What became of a request of which no fact says so."""

    HELD = "held"
    """It waits for what it is about."""
    UNCHANGED = "unchanged"
    """What it asks for was so already."""
    SET_ASIDE = "set_aside"
    REFUSED = "refused"
    """By a fact about somebody else whom it names, too."""


@immutable
class Unsaid(Row):
    """What became of a request, for one of the people whom it is about. Kept: no stream could tell it again, and what is held is gone
    once it is decided."""

    KEY: ClassVar = ("request_source", "request_id", "person_id", "since")

    request_source: str
    request_id: str
    person_id: str
    """Nobody's, if it is about a session."""
    since: dt.datetime
    session_id: str
    asked_for: AskedFor
    asked_at: dt.datetime
    """When it had been appended."""
    stated_at: dt.datetime
    became: Became
    waits_for: str | None
    until: dt.datetime | None
    reason: str | None
    detail: str | None


def note_wait(working: Working, heard: Heard[Any], wait: Wait, until: dt.datetime, *, before: Held | None) -> None:
    """That a request is held, unless it was for just this before: it is looked at again with everything that arrives about it."""
    if before is None or (before.waits_for, before.expires_at) != (wait.waits_for, until):
        _note(working, heard, Became.HELD, waits_for=wait.waits_for, until=until)


def note_set_aside(working: Working, heard: Heard[Any], why: NotDone) -> None:
    _note(working, heard, Became.SET_ASIDE, reason=why.reason, detail=why.detail)


def note_unchanged(working: Working, heard: Heard[Any]) -> None:
    _note(working, heard, Became.UNCHANGED)


def note_refused(working: Working, heard: Heard[Any], person_id: str) -> None:
    """That a request is refused which is about this person, too, by a fact that is about another one."""
    _note(working, heard, Became.REFUSED, people=[person_id])


def _note(
    working: Working,
    heard: Heard[Any],
    became: Became,
    *,
    waits_for: str | None = None,
    until: dt.datetime | None = None,
    reason: str | None = None,
    detail: str | None = None,
    people: Iterable[str] | None = None,
) -> None:
    body = heard.body
    for person_id in people_of(body) if people is None else people:
        asked = (body.session_id, what_it_asks(body), heard.appended_at, heard.stated_at)
        key = (heard.source, heard.event_id, person_id, working.now)
        working[Unsaid].put(Unsaid(*key, *asked, became, waits_for, until, reason, detail))


def people_of(body: Any) -> Iterable[str]:
    """Whom a request is about; one without a name, if it is about a session."""
    named = ("person_id", "people", "leaves", "comes")
    found = [getattr(body, name) for name in named if hasattr(body, name)]
    people = [one for each in found for one in (each if isinstance(each, tuple) else (each,))]
    return dict.fromkeys(people) or {"": None}
