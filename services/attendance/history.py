"""How a place stood at a moment, whenever that is heard of. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from services.attendance.state import Place, standing_of
from shared.contracts.enrolment import EnrolmentWithdrawn, PlaceState, Standing, WithdrawalReason
from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.events.streams import STREAMS
from shared.state.rows import FactRow
from shared.state.working import Remember, Verdict, Working, compare, meta
from shared.values import immutable

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

    @property
    def holds_from(self) -> dt.datetime:
        """Since when it stood so. Enrolment knows what it decided, and when: whoever gave a place back had done so when they sent that,
        however late it was decided on. Anybody else tells of the past what nobody knew then: it holds from when it was heard."""
        if self.source != ENROLMENT:
            return max(self.decided_at, self.heard_at)
        return min(self.decided_at, self.given_back_at or self.decided_at)


def said_of(heard: Heard[PlaceState]) -> PlaceSaid:
    body = heard.body
    is_asked = isinstance(body, EnrolmentWithdrawn) and body.reason == WithdrawalReason.REQUESTED and body.request_id
    given_back_at = body.withdrawal_asked_at if is_asked else None
    return PlaceSaid(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.city_id,
        standing_of(body),
        given_back_at,
        body.decided_at,
    )


def _remember_place(working: Working, place: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a place, in whatever order it is heard. Its owner may be another one by now: then it is judged here
    whether they kept to one way of numbering."""
    rows = working[PlaceSaid]
    said = said_of(heard)
    of_person = (row for row in rows.where("person_id", said.person_id) if row.session_id == said.session_id)
    if said.source != place.source and any(
        row.source == said.source and row.numbered != said.numbered for row in of_person
    ):
        return
    old = rows.get(*rows.key(said))
    if old is None or compare(old, said) is Verdict.NEWER:
        rows.put(said)


REMEMBER: dict[type[Event], Remember] = dict.fromkeys(PlaceState.__subclasses__(), _remember_place)
"""What is kept of facts beside the newest."""


def places_at(working: Working, session_id: str, moment: dt.datetime) -> dict[str, PlaceSaid]:
    """How everybody's place in the session stood at a moment, whenever that was heard, by person in a fixed order.

    The word of a place's owner goes before that of whoever stated it before them; of one writer the highest version.
    """
    stood: dict[str, tuple[tuple[Any, ...], PlaceSaid]] = {}
    for said in working[PlaceSaid].where("session_id", session_id):
        place = working[Place].get(session_id, said.person_id)
        owner = place is not None and place.source == said.source
        rank = (owner, said.version if owner else 0, said.decided_at, said.version, said.source)
        if said.holds_from <= moment and (said.person_id not in stood or stood[said.person_id][0] < rank):
            stood[said.person_id] = rank, said
    return {person_id: said for person_id, (_, said) in sorted(stood.items())}
