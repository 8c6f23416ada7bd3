"""One human under several ids: what is known of them, whichever of their ids is asked about. Reads loaded rows; decides nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

from services.attendance.history import PlaceSaid, places_at
from services.attendance.lists import ListRules, as_heard, awaited_at, meeting_once, who_trained
from services.attendance.minutes import Span
from services.attendance.state import MeetingList, Place, Record, Session
from shared.contracts.attendance import Because, NotAwaited, Presence
from shared.contracts.planner import Meeting
from shared.state.merged import Merged, ids_of, survivor
from shared.state.working import Working, worked_out_of


def place_of(
    working: Working, session_id: str, person_id: str, closed: MeetingList | None, rules: ListRules
) -> Place | PlaceSaid | None:
    """The place of a human at a meeting, whichever of their ids had it: when the list closed, or now."""
    if closed is not None:
        stood = of_humans(working, places_at(working, session_id, awaited_at(closed), rules))
        return stood.get(survivor(working, person_id))
    ids = ids_of(working, person_id)
    if len(ids) == 1:  # Nearly everybody.
        return working[Place].get(session_id, *ids)
    known = [one for other in ids if (one := working[Place].get(session_id, other)) is not None]
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


def of_survivor(working: Working, session_id: str, meeting_id: str, person_id: str) -> Record | None:
    """What is recorded of somebody under the id that stays, if they are asked about under a former one."""
    stays = survivor(working, person_id)
    return None if stays == person_id else working[Record].get(session_id, meeting_id, stays)


def is_anothers(working: Working, record: Record) -> bool:
    """Whether what was recorded under this id is somebody else's: of a walk-in who became known, or of an id that has gone into another
    one. No longer if the directory has taken that back: then this is somebody of their own."""
    if record.reason is not NotAwaited.LINKED:
        return False
    return record.because is not Because.PERSON or survivor(working, record.person_id) != record.person_id


def counted_elsewhere(
    working: Working, session: Session, person_id: str, *, seen_at: dt.datetime | None, is_stated: bool
) -> list[Span]:
    """The hours of days that the session has no more and whose lists have closed, where it is recorded there how this person was: put together
    with another day they count on that list alone. Who was not there, and was seen in these hours on the other one, or has had their minutes counted, was."""
    found: list[Span] = []
    for row in working[MeetingList].where("session_id", session.session_id):
        if row.is_open or session.meeting(row.meeting_id) is not None:
            continue
        record = working[Record].get(session.session_id, row.meeting_id, person_id)
        gone = meeting_once(working, session, row.meeting_id)
        if record is None or not record.state.is_told or gone is None:
            continue
        was_seen = is_stated or (seen_at is not None and gone.starts_at <= seen_at < gone.ends_at)
        if record.state.came or not was_seen:
            found.append((gone.starts_at, gone.ends_at))
    return found


def trainers_of(working: Working, session: Session, ended_at: dt.datetime) -> set[str]:
    """Who trained the session's meeting that ended then, by the ids that stay."""
    return {survivor(working, one) for one in who_trained(as_heard(working, session.session_id), ended_at)}


def trains(working: Working, session: Session, person_id: str) -> bool:
    """Whether somebody trains a session now, whichever of their ids the planner names."""
    return survivor(working, person_id) in _trainers_now(working, session.session_id)


@worked_out_of(Session, Merged)
def _trainers_now(working: Working, session_id: str) -> frozenset[str]:
    """By the ids that stay."""
    session = working[Session].get(session_id)
    return frozenset(survivor(working, one) for one in session.trainers) if session is not None else frozenset()


def there_since(
    state: Presence, arrived_at: dt.datetime | None, seen_at: dt.datetime, meeting: Meeting | None
) -> dt.datetime:
    """Since when somebody counts as having been there: whoever was not late has been there since the meeting began, also if that was marked
    at noon, or their code was read at the exit."""
    if arrived_at is not None:
        return min(arrived_at, seen_at)
    return seen_at if meeting is None or state is Presence.LATE else min(seen_at, meeting.starts_at)


def trained(working: Working, session: Session, meeting: Meeting | None, person_id: str, *, at: dt.datetime) -> bool:
    """Whether somebody trains this meeting, or did at the moment since which they were there: whoever was replaced after that came as a
    trainer, however late it is heard. What is said once it is over makes nobody a trainer of it but by `who_trained`."""
    if meeting is None or session.heard_at <= min(at, meeting.starts_at):  # Nothing has been said of it since.
        return trains(working, session, person_id)
    if len(as_heard(working, session.session_id)) == 1:  # Nor before.
        return trains(working, session, person_id)
    moments = {min(at, meeting.ends_at), meeting.ends_at}
    return any(survivor(working, person_id) in trainers_of(working, session, one) for one in moments)
