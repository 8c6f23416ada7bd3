"""Two ids turned out to be one human: what is recorded of both is recorded of the one who stays, once. Pure functions from what is known
to facts.

As with a walk-in who becomes known: the record under the former id is taken back and says whose it was (`linked_to`), the survivor has it
with its times (`linked_from`). So whoever reads records – lists, reports, certificates, other systems – counts one human without knowing
what a merge is, and the history of both says how that came about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from services.attendance.history import PlaceSaid, places_at
from services.attendance.lists import ListRules, awaited_at, closed_list
from services.attendance.outcomes import is_ours
from services.attendance.scanning import role_of
from services.attendance.state import Place, Record, Session
from services.attendance.stating import CARRIED, corrected, said, taken_back
from shared.contracts.attendance import Because, NotAwaited, PresenceFact, Role
from shared.state.merged import ids_of, survivor
from shared.state.working import Working


def decide_merged(working: Working, record: Record, rules: ListRules) -> list[PresenceFact]:
    """What is said of a record that stands under an id which has gone into another one.

    Of two records of one human at one meeting that stays which says more. What others state stands as they state it: reports see who it is.
    """
    into = survivor(working, record.person_id)
    if into == record.person_id or not record.state.is_told or not is_ours(working, record):
        return []
    theirs = working[Record].get(record.session_id, record.meeting_id, into)
    if theirs is not None and not is_ours(working, theirs):
        return []
    gone = taken_back(record, NotAwaited.LINKED, working.now, linked_to=into, because=Because.PERSON)
    if theirs is not None and _rank(theirs) >= _rank(record):
        return [gone]
    return [gone, _of_survivor(working, record, theirs, into, rules)]


def _of_survivor(working: Working, record: Record, theirs: Record | None, into: str, rules: ListRules) -> PresenceFact:
    place = _place_of(working, record, into, rules)
    with_place = place is not None and place.state.has_seat
    fields = {name: getattr(record, name) for name in CARRIED}
    fields |= {"city_id": place.city_id if place else record.city_id, "with_place": with_place}
    fields |= {
        "linked_from": record.person_id,
        "because": Because.PERSON,
        "role": _role_of(working, record, into, with_place),
    }
    about = (record.session_id, record.meeting_id, into)
    if record.corrected:
        return corrected(record.state, about, fields, theirs, now=working.now)
    return said(record.state, about, fields, now=working.now)


def _role_of(working: Working, record: Record, into: str, with_place: bool) -> Role:
    return role_of(working[Session].get(record.session_id), record, into, with_place=with_place)


def _place_of(working: Working, record: Record, into: str, rules: ListRules) -> Place | PlaceSaid | None:
    """The place of a human at a meeting, whichever of their ids had it: when the list closed, or now."""
    closed = closed_list(working, record.session_id, record.meeting_id)
    if closed is not None:
        return of_humans(working, places_at(working, record.session_id, awaited_at(closed), rules)).get(into)
    places = [working[Place].get(record.session_id, one) for one in ids_of(working, into)]
    known = [one for one in places if one is not None]
    return max(known, key=lambda one: one.state.has_seat, default=None)


def of_humans(working: Working, stood: Mapping[str, PlaceSaid]) -> dict[str, PlaceSaid]:
    """How everybody's place stood, by human: of several ids the place that is a seat, else the survivor's own."""
    found: dict[str, PlaceSaid] = {}
    for person_id, place in stood.items():
        into = survivor(working, person_id)
        before = found.get(into)
        is_better = before is None or (place.state.has_seat, person_id == into) > (before.state.has_seat, False)
        if is_better:
            found[into] = place if into == person_id else dataclasses.replace(place, person_id=into)
    return dict(sorted(found.items()))


def _rank(record: Record) -> tuple[bool, bool, int]:
    """How much a record says: that somebody came before that they did not, and longer before shorter."""
    return record.state.came, record.state.is_told, record.minutes or 0
