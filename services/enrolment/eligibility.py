"""Who may come to a session, for which town, and since when that is known. Reads loaded rows; decides nothing, says nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from services.enrolment.corrections import capacity_of, stated_at
from services.enrolment.overlaps import clashes
from services.enrolment.people import is_erased, memberships_of
from services.enrolment.state import (
    Correction,
    Membership,
    Person,
    Place,
    Session,
    Settled,
    Stage,
    Town,
)
from shared.contracts.enrolment import (
    SEAT_TAKING,
    AskedFor,
    Basis,
    PlaceState,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionKind, SessionStanding, Terms
from shared.contracts.selection import TownOutcome
from shared.events.decoding import FUTURE_TOLERANCE
from shared.state.working import Working, worked_out_of
from shared.values import immutable


@immutable
class Wait:
    """Nothing can be decided yet; what has to become known first."""

    waits_for: str


# --- towns and teams -----------------------------------------------------------------------


def outcomes(working: Working, city_id: str, session: Session) -> list[tuple[Stage, Town]]:
    """What was said of the town in the stages whose towns the session is for."""
    stages = [stage for stage in working[Stage] if is_stage_for(session, stage)]
    found = ((stage, working[Town].get(city_id, stage.stage)) for stage in stages)
    return [(stage, town) for stage, town in found if town is not None]


def is_stage_for(session: Session, stage: Stage) -> bool:
    """Whether the towns that the stage selects may come."""
    admits = session.terms.admits
    if admits is None:
        return stage.phase == session.phase
    return stage.phase in (admits.phases or (session.phase,)) and (not admits.stages or stage.stage in admits.stages)


def qualifies(working: Working, city_id: str, session: Session) -> bool | None:
    """Whether the town takes part; None while nobody has said."""
    known = outcomes(working, city_id, session)
    return any(town.outcome == TownOutcome.QUALIFIED for _, town in known) if known else None


def may_stay(working: Working, city_id: str, session: Session) -> bool | None:
    """Whether a place for the town may stay as it is; None while nobody has said.

    What was not said yet may still come. But a place was given because a stage was for this session: when the stages are for others
    now and none is for it, that is known.
    """
    answer = qualifies(working, city_id, session)
    stages = list(working[Stage])
    if answer is None and stages and not any(is_stage_for(session, stage) for stage in stages):
        return False if working[Town].where("city_id", city_id) else None
    return answer


def current_memberships(working: Working, session: Session, person_id: str) -> Iterator[Membership]:
    """The person's memberships of teams that the session is for, on its days, in a fixed order."""
    where = {"city_id": session.city_id} if session.kind == SessionKind.SUPPLEMENTARY else {}
    first, last = _days(working, session.session_id)
    for membership in sorted(memberships_of(working, person_id, **where), key=lambda row: (row.from_date, row.city_id)):
        if membership.covers(first, last):
            yield membership


@worked_out_of(Session)
def _days(working: Working, session_id: str) -> tuple[dt.date, dt.date]:
    session = _asked_about(working, session_id)
    return session.first_date, session.last_date


def _asked_about(working: Working, session_id: str) -> Session:
    session = working[Session].get(session_id)
    assert session is not None, "whoever asks has its row"
    return session


def admits(session: Session, membership: Membership) -> bool:
    """Whether the session is for this member of a team that may come."""
    who = session.terms.admits
    return who is None or (
        (not who.cities or session.kind == SessionKind.SUPPLEMENTARY or membership.city_id in who.cities)
        and (not who.kinds or membership.kind in who.kinds)
        and (not who.departments or membership.department in who.departments)
        and (not who.roles or membership.role in who.roles)
    )


def eligible_city(working: Working, session: Session, person_id: str) -> str | RefusalReason | Wait:
    """The town for which the person may come; or why not; or what is not known yet.

    Someone of whom no membership was ever heard is not known, also if their name is: it may still come. Nobody may whom the office has
    removed, or who has a place at the same time of day.
    """
    if is_erased(working, person_id):
        return RefusalReason.PERSON_ERASED
    if _is_removed(working, session, person_id):
        return RefusalReason.REMOVED_BY_OFFICE
    memberships = list(current_memberships(working, session, person_id))
    admitted = [membership for membership in memberships if admits(session, membership)]
    if memberships and not admitted:
        return RefusalReason.NOT_ADMITTED
    answers = {membership.city_id: qualifies(working, membership.city_id, session) for membership in admitted}
    for city_id, answer in answers.items():
        if answer:
            return RefusalReason.OVERLAPS if clashes(working, session, person_id) else city_id
    if any(answer is None for answer in answers.values()):
        return Wait("town")
    if answers:
        return RefusalReason.TOWN_NOT_QUALIFIED
    return RefusalReason.NOT_IN_TEAM if memberships_of(working, person_id) else Wait("person")


def why_not_for(working: Working, session: Session, person_id: str, city_id: str) -> RefusalReason | Wait | None:
    """Why the person cannot come for this town, whichever others they work for; or what is not known yet. None: they can."""
    if is_erased(working, person_id):
        return RefusalReason.PERSON_ERASED
    if _is_removed(working, session, person_id):
        return RefusalReason.REMOVED_BY_OFFICE
    if not memberships_of(working, person_id):
        return Wait("person")
    memberships = [one for one in current_memberships(working, session, person_id) if one.city_id == city_id]
    if not memberships:
        return RefusalReason.NOT_OF_TOWN
    if not any(admits(session, membership) for membership in memberships):
        return RefusalReason.NOT_ADMITTED
    answer = qualifies(working, city_id, session)
    if answer is None:
        return Wait("town")
    if not answer:
        return RefusalReason.TOWN_NOT_QUALIFIED
    return RefusalReason.OVERLAPS if clashes(working, session, person_id) else None


def _is_removed(working: Working, session: Session, person_id: str) -> bool:
    """Whether the office has taken their place, and nobody gets round it."""
    place = working[Place].get(session.session_id, person_id)
    return place is not None and place.is_removed


def gone_since(working: Working, session: Session, place: Place, at: dt.datetime) -> RefusalReason | None:
    """Why there is nothing left of what the person had when they sent this: by what it was taken, as that stands now. None: they had
    nothing, or it is out for a reason of their own."""
    taken = place.reason is not None and (place.reason.is_given_back or place.reason in _TAKEN_FOR_GOOD)
    had_it = place.had is not None and place.had.takes_seat and at < place.out_since
    if place.state is not Standing.WITHDRAWN or not taken or not had_it:
        return None
    why_not = eligible_city(working, session, place.person_id)
    return why_not if isinstance(why_not, RefusalReason) else None


_TAKEN_FOR_GOOD = (WithdrawalReason.REMOVED_BY_OFFICE, WithdrawalReason.PERSON_ERASED)


def never_eligible(working: Working, session: Session | None, person_id: str) -> RefusalReason:
    """Why a request is refused that has waited as long as requests wait, and all that was said meanwhile has been heard."""
    if is_erased(working, person_id):
        return RefusalReason.PERSON_ERASED
    if session is not None and session.state == SessionStanding.CANCELLED:
        return RefusalReason.SESSION_CANCELLED
    in_no_team = not memberships_of(working, person_id)
    if session is not None and in_no_team and working[Person].get(person_id) is not None:
        return RefusalReason.NOT_IN_TEAM
    return RefusalReason.NEVER_KNOWN


def town_of_place(working: Working, session: Session, place: Place) -> str | WithdrawalReason | None:
    """For which town someone with a place may have it now, or why they may not. To know nothing is not to know that someone left."""
    memberships = list(current_memberships(working, session, place.person_id))
    admitted = [membership for membership in memberships if admits(session, membership)]
    answers = {membership.city_id: may_stay(working, membership.city_id, session) for membership in admitted}
    stands = [city_id for city_id, answer in answers.items() if answer is not False]
    if stands:
        sure = [city_id for city_id in stands if answers[city_id]]
        return place.city_id if place.city_id in (None, *stands) or not sure else sure[0]
    if answers and place.city_id in (None, *answers):
        said = {town.outcome for city_id in answers for _, town in outcomes(working, city_id, session)}
        is_out = TownOutcome.WITHDRAWN in said
        return WithdrawalReason.TOWN_WITHDRAWN if is_out else WithdrawalReason.TOWN_NOT_QUALIFIED
    if memberships and not admitted:
        return WithdrawalReason.NOT_ADMITTED
    known = memberships_of(working, place.person_id)
    if not known:
        return place.city_id
    ended = (
        one.until_date is not None and one.until_date < session.first_date and place.city_id in (None, one.city_id)
        for one in known
    )
    return WithdrawalReason.LEFT_TEAM if any(ended) else WithdrawalReason.NOT_IN_TEAM


def town_of_guest(working: Working, session: Session, person_id: str) -> str | None:
    """The town in whose team somebody is then who comes beside the rules; of several, one that takes part. None: in no team that is known yet."""
    towns = [membership.city_id for membership in current_memberships(working, session, person_id)]
    return next((city_id for city_id in towns if qualifies(working, city_id, session)), towns[0] if towns else None)


# --- what people said of themselves ----------------------------------------------------------


def is_ahead(session: Session, at: dt.datetime) -> bool:
    """Whether the session lay ahead: what people said of themselves by then counts. One that does not take place does not begin."""
    return not session.state.takes_place or at < session.starts_at


def asked_since(place: Place | None, session: Session, asked_for: AskedFor, at: dt.datetime) -> bool:
    """Whether a request of this kind that counts was sent after that moment."""
    return place is not None and any(at < moment for moment in _asked(place, session, asked_for))


def will_not_come(place: Place, session: Session) -> bool:
    """Whether the person's last word is that they will not come, whatever came of it: also if there seemed to be no place yet, or
    the session seemed to have begun. An archive may not say what was asked."""
    given_back, asked = (
        max(_asked(place, session, kind), default=None) for kind in (AskedFor.WITHDRAWAL, AskedFor.PLACE)
    )
    if given_back is None:
        return place.reason == WithdrawalReason.REQUESTED and place.last_asked_for != AskedFor.PLACE
    if asked is None:
        return True
    return asked < given_back or (asked == given_back and place.last_asked_for == AskedFor.WITHDRAWAL)


def is_out(place: Place, session: Session) -> bool:
    """Whether no rule brings them in: they said that they will not come, or let an offer go. They may ask again."""
    return will_not_come(place, session) or stays_out(place)


def stays_out(place: Place) -> bool:
    """Whether more than their own word keeps them out: an offer that they let go, somebody who came instead, the office."""
    if place.is_removed:
        return True
    gone = place.state == Standing.WITHDRAWN and place.reason is not None and not place.reason.is_given_back
    return gone and place.reason not in (WithdrawalReason.REQUESTED, WithdrawalReason.MERGED)


def _asked(place: Place, session: Session, asked_for: AskedFor) -> list[dt.datetime]:
    """When this was asked for last, as far as it counts: it came before the start as it was then, or as it is now. Nothing was asked
    after that was told: an archive may say so, and would keep the person out for as long."""
    moments = [place.place_asked_at if asked_for == AskedFor.PLACE else place.withdrawal_asked_at]
    if place.last_asked_for == asked_for and place.last_asked_at is not None and is_ahead(session, place.last_asked_at):
        moments.append(place.last_asked_at)
    told_by = place.heard_at + FUTURE_TOLERANCE
    return [moment for moment in moments if moment is not None and moment <= told_by]


# --- time ----------------------------------------------------------------------------------


def announced_at(working: Working, session: Session) -> dt.datetime:
    """When the session was first heard of: while it does not take place it has been announced to nobody (`decide_settled`)."""
    return _moments(working, session.session_id)[0]


def settles_at(working: Working, session: Session) -> dt.datetime:
    """From when on nobody comes in by a rule: when it begins; when it is over, if nobody had heard of it before it began."""
    return _moments(working, session.session_id)[1]


def gives_until(working: Working, session: Session) -> dt.datetime:
    """From when on no free place is given: when it is frozen, if anybody had heard of it before."""
    return _moments(working, session.session_id)[2]


@worked_out_of(Session, Settled)
def _moments(working: Working, session_id: str) -> tuple[dt.datetime, dt.datetime, dt.datetime]:
    """When it was first heard of, when it settles, until when places are given."""
    session, settled = _asked_about(working, session_id), working[Settled].get(session_id)
    known = min(session.heard_at, settled.announced_at or session.heard_at) if settled else session.heard_at
    return known, session.settles_at(known), session.gives_until(known)


def not_taken_by(terms: Terms, at: dt.datetime, *, until: dt.datetime) -> RefusalReason | None:
    """Why what is sent at that moment is too early or too late to be taken, where places are given `until` then; None if it is neither."""
    if terms.opens_at is not None and at < terms.opens_at:
        return RefusalReason.NOT_OPEN_YET
    if terms.closes_at is not None and at >= terms.closes_at:
        return RefusalReason.ENROLMENT_CLOSED
    return RefusalReason.FROZEN if at >= until else None


ASKED_FOR_AGAIN = (
    WithdrawalReason.REQUESTED,
    WithdrawalReason.OFFER_DECLINED,
    WithdrawalReason.OFFER_EXPIRED,
    WithdrawalReason.REMOVAL_LIFTED,
)
"""Whoever is out for one of these stays out until they ask: no rule brings them back."""


def may_ask(
    terms: Terms,
    kind: SessionKind,
    place: Place | PlaceState | None,
    reason: WithdrawalReason | None,
    at: dt.datetime,
    *,
    until: dt.datetime,
) -> bool:
    """Whether somebody who is out for this reason, or never was in, may ask for a place then and get it, or wait: not of what a rule took,
    nor whom the office or their town have taken out. Whoever gives back a place that their town's team has is in with it when they ask again,
    at any time."""
    if reason is not None and reason not in ASKED_FOR_AGAIN:
        return False
    of_team = place is not None and place.basis == Basis.TEAM and kind == SessionKind.SUPPLEMENTARY
    if of_team and reason == WithdrawalReason.REQUESTED:
        return True
    return terms.by_oneself and not_taken_by(terms, at, until=until) is None


def taken_until(working: Working, session: Session) -> dt.datetime:
    """Until when towns may nominate."""
    said = (session.terms.nominations_until, session.terms.closes_at, gives_until(working, session))
    return min(moment for moment in said if moment is not None)


def in_time_for(
    working: Working, session: Session, person_id: str, *, rather_for: str | None = None
) -> Membership | None:
    """The membership by which the person may come, by all that was said before the session was settled, whenever that is heard; of several
    that of the town whose place it was."""
    limit = settles_at(working, session)
    if announced_at(working, session) >= limit or is_erased(working, person_id):
        return None
    memberships = current_memberships(working, session, person_id)
    for membership in sorted(memberships, key=lambda one: one.city_id != rather_for):
        qualified = (
            max(stage.heard_at, town.heard_at) < limit
            for stage, town in outcomes(working, membership.city_id, session)
            if town.outcome == TownOutcome.QUALIFIED
        )
        if membership.heard_at < limit and admits(session, membership) and any(qualified):
            return membership
    return None


def seats_of(working: Working, session: Session) -> int:
    """How many may have a place. What is said once a session is settled makes the room smaller for newcomers, and never larger."""
    return _seats(working, session.session_id)


@worked_out_of(Session, Settled, Correction)
def _seats(working: Working, session_id: str) -> int:
    session, settled = _asked_about(working, session_id), working[Settled].get(session_id)
    capacity = capacity_of(working, session)
    if settled is None or settled.seats is None or stated_at(working, session) < settles_at(working, session):
        return capacity
    return min(settled.seats, capacity)


def seated_in(working: Working, session_id: str) -> list[Place]:
    """Those whose seats nobody else can have. Whom the office gave a place beside the rules has none of these."""
    places, office = working[Place], Basis.OFFICE
    seated = (place for state in SEAT_TAKING for place in places.where("state", state, session_id=session_id))
    return [place for place in seated if place.basis is not office]


def taken_in(working: Working, session_id: str) -> Counter[str | None]:
    """How many of each town these are."""
    return Counter([place.city_id for place in seated_in(working, session_id)])
