"""Two ids turned out to be one human: one place a session, the older one. Pure functions from what is known to facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from services.enrolment.decisions import was_taken_by_rule
from services.enrolment.eligibility import is_ahead, is_out
from services.enrolment.people import one_since
from services.enrolment.settling import Leave, left
from services.enrolment.state import Place, Session
from services.enrolment.stating import carried, placed
from shared.contracts.enrolment import EnrolmentWithdrawn, PlaceState, Standing, WithdrawalReason
from shared.contracts.planner import SessionStanding
from shared.contracts.portal import Reply
from shared.state.merged import survivor
from shared.state.working import Working

_RANK = (Standing.ENROLLED, Standing.OFFERED, Standing.WAITLISTED, Standing.WITHDRAWN, Standing.NONE)
WORDS = ("place_asked_at", "withdrawal_asked_at")


def decide_merged(working: Working, session: Session, *, now: dt.datetime) -> list[PlaceState]:
    """What becomes of the first place that stands under an id which has gone into another: it is the survivor's. Asked again until
    nothing is left.

    Of two places they keep one: a seat before an offer, that before waiting, and of equal ones the older; in the earlier place in line.
    Whoever was removed by the office under either id is so. Nobody else is looked at: a seat that becomes free is given by what
    follows. What has begun stays as it was said.
    """
    if session.state == SessionStanding.COMPLETED or not is_ahead(session, now):
        return []
    for place in sorted(working[Place].where("session_id", session.session_id), key=lambda one: one.person_id):
        into = survivor(working, place.person_id)
        if into != place.person_id:
            theirs = working[Place].get(session.session_id, into)
            facts = _one_place(working, session, place, theirs, into)
            if facts:
                return facts
    return []


def _one_place(working: Working, session: Session, goes: Place, stays: Place | None, into: str) -> list[PlaceState]:
    """What is said of the two."""
    decided_at = working.now
    has_to_go = goes.is_active or was_taken_by_rule(goes) or goes.is_removed
    is_remembered = stays is None and is_out(goes, session) and goes.reason != WithdrawalReason.MERGED
    if not has_to_go and not is_remembered:
        return []
    facts: list[PlaceState] = []
    both = [goes] if stays is None else [goes, stays]
    kept = min(both, key=_before)
    fields = _together(kept, both, one_since(working, goes.person_id)) | {"person_id": into}
    if stays is None or kept is goes or any(getattr(stays, name) != fields[name] for name in carried(stays)):
        facts.append(_stated(kept, fields | {"decided_at": decided_at}))
    if has_to_go:
        gone = left(goes, Leave(WithdrawalReason.MERGED), decided_at)
        facts.append(gone.model_copy(update={"merged_into": into}))
    return facts


def _before(place: Place) -> tuple[Any, ...]:
    """Which of two places is kept: the lowest."""
    return (
        not place.is_removed,
        _RANK.index(place.state),
        place.in_line if place.is_active else -place.decided_at.timestamp(),
    )


def _together(kept: Place, both: list[Place], since: dt.datetime) -> dict[str, Any]:
    """What is said of the place that is kept, with what the person has said under either id: but who gave one of their two places back
    keeps the other. What they said once they were known to be one is of both."""
    fields = carried(kept)
    alike = [one for one in both if one.is_active == kept.is_active]

    def words(name: str) -> Iterator[tuple[dt.datetime, Place]]:
        for one in both:
            moment = getattr(one, name)
            if moment is not None and (one in alike or moment > since):
                yield moment, one

    for name in WORDS:
        fields[name] = max((moment for moment, _ in words(name)), default=None)
    _, said = max(words("last_asked_at"), key=lambda word: word[0], default=(None, kept))
    fields |= {"last_asked_for": said.last_asked_for, "last_asked_at": said.last_asked_at}
    fields["episode"] = max(one.episode for one in both)
    if kept.is_active:
        first = min(alike, key=lambda one: one.in_line)
        fields |= {name: getattr(first, name) for name in ("priority", "queued_at", "queue")}
    if kept.reply is Reply.NONE:
        replied = next((one for one in both if one.reply is not Reply.NONE and one.state is kept.state), kept)
        fields |= {name: getattr(replied, name) for name in ("reply", "replied_at", "replied_for")}
    return fields


def _stated(kept: Place, fields: dict[str, Any]) -> PlaceState:
    """That it stands as it stood. Of who had none, and said that they do not come, that they are out."""
    if kept.is_active:
        return placed(kept.state, fields)
    return EnrolmentWithdrawn(**fields, reason=kept.reason or WithdrawalReason.REQUESTED)
