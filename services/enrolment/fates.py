"""How somebody stood in a session at a moment, in one sentence's worth: the end of the chain. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from services.enrolment.meaning import Fate, What
from services.enrolment.statements import that_held, went_by
from services.enrolment.why import InLine, Known, Step, answered_by, chain, line_at
from shared.contracts.directory import last_day_after
from shared.contracts.enrolment import (
    AskedFor,
    EnrolmentRefused,
    PlaceState,
    Standing,
    WithdrawalReason,
    standing_after,
)
from shared.contracts.planner import SessionFact, SessionKind, SessionStanding, session_standing_after
from shared.values import immutable


@immutable
class Verdict:
    """How somebody stood, and the line that says why."""

    fate: Fate
    standing: Standing
    decisive: Step | None = None
    line: InLine | None = None
    city_id: str | None = None


def session_of(steps: Sequence[Step]) -> SessionFact | None:
    """The session as it stood at the end of the chain."""
    stated = _last(steps, lambda step: step.what.value.startswith("session_"))
    return stated.body if stated else None


def verdict(known: Known, at: dt.datetime) -> Verdict:
    """How it stood then, by what had been said."""
    steps = chain(known, at)
    session, place = session_of(steps), _place_at_last(steps)
    standing = standing_after(place.body) if place else Standing.NONE
    if place is not None and standing.is_active:
        state = session_standing_after(session) if session else SessionStanding.SCHEDULED
        fate = _of_active(standing, state)
        return Verdict(fate, standing, _why_active(steps, place), line_at(known, place.body.person_id, at))
    held = _open_hold(known, steps, at)
    if held is not None and not _has_left_since(held, place):
        return Verdict(Fate.HELD, standing, held)
    # What they asked themselves, or were nominated for, before what a town could not do with anybody else.
    refused = _last(steps, lambda step: step.is_refusal and not _is_of_substitution(step))
    refused = refused or _last(steps, lambda step: step.is_refusal and step.what is not What.ANSWERED_ELSEWHERE)
    refused = refused or _last(steps, lambda step: step.is_refusal)
    other = _another_id(known, steps, at)
    is_merged = place is not None and place.reason == WithdrawalReason.MERGED  # That line names the other one.
    if other is not None and not is_merged:
        return Verdict(Fate.ANOTHER_ID, standing, other)
    if place is not None and standing == Standing.WITHDRAWN:
        gone = _last(steps, lambda step: step.what is What.WITHDRAWN) or place
        return Verdict(Fate.WITHDRAWN, standing, gone)
    if refused is not None:
        return Verdict(Fate.REFUSED, standing, refused)
    aside = _last(steps, lambda step: step.what is What.REQUEST_SET_ASIDE)
    if aside is not None:
        return Verdict(Fate.SET_ASIDE, standing, aside)
    return _nothing(steps, session)


def _place_at_last(steps: Sequence[Step]) -> Step | None:
    """The line that says how the human stands: under the id that is asked about; if that has no place, under another one that has."""
    newest: dict[str | None, Step] = {}
    for step in filter(_is_of_place, steps):
        newest.pop(step.under, None)
        newest[step.under] = step
    found = [newest.pop(None)] if None in newest else []
    found += reversed(newest.values())
    return next((one for one in found if standing_after(one.body).is_active), found[0] if found else None)


def _is_of_place(step: Step) -> bool:
    return isinstance(step.body, PlaceState)


def _last(steps: Sequence[Step], fits: Any) -> Step | None:
    return next((step for step in reversed(steps) if fits(step)), None)


def _is_of_substitution(step: Step) -> bool:
    return step.request is not None and step.request.asked_for is AskedFor.SUBSTITUTION


def _has_left_since(held: Step, place: Step | None) -> bool:
    """Whether somebody is out by what was decided after their town had asked to send another one, which waits: that is nothing they wait for."""
    asked_at = held.request.asked_at if held.request is not None else None
    if place is None or standing_after(place.body) is not Standing.WITHDRAWN or asked_at is None:
        return False
    return _is_of_substitution(held) and bool(asked_at < place.body.decided_at)


def _why_active(steps: Sequence[Step], place: Step) -> Step:
    """The line that gave what they have: not the one that says a reply to it, or that a later request was refused."""
    standing = standing_after(place.body)
    found = place
    for step in reversed([one for one in steps if _is_of_place(one) and one.under == place.under]):
        if isinstance(step.body, EnrolmentRefused):
            continue
        if standing_after(step.body) != standing:
            break
        found = step
    return found


def _of_active(standing: Standing, session: SessionStanding) -> Fate:
    if session == SessionStanding.CANCELLED:
        return Fate.CALLED_OFF
    if session == SessionStanding.DRAFT:
        return Fate.DRAFT
    return Fate.of_active(standing)


def _another_id(known: Known, steps: Sequence[Step], at: dt.datetime) -> Step | None:
    """The line that says into whom this id has gone; None: it stays."""
    said = went_by(that_held(known.told, known.handovers, at), known.person_id)
    return _last(steps, lambda step: step.event_id == said.event_id) if said is not None else None


def _open_hold(known: Known, steps: Sequence[Step], at: dt.datetime) -> Step | None:
    """The request that was heard last of those that were held then, and not decided."""
    done = set(answered_by(known, at))
    newest: dict[tuple[str, str], Step] = {}
    for step in steps:
        if step.request is not None and step.what in (
            What.REQUEST_HELD,
            What.REQUEST_SET_ASIDE,
            What.REQUEST_UNCHANGED,
        ):
            newest[step.request.source, step.request.id] = step
    return _last([step for key, step in newest.items() if key not in done], lambda step: step.what is What.REQUEST_HELD)


def _nothing(steps: Sequence[Step], session: SessionFact | None) -> Verdict:
    """Why nothing at all was said of a place."""
    whats = {step.what for step in steps}
    if session is None:
        return Verdict(Fate.SESSION_UNKNOWN, Standing.NONE)
    if What.PERSON_ERASED in whats:
        return Verdict(Fate.ERASED, Standing.NONE, _last(steps, lambda step: step.what is What.PERSON_ERASED))
    if not whats & {What.PERSON_KNOWN, What.JOINED_TEAM, What.LEAVES_TEAM}:
        return Verdict(Fate.PERSON_UNKNOWN, Standing.NONE)
    if session.kind != SessionKind.SUPPLEMENTARY:
        return Verdict(Fate.NOBODY_ASKED, Standing.NONE)
    member = _member(steps, session)
    return Verdict(Fate.NOT_BY_RULE if member else Fate.NOT_IN_TEAM, Standing.NONE, member, city_id=session.city_id)


def _member(steps: Sequence[Step], session: SessionFact) -> Step | None:
    """The line that says that the person is in the session's team on its days, if one does."""
    days = [meeting.starts_local.date() for meeting in session.meetings]
    memberships = {}
    for step in steps:
        if step.what in (What.JOINED_TEAM, What.LEAVES_TEAM) and step.city_id == session.city_id:
            memberships[step.body.from_date] = step
    for step in memberships.values():
        until = last_day_after(step.body)
        if step.body.from_date <= max(days) and (until is None or until >= min(days)):
            return step
    return None
