"""What the office lays over the planner's word about the room of a session, and until when it holds. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.enrolment.rules import capacity_in_force, share_in_force
from services.enrolment.state import Correction, Session
from services.enrolment.stating import Asked
from shared.contracts.enrolment import TermsCorrected
from shared.contracts.office import CorrectionRequested
from shared.contracts.planner import SessionFact
from shared.events.envelope import Reason
from shared.state.working import Working
from shared.values import immutable


@immutable
class NotDone:
    """Why what the office asked is not done. It is told to whoever asked and to nobody else: nothing has changed."""

    reason: Reason
    detail: str


def correction_of(working: Working, session: Session) -> Correction | None:
    """What the office has said of the session, if anything."""
    return working[Correction].get(session.session_id)


def capacity_of(working: Working, session: Session) -> int:
    """How many the room is for."""
    return capacity_in_force(session.capacity, correction_of(working, session))


def share_of(working: Working, session: Session) -> int | None:
    """How many of one town may have a place."""
    return share_in_force(session.terms, correction_of(working, session))


def stated_at(working: Working, session: Session) -> dt.datetime:
    """When the newest word about the session's room came: the planner's, or the office's; not when that was decided."""
    correction = correction_of(working, session)
    return max(session.heard_at, correction.asked_at or correction.heard_at) if correction else session.heard_at


def tag_of(session: Session, correction: Correction | None) -> str:
    """The same while neither planner nor office says anything anew of the session."""
    return f"{session.version}-{correction.version if correction else 0}"


def decide_correction(
    working: Working, session: Session, body: CorrectionRequested, *, asked: Asked, stated: SessionFact | None
) -> list[TermsCorrected] | NotDone:
    """That this holds now instead of the planner's word; nothing if it is so already. What is as the planner says is no correction. `stated`:
    what the planner had said when it was asked, over which it was to be laid."""
    tag = tag_of(session, correction_of(working, session))
    if body.seen is not None and body.seen != tag:
        return NotDone(Reason.CHANGED_SINCE, f"{_as_it_stands(working, session, tag)}, and {body.seen} was seen")
    planned = session.terms.places_per_town
    if stated is not None:
        is_over = body.capacity is not None and stated.capacity != session.capacity
        if is_over or (body.places_per_town is not None and stated.places_per_town != planned):
            return NotDone(
                Reason.CHANGED_SINCE, f"{_as_it_stands(working, session, tag)}, and has said so since this was sent"
            )
    capacity = None if body.capacity == session.capacity else body.capacity
    share = None if body.places_per_town == planned else body.places_per_town
    if (capacity, share) == _in_force(working, session):
        return []
    return [
        TermsCorrected(
            session_id=session.session_id,
            **_laid_over(session, capacity, share),
            request_source=asked.source,
            request_id=asked.id,
            request_digest=asked.digest,
            decided_by=asked.decided_by,
            note=asked.note,
            asked_at=asked.at,
            decided_at=working.now,
        )
    ]


def decide_correction_over(working: Working, session: Session) -> list[TermsCorrected]:
    """That a correction is over, of whose value the planner has said another one: should they say the former one again, that is
    their word and not what the office had found wrong."""
    correction = correction_of(working, session)
    if correction is None or (correction.capacity, correction.places_per_town) == _in_force(working, session):
        return []
    still = _laid_over(session, *_in_force(working, session))
    return [TermsCorrected(session_id=session.session_id, **still, asked_at=session.heard_at, decided_at=working.now)]


def _as_it_stands(working: Working, session: Session, tag: str) -> str:
    room, share = capacity_of(working, session), share_of(working, session)
    of_town = "any number" if share is None else share
    said = f"the planner says {session.capacity}; {session.state} since {session.heard_at.isoformat()}"
    return f"the session is {tag} by now: room for {room}, of a town {of_town}, {said}"


def _in_force(working: Working, session: Session) -> tuple[int | None, int | None]:
    capacity, share = capacity_of(working, session), share_of(working, session)
    return (
        None if capacity == session.capacity else capacity,
        None if share == session.terms.places_per_town else share,
    )


def _laid_over(session: Session, capacity: int | None, share: int | None) -> dict[str, Any]:
    return {
        "capacity": capacity,
        "planned_capacity": None if capacity is None else session.capacity,
        "places_per_town": share,
        "planned_places_per_town": None if share is None else session.terms.places_per_town,
    }
