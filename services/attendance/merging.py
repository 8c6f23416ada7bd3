"""Two ids turned out to be one human: what is recorded of both is recorded of the one who stays, once. Pure functions from what is known
to facts.

As with a walk-in who becomes known: the record under the former id is taken back and says whose it was (`linked_to`), the survivor has it
with its times (`linked_from`). So whoever reads records – lists, reports, certificates, other systems – counts one human without knowing
what a merge is, and the history of both says how that came about.
"""

from __future__ import annotations

from services.attendance.humans import place_of, there_since, trained
from services.attendance.lists import ListRules, closed_list, meeting_once
from services.attendance.outcomes import is_ours
from services.attendance.scanning import role_of
from services.attendance.state import Record, Session
from services.attendance.stating import CARRIED, corrected, said, taken_back
from shared.contracts.attendance import Because, NotAwaited, PresenceFact, Role
from shared.state.merged import survivor
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
    closed = closed_list(working, record.session_id, record.meeting_id)
    place = place_of(working, record.session_id, into, closed, rules)
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
    session, is_trainer = working[Session].get(record.session_id), False
    if session is not None:
        meeting = session.meeting(record.meeting_id) or meeting_once(working, session, record.meeting_id)
        seen = record.scanned_at or record.decided_at
        since = there_since(record.state, record.arrived_at, seen, meeting)
        is_trainer = trained(working, session, meeting, into, at=since)
    return role_of(record, trains=is_trainer, with_place=with_place)


def _rank(record: Record) -> tuple[bool, bool, int]:
    """How much a record says: that somebody came before that they did not, and longer before shorter."""
    return record.state.came, record.state.is_told, record.minutes or 0
