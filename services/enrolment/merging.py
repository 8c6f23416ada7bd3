"""Two ids turned out to be one human: one place a session, the older one. Pure functions from what is known to facts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.enrolment.decisions import was_taken_by_rule
from services.enrolment.eligibility import is_ahead, is_out
from services.enrolment.settling import Leave, left
from services.enrolment.state import Place, Session
from services.enrolment.stating import carried, placed
from shared.contracts.enrolment import Basis, EnrolmentWithdrawn, PlaceState, Standing, WithdrawalReason
from shared.contracts.planner import SessionStanding
from shared.contracts.portal import Reply
from shared.state.merged import survivor
from shared.state.working import Working

WORDS = ("place_asked_at", "withdrawal_asked_at")
_BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)


def decide_merged(working: Working, session: Session, *, now: dt.datetime) -> list[PlaceState]:
    """What becomes of the first place that stands under an id which has gone into another: it is the survivor's. Asked again until
    nothing is left.

    Of two places they keep one: a seat before an offer, that before waiting, and of equal ones the older; in the earlier place in line.
    What they said under either id, before or since, is said of that one, and the newest word counts: so it is the same place whether the
    merge or the word is heard first. Whoever was removed by the office under either id is so. Nobody else is looked at: a seat that
    becomes free is given by what follows. What has begun stays as it was said.
    """
    if session.state == SessionStanding.COMPLETED or not is_ahead(session, now):
        return []
    for place in sorted(working[Place].where("session_id", session.session_id), key=lambda one: one.person_id):
        into = survivor(working, place.person_id)
        if into == place.person_id and place.is_removed and place.reason == WithdrawalReason.MERGED:
            return [_removed_as_before(working, place)]
        if into != place.person_id:
            theirs = working[Place].get(session.session_id, into)
            facts = _one_place(working, session, place, theirs, into)
            if facts:
                return facts
    return []


def _removed_as_before(working: Working, place: Place) -> PlaceState:
    """That somebody of their own again is out for what they were out for before: should they turn out to be yet another one, that holds for
    those."""
    fields = carried(place) | {"had": None, "decided_at": working.now}
    return EnrolmentWithdrawn(**fields, reason=WithdrawalReason.REMOVED_BY_OFFICE)


def _one_place(working: Working, session: Session, goes: Place, stays: Place | None, into: str) -> list[PlaceState]:
    """What is said of the two."""
    decided_at = working.now
    is_removed = goes.reason == WithdrawalReason.REMOVED_BY_OFFICE and goes.is_removed
    has_to_go = goes.is_active or was_taken_by_rule(goes) or is_removed
    if not has_to_go and stays is not None:
        return _remembered(goes, stays, _not_instead(working, stays, into), decided_at)
    if not has_to_go and (not is_out(goes, session) or goes.reason == WithdrawalReason.MERGED):
        return []
    facts: list[PlaceState] = []
    both = [goes] if stays is None else [goes, stays]
    kept = min(both, key=_before)
    fields = _together(kept, both) | _not_instead(working, kept, into) | {"person_id": into}
    if stays is None or kept is goes or any(fields[name] != said for name, said in carried(stays).items()):
        facts.append(_stated(kept, fields | {"decided_at": decided_at}))
    if has_to_go:
        gone = left(goes, Leave(WithdrawalReason.MERGED), decided_at)
        # Should they be somebody of their own after all, nobody gets round the office by having been taken for another.
        kept_out = {"had": Standing.WITHDRAWN} if is_removed else {}
        facts.append(gone.model_copy(update={"merged_into": into, **kept_out}))
    return facts


def _not_instead(working: Working, place: Place, into: str) -> dict[str, Any]:
    """Nobody comes instead of themselves: whom the town had replaced by their own other id is in as they were."""
    instead_of = place.substitute_for
    return {"substitute_for": None} if instead_of is not None and survivor(working, instead_of) == into else {}


def _remembered(goes: Place, stays: Place, more: dict[str, Any], decided_at: dt.datetime) -> list[PlaceState]:
    """What they said under an id that has no place: it is said of the place that they have, and `more` that is so of it now."""
    said = _said(stays, [goes, stays]) | more
    if stays.state is Standing.NONE or all(getattr(stays, name) == said[name] for name in said):
        return []
    return [_stated(stays, carried(stays) | said | {"decided_at": decided_at})]


def _before(place: Place) -> tuple[Any, ...]:
    """Which of two places is kept: the lowest."""
    return (
        not place.is_removed,
        -place.state.weight,
        place.is_active and place.basis != Basis.OFFICE,  # No rule takes what the office has given.
        place.in_line if place.is_active else -place.out_since.timestamp(),
    )


def _together(kept: Place, both: list[Place]) -> dict[str, Any]:
    """What is said of the place that is kept, with what the person has said under either id."""
    fields = carried(kept) | _said(kept, both)
    fields["episode"] = max(one.episode for one in both)
    fields["city_id"] = next((one.city_id for one in (kept, *both) if one.city_id is not None), None)
    if kept.is_active:
        alike = [one for one in both if one.is_active]
        first = min(alike, key=lambda one: one.in_line)
        fields |= {name: getattr(first, name) for name in ("priority", "queued_at", "queue")}
    offers = [one for one in both if kept.state is Standing.OFFERED is one.state]
    if len(offers) > 1:  # They were told of both, and may answer as long as either holds.
        fields["offered_at"] = min(one.offered_at or _BEFORE_ALL for one in offers)
        fields["offered_until"] = max(one.offered_until or _BEFORE_ALL for one in offers)
    asked_before = max(both, key=lambda one: one.last_offer_ended_at or _BEFORE_ALL)
    fields |= {name: getattr(asked_before, name) for name in ("last_offered_at", "last_offer_ended_at")}
    replied = max((one for one in both if one.state is kept.state), key=_replied_at)
    return fields | {name: getattr(replied, name) for name in ("reply", "replied_at", "replied_for")}


def _said(kept: Place, both: list[Place]) -> dict[str, Any]:
    """The newest words of each sort, and the last of all. Who lets an offer go, and has a seat under the other id, says nothing of that."""
    counts = [one for one in both if one is kept or not (kept.state.has_seat and _let_an_offer_go(one))]
    said: dict[str, Any] = {
        name: max((moment for one in counts if (moment := getattr(one, name)) is not None), default=None)
        for name in WORDS
    }
    last = max(counts, key=lambda one: (one.last_asked_at or _BEFORE_ALL, one is kept))
    return said | {"last_asked_for": last.last_asked_for, "last_asked_at": last.last_asked_at}


def _let_an_offer_go(place: Place) -> bool:
    """And did not say by it that they will not come; nor does who was replaced by somebody of their town."""
    if place.reason == WithdrawalReason.SUBSTITUTED:
        return True
    return place.reason == WithdrawalReason.OFFER_DECLINED and place.reply is not Reply.DECLINED


def _replied_at(place: Place) -> tuple[dt.datetime, bool]:
    return place.replied_at or _BEFORE_ALL, place.reply is not Reply.NONE


def _stated(kept: Place, fields: dict[str, Any]) -> PlaceState:
    """That it stands as it stood. Of who had none, and said that they do not come, that they are out."""
    if kept.is_active:
        return placed(kept.state, fields)
    reason = WithdrawalReason.REMOVED_BY_OFFICE if kept.is_removed else kept.reason
    return EnrolmentWithdrawn(**fields, reason=reason or WithdrawalReason.REQUESTED)
