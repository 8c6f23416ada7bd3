"""What was said of places, of who came, of sessions and of towns, each time: how something stood at a moment, whenever that is heard of, and why it is so
today. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from services.attendance.declared import REMEMBER_NEEDS
from services.attendance.lists import ListRules, derive_answer
from services.attendance.state import (
    Place,
    Record,
    RecordSaid,
    SessionSaid,
    TownSaid,
    as_said,
    record_said_of,
    session_said_of,
    town_said_of,
)
from shared.contracts.attendance import PresenceFact
from shared.contracts.enrolment import (
    EnrolmentWithdrawn,
    PlaceFact,
    PlaceState,
    Standing,
    WithdrawalReason,
    standing_after,
)
from shared.contracts.model import Event, members
from shared.contracts.planner import SessionFact
from shared.contracts.selection import CityFact
from shared.events.envelope import Heard
from shared.events.streams import STREAMS
from shared.state.ownership import keep_statement
from shared.state.rows import FactRow, meta
from shared.state.working import Derive, Remember, Working
from shared.values import immutable

_ASKED_FOR = (WithdrawalReason.REQUESTED, WithdrawalReason.SUBSTITUTED)
"""By whoever had the place, or by their town."""
ENROLMENT = STREAMS[PlaceState.stream].owner


@immutable
class PlaceSaid(FactRow):
    """What was said of a place once. All of it is kept: how a place stands today does not say how it stood then."""

    KEY: ClassVar = ("session_id", "person_id", "source", "version")

    session_id: str
    person_id: str
    city_id: str | None
    state: Standing
    given_back_at: dt.datetime | None
    """When the withdrawal was sent that ended it."""
    decided_at: dt.datetime

    def held_at(self, moment: dt.datetime, rules: ListRules) -> bool:
        """Whether it stood so by then.

        Enrolment knows what it decided, and when: whoever gave a place back had done so when they sent that, however late it was
        decided on. Anybody else tells of the past what nobody knew then: it holds from when it was heard. But what was before
        go-live is history, and is theirs to tell.
        """
        if self.source == ENROLMENT:
            return min(self.decided_at, self.given_back_at or self.decided_at) <= moment
        return self.decided_at <= moment and (self.heard_at <= moment or rules.is_told(moment))


def said_of(heard: Heard[PlaceFact]) -> PlaceSaid:
    body = heard.body
    is_asked = isinstance(body, EnrolmentWithdrawn) and body.reason in _ASKED_FOR and body.request_id
    given_back_at = body.withdrawal_asked_at if is_asked else None
    return PlaceSaid(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.city_id,
        standing_after(body),
        given_back_at,
        body.decided_at,
    )


def _remember_place(working: Working, place: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a place."""
    keep_statement(working[PlaceSaid], said_of(heard), place, about=("session_id", "person_id"))


def _remember_record(working: Working, record: FactRow, heard: Heard[Any]) -> None:
    """Keeps what others say of a person at a meeting, and of us what stands no longer: what does is the record itself."""
    if heard.source != working.source:
        said = record_said_of(heard)
        keep_statement(working[RecordSaid], said, record, about=("session_id", "meeting_id", "person_id"))
    elif heard.event_id != record.event_id:
        working[RecordSaid].put(record_said_of(heard))


def _derive_from_record(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """Which request it answered; and what we had said before goes to what was said. Nobody's word but ours takes its place."""
    derive_answer(working, heard)
    if isinstance(old, Record) and old.source == working.source:
        working[RecordSaid].put(as_said(old))


DERIVE_RECORDS: dict[type[FactRow], Derive] = {Record: _derive_from_record}


def words_of(record: Record | None, kept: Iterable[RecordSaid]) -> list[RecordSaid]:
    """All that was said of one person at one meeting, the oldest first: what was kept, and what stands now."""
    said = {RecordSaid.key_of(one): one for one in kept}
    if record is not None:
        said.setdefault(RecordSaid.key_of(record), as_said(record))
    return sorted(said.values(), key=lambda one: (one.decided_at, one.version, one.source))


def _remember_session(working: Working, session: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a session."""
    keep_statement(working[SessionSaid], session_said_of(heard), session, about=("session_id",))


def _remember_town(working: Working, town: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a town in a stage."""
    keep_statement(working[TownSaid], town_said_of(heard), town, about=("city_id", "stage"))


REMEMBER: dict[type[Event], Remember] = {
    **dict.fromkeys(members(PlaceFact), _remember_place),
    **dict.fromkeys(members(PresenceFact), _remember_record),
    **dict.fromkeys(members(SessionFact), _remember_session),
    **dict.fromkeys(members(CityFact), _remember_town),
    **REMEMBER_NEEDS,
}
"""What is kept of facts beside the newest."""


def places_at(working: Working, session_id: str, moment: dt.datetime, rules: ListRules) -> dict[str, PlaceSaid]:
    """How everybody's place in the session stood at a moment, whenever that was heard, by person in a fixed order."""
    said = working[PlaceSaid].where("session_id", session_id)
    places = (working[Place].get(session_id, person_id) for person_id in {one.person_id for one in said})
    return stood_at(said, {one.person_id: one.source for one in places if one is not None}, moment, rules)


def stood_at(
    said: Iterable[PlaceSaid], owners: Mapping[str, str], moment: dt.datetime, rules: ListRules
) -> dict[str, PlaceSaid]:
    """How the places of one session stood at a moment. `owners`: whose word each person's place is now.

    The word of a place's owner goes before that of whoever stated it before them; of one writer the highest version.
    """
    stood: dict[str, tuple[tuple[Any, ...], PlaceSaid]] = {}
    for one in said:
        owner = owners.get(one.person_id) == one.source
        rank = (owner, one.version if owner else 0, one.decided_at, one.version, one.source)
        if one.held_at(moment, rules) and (one.person_id not in stood or stood[one.person_id][0] < rank):
            stood[one.person_id] = rank, one
    return {person_id: one for person_id, (_, one) in sorted(stood.items())}
