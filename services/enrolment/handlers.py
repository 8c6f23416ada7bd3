"""What enrolment does about each event: the table event → handler. Handlers work on loaded rows; they never commit or publish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeGuard, assert_never, cast

from services.enrolment.calling import decide_calls
from services.enrolment.clashing import decide_clash
from services.enrolment.corrections import (
    NotDone,
    correction_of,
    decide_correction,
    decide_correction_over,
)
from services.enrolment.decisions import (
    decide_looked_at,
    decide_request,
    decide_session,
    decide_settled,
    decide_withdrawal,
)
from services.enrolment.eligibility import Wait, never_eligible, taken_until
from services.enrolment.history import note_refused, note_set_aside, note_unchanged, note_wait
from services.enrolment.merging import decide_merged
from services.enrolment.moments import NOMINATIONS_OPEN, OFFER_ENDS, PLACES_RELEASED, SESSION_DECIDED
from services.enrolment.nominating import decide_nomination
from services.enrolment.office import decide_about_place
from services.enrolment.people import all_ids_of, as_of_survivors, closes_a_circle, is_erased, memberships_of, places_of
from services.enrolment.replies import (
    decide_calendar_answer,
    decide_offer_answer,
    decide_offer_ended,
    decide_reply,
    decide_risk,
)
from services.enrolment.rules import rules_of
from services.enrolment.state import Membership, Place, Session
from services.enrolment.statements import released_since, stated_then
from services.enrolment.stating import Asked, by_statement, refuse
from services.enrolment.subjects import place_named, place_subject, session_named, subjects_of
from services.enrolment.substituting import decide_substitution, refuse_substitution
from shared.books.holding import HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.answers import CalendarAnswered
from shared.contracts.directory import MembershipFact, PersonErased, PersonFact, PersonMerged, PersonRegistered
from shared.contracts.enrolment import AskedFor, EnrolmentRefused, PlaceChange, PlaceState, SessionMoment, Standing
from shared.contracts.model import Fact, members
from shared.contracts.office import (
    AboutAPlace,
    CorrectionRequested,
    ExtraPlaceRequested,
    OfficeDecision,
    OfficeRequest,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.planner import SessionFact, SessionKind
from shared.contracts.portal import (
    EnrolmentRequest,
    EnrolmentRequested,
    OfferAnswered,
    PeopleNominated,
    Reply,
    ReplyGiven,
    SubstitutionRequested,
    TownRequest,
    WithdrawalRequested,
)
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityFact
from shared.events.envelope import NO_PARTITION, Heard, Reason, about_of, scope_of
from shared.state.merged import Merged, ids_of, survivor
from shared.state.working import Due, Held, Working


def on_session(working: Working, heard: Heard[SessionFact]) -> None:
    """A session was announced, changed or cancelled: its places follow, requests that waited for it are decided, and that is said."""
    session_id = heard.body.session_id
    _end_correction(working, session_id, heard)
    _revise(working, [session_id], heard, subjects_of([session_id], ()), is_stated=True)
    _end_lapsed(working, session_id, heard)
    _call(working, [session_id], heard)
    _say_settled(working, session_id, heard)


def on_city(working: Working, heard: Heard[CityFact]) -> None:
    """A town's outcome is known or has changed: its supplementary sessions, its people's places, the requests that waited."""
    city_id = heard.body.city_id
    people = all_ids_of(working, (member.person_id for member in working[Membership].where("city_id", city_id)))
    _revise(working, _sessions_about(working, {city_id}, people, heard), heard, subjects_of((), people))
    calling = working[Session].where("kind", SessionKind.IN_DEPTH)
    _call(working, sorted(session.session_id for session in calling if session.calls_towns), heard, city_id=city_id)


def on_membership(working: Working, heard: Heard[MembershipFact]) -> None:
    """Someone joined or left a team."""
    ids = ids_of(working, heard.body.person_id)
    _revise(working, _sessions_about(working, {heard.body.city_id}, ids, heard), heard, subjects_of((), ids))


def on_erasure(working: Working, heard: Heard[PersonErased]) -> None:
    """Nobody can be told any more: places to come and waiting end, and the seats go to whoever waits first."""
    if (heard.body.person_id,) in working[Merged].removed():
        _reconsider(working, heard)
        return
    ids = ids_of(working, heard.body.person_id)
    _revise(working, _sessions_about(working, set(), ids, heard), heard, subjects_of((), ids))


def on_stage(working: Working, heard: Heard[StageOpened]) -> None:
    """Which towns are trained in which phase has changed: in the phase that is named now, and in the one that was named before.
    Every session is looked at; stages are few, and sessions of another phase stay as they are."""
    sessions = sorted(session.session_id for session in working[Session] if session.ends_at > heard.appended_at)
    _revise(working, sessions, heard, subjects_of(sessions, ()))
    _call(working, sessions, heard)


def on_registration(working: Working, heard: Heard[PersonRegistered]) -> None:
    """Somebody is known: what the office has said of them may be done. Who had gone into somebody else is somebody of their own again."""
    person_id = heard.body.person_id
    if (person_id,) in working[Merged].removed():
        _reconsider(working, heard)
    else:
        _revise(working, (), heard, subjects_of((), [person_id]))


def on_merge(working: Working, heard: Heard[PersonMerged]) -> None:
    """Two ids are one human: their places become one in each session, and what was said of both counts for it."""
    if closes_a_circle(working, heard.body.person_id):
        who = f"{heard.body.person_id} went into {heard.body.into_person_id}, and that into this"
        working.set_aside(heard, Reason.UNDECIDABLE, f"{who}: who is to stay, the directory has to say")
    _reconsider(working, heard)


def on_request(working: Working, heard: Heard[EnrolmentRequest | CalendarAnswered]) -> None:
    """Someone asks for a place or gives one back, or a town nominates its people."""
    _answer(working, heard, working.now)


def on_office(working: Working, heard: Heard[OfficeDecision]) -> None:
    """The office decides something beside the rules. Over HTTP its token was looked at; on Kafka its name is."""
    if heard.partition != NO_PARTITION and heard.source != rules_of(working).console:
        _set_aside(working, heard, NotDone(Reason.FOREIGN_WRITER, f"{heard.source} is not the console of the office"))
    else:
        _answer(working, heard, working.now)


def on_held_too_long(working: Working, moment: Due) -> None:
    """What a request waited for never became known: refused, at last."""
    waiting = working[Held].where("about", moment.subject)
    for held in _taken_up(working, [held for held in waiting if held.expires_at <= moment.at]):
        heard = request_of(held)
        if held.expires_at > moment.at:
            _answer(working, heard, working.now, before=held)
            continue
        facts = _decided_at_last(working, heard)
        _say(working, facts, heard, at=heard.appended_at, now=working.now)


def _decided_at_last(working: Working, heard: Heard[Asking]) -> Sequence[Fact]:
    body, asked = as_of_survivors(working, heard.body), Asked.by(heard)
    session = working[Session].get(body.session_id)
    match body:
        case OfficeRequest():
            detail = "what it is about never became known, or never was to take place"
            _set_aside(working, heard, NotDone(Reason.UNDECIDABLE, detail))
            return ()
        case PeopleNominated():
            how: dict[str, Any] = {"asked": asked, "at": heard.appended_at, "now": working.now}
            decided = decide_nomination(working, session, body, at_last=True, **how)
            assert not isinstance(decided, Wait)
            return decided
        case SubstitutionRequested():
            return refuse_substitution(working, session, body, asked=asked)
        case EnrolmentRequested() | WithdrawalRequested() | OfferAnswered() | ReplyGiven() | CalendarAnswered():
            place = working[Place].get(body.session_id, body.person_id)
            comes = not isinstance(body, WithdrawalRequested) and getattr(body, "reply", None) is not Reply.DECLINED
            wants = AskedFor.PLACE if comes else AskedFor.WITHDRAWAL
            # Whoever answers what they do not have has not asked for it.
            is_own = not comes or isinstance(body, EnrolmentRequested)
            reason = never_eligible(working, session, body.person_id)
            about = body.session_id, body.person_id, place, wants, reason, asked, working.now
            answered = body.answer if isinstance(body, OfferAnswered) else None
            return [refuse(*about, is_own_word=is_own, answered=answered)]
        case never:
            assert_never(never)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: a session is settled with all that is known, and the requests held meanwhile are decided."""
    session_id = session_named(moment.subject)
    _end_correction(working, session_id, None)
    _revise(working, [session_id], None, subjects_of([session_id], ()), is_stated=True)
    _end_lapsed(working, session_id, None)
    _call(working, [session_id], None)
    _say_settled(working, session_id, None)


def on_offer_ends(working: Working, moment: Due) -> None:
    """An offer was not answered in time."""
    session_id, person_id = place_named(moment.subject)
    session, place = working[Session].get(session_id), working[Place].get(session_id, person_id)
    if session is not None and place is not None:
        facts = decide_offer_ended(working, session, place, now=working.now)
        _say(working, facts, None, at=moment.at, now=working.now)


def on_nominations_open(working: Working, moment: Due) -> None:
    """Enrolment opens: towns are called to nominate."""
    _call(working, [session_named(moment.subject)], None)
    _say_looked_at(working, moment)


def on_places_released(working: Working, moment: Due) -> None:
    """What towns have not used goes to the others: as on that day, or as on the day on which the session named it, if that was later. Decided
    late, when the session has frozen or was stated anew, it gives what it would have given then."""
    session = working[Session].get(session_named(moment.subject))
    if session is not None:
        _revise(working, [session.session_id], None, (), at=max(moment.at, released_since(working, session)))
        _call(working, [session.session_id], None)
    _say_looked_at(working, moment)


def on_session_decided(working: Working, moment: Due) -> None:
    """The day has come on which it is looked whether enough have confirmed."""
    session = working[Session].get(session_named(moment.subject))
    if session is not None:
        for fact in decide_risk(working, session, now=working.now):
            working.say(fact)
    _say_looked_at(working, moment)


Asking = EnrolmentRequest | CalendarAnswered | OfficeDecision
"""What asks for a decision about places."""
Acting = StageOpened | PersonRegistered | PersonMerged | PersonErased | CityFact | MembershipFact | SessionFact | Asking
"""What enrolment acts on. Of everything else that it hears it makes rows, and decides nothing."""

REACT: dict[Any, Any] = {
    StageOpened: on_stage,
    PersonErased: on_erasure,
    PersonRegistered: on_registration,
    PersonMerged: on_merge,
    **dict.fromkeys(members(CityFact), on_city),
    **dict.fromkeys(members(MembershipFact), on_membership),
    **dict.fromkeys(members(SessionFact), on_session),
}
DECIDE: dict[Any, Any] = {
    **dict.fromkeys(members(EnrolmentRequest), on_request),
    CalendarAnswered: on_request,
    **dict.fromkeys(members(OfficeDecision), on_office),
}
ALREADY_SO = "AlreadySo"
"""What the office is answered that asks for what is so: no fact says it."""
DUE: dict[str, Any] = {
    HELD_TOO_LONG: on_held_too_long,
    RECONCILE: on_reconcile,
    OFFER_ENDS: on_offer_ends,
    NOMINATIONS_OPEN: on_nominations_open,
    PLACES_RELEASED: on_places_released,
    SESSION_DECIDED: on_session_decided,
}


OF_TOWNS = frozenset(kind.type_name() for kind in members(TownRequest))
SUBSTITUTION = SubstitutionRequested.type_name()


_ACTED_ON = frozenset(members(Acting))


def is_acted_on(heard: Heard[Any]) -> TypeGuard[Heard[Acting]]:
    return type(heard.body) in _ACTED_ON


def _reconsider(working: Working, heard: Heard[PersonFact]) -> None:
    """Looks at all that one human has, under whichever id, and at what the towns have for which they work."""
    ids = ids_of(working, heard.body.person_id)
    cities = {one.city_id for one in memberships_of(working, heard.body.person_id)}
    found = set(_sessions_about(working, cities, ids, heard))
    # Who has a place for one of these towns may have it by what was said of them under another id.
    found |= {place.session_id for city_id in cities for place in working[Place].where("city_id", city_id)}
    _revise(working, sorted(found), heard, subjects_of((), ids))


def _sessions_about(working: Working, cities: set[str], people: Iterable[str], heard: Heard[Any]) -> list[str]:
    """Supplementary sessions of these towns, and sessions in which these people have places; of those that were over no place changes."""
    found = {
        session.session_id
        for city_id in cities
        for session in working[Session].where("city_id", city_id, kind=SessionKind.SUPPLEMENTARY)
        if session.ends_at > heard.appended_at
    }
    found |= {place.session_id for person_id in people for place in working[Place].where("person_id", person_id)}
    return sorted(found)


def _revise(
    working: Working,
    session_ids: Iterable[str],
    heard: Heard[Any] | None,
    wakes: Sequence[str],
    *,
    is_stated: bool = False,
    at: dt.datetime | None = None,
) -> None:
    """Settles these sessions anew, then decides the held requests about these subjects: what was said of them may let that be.
    `is_stated`: they may be at another time now, in the way of other places of everybody in them. `at`: when a moment had come, if it is
    one and nothing was heard.

    What came after a held request's last moment does not wake it, also if it is heard before that moment is decided.
    """
    at = heard.appended_at if heard else at
    now = max(working.now, at or working.now)
    # Nobody gets a seat that the office had taken out of the room before anybody knew the session.
    corrections = (
        held
        for one in wakes
        for held in working[Held].where("about", one)
        if held.type == CorrectionRequested.type_name()
    )
    for held in _taken_up(working, list(corrections), until=at):
        _answer(working, request_of(held), now, before=held)
    for session_id in session_ids:
        session = working[Session].get(session_id)
        if session is not None:
            while merged := decide_merged(working, session, now=now):
                _say(working, merged, heard, at=at or now, now=now)
            facts = decide_session(working, session, at=at, now=now)
            also = [place.person_id for place in working[Place].where("session_id", session_id)] if is_stated else []
            _say(working, facts, heard, at=at or now, now=now, also=sorted(also))
    waiting = [held for one in wakes for held in working[Held].where("about", one)]
    for held in _taken_up(working, waiting, until=at):
        _answer(working, request_of(held), now, before=held)


def _taken_up(working: Working, waiting: Iterable[Held], *, until: dt.datetime | None = None) -> list[Held]:
    """These held requests to be answered again, in order of arrival, with all that wait in one line with them: what a town asked after
    another request of its own may be about other people, and no news of these would tell that its turn has come. `until`: without
    those whose last moment was before."""
    found = {working[Held].key(held): held for held in waiting}
    looking = list(found.values())
    for held in looking:  # With what waits behind these, and behind that.
        if held.type in OF_TOWNS:
            scopes = {held.scope}
            if held.type == SUBSTITUTION:  # What who comes has said to it waits for it, under whichever id.
                comes = ids_of(working, held.about[-1].removeprefix("person/"))
                scopes |= {f"{held.about[0]}/person/{person_id}" for person_id in comes}
            in_line = (one for one in working[Held].where("about", held.about[0]) if one.scope in scopes)
            behind = {working[Held].key(one): one for one in in_line}
            looking += [one for key, one in behind.items() if key not in found]
            found |= behind
    found = {key: held for key, held in found.items() if until is None or until <= held.expires_at}
    for key in found:
        working[Held].remove(*key)
    return in_order_of_arrival(found.values())


def _call(
    working: Working, session_ids: Iterable[str], heard: Heard[Any] | None, *, city_id: str | None = None
) -> None:
    """Whoever may nominate for these sessions is called; `city_id`: as far as it is about this town."""
    now = max(working.now, heard.appended_at) if heard else working.now
    for session_id in session_ids:
        session = working[Session].get(session_id)
        if session is not None:
            for fact in decide_calls(working, session, now=now, city_id=city_id):
                working.say(fact, cause=heard)


def _say(
    working: Working,
    facts: Sequence[Fact],
    heard: Heard[Any] | None,
    *,
    at: dt.datetime,
    now: dt.datetime,
    also: Iterable[str] = (),
) -> None:
    """Says what became of places, and what follows from it for other places at the same time of day: of these people, and of `also`."""
    for fact in facts:
        working.say(_by_statement(working, fact), cause=heard)
    people = [*(fact.person_id for fact in facts if type(fact) in _MOVES and isinstance(fact, PlaceState)), *also]
    several = (person_id for person_id in people if _may_clash(working, person_id))
    looking = dict.fromkeys(person_id for person_id in several if not is_erased(working, person_id))
    while looking:
        person_id = next(iter(looking))
        del looking[person_id]
        theirs = sorted((place.session_id, place.person_id) for place in places_of(working, person_id))
        for session_id, one in theirs:
            place = working[Place].get(session_id, one)
            if place is not None and place.is_active:
                for fact in decide_clash(working, place, at=at, now=now):
                    working.say(_by_statement(working, fact), cause=heard)
                    looking[fact.person_id] = None


_MOVES = frozenset(members(PlaceChange))


def _may_clash(working: Working, person_id: str) -> bool:
    """Whether anything is to be looked at: whoever has one place, of which nothing is said, has none at the same time, and that is nearly
    everybody."""
    places = places_of(working, person_id)
    return len(places) > 1 or any(place.clashes_with for place in places)


def _by_statement(working: Working, fact: Fact) -> Fact:
    """With which statement of the session it was decided by, if it does not say so yet."""
    session = working[Session].get(fact.session_id) if isinstance(fact, PlaceState) else None
    if session is None:
        return fact
    said = by_statement(session)
    return fact if said.items() <= fact.__dict__.items() else fact.model_copy(update=said)


def _end_correction(working: Working, session_id: str, heard: Heard[Any] | None) -> None:
    session = working[Session].get(session_id)
    if session is not None:
        for fact in decide_correction_over(working, session):
            working.say(fact, cause=heard)


def _end_lapsed(working: Working, session_id: str, heard: Heard[Any] | None) -> None:
    """Ends the offers of an archive that had their end before anybody knew the session: nobody could decide them then. Last, so that
    whoever had accepted in time has the place."""
    session = working[Session].get(session_id)
    offered = working[Place].where("session_id", session_id, state=Standing.OFFERED) if session is not None else []
    for person_id in sorted(place.person_id for place in offered):
        place = working[Place].get(session_id, person_id)
        if session is None or place is None or place.offered_until is None or place.offered_until > working.now:
            continue
        if working[Due].get(OFFER_ENDS, place_subject(session_id, person_id)) is None:
            facts = decide_offer_ended(working, session, place, now=working.now)
            _say(working, facts, heard, at=place.offered_until, now=working.now)


def _say_looked_at(working: Working, moment: Due) -> None:
    """Last of all that was decided at a moment."""
    for fact in decide_looked_at(working, session_named(moment.subject), SessionMoment(moment.kind)):
        working.say(fact)


def _say_settled(working: Working, session_id: str, heard: Heard[Any] | None, *, is_corrected: bool = False) -> None:
    """Last of all that was decided because of it: whoever waits for this may speak then."""
    session = working[Session].get(session_id)
    if session is not None:
        now = max(working.now, session.heard_at)
        for fact in decide_settled(working, session, now=now, is_corrected=is_corrected):
            working.say(fact, cause=heard)


def request_of(held: Held) -> Heard[Asking]:
    """A held request as it was heard; nothing else is ever held here."""
    return cast(Heard[Asking], heard_again(held))


def _answer(working: Working, heard: Heard[Asking], now: dt.datetime, *, before: Held | None = None) -> None:
    """Decides a request, or holds it, as it was held `before`. Behind a held one of the same scope it waits its turn."""
    body, asked = as_of_survivors(working, heard.body), Asked.by(heard)
    if isinstance(body, OfficeRequest):
        asked = replace(asked, decided_by=heard.source.removeprefix(f"{working.source}/"), note=body.note)
    now = max(now, heard.appended_at)
    session = working[Session].get(body.session_id)
    how: dict[str, Any] = {"asked": asked, "at": heard.appended_at, "now": now}
    decided: Sequence[Fact] | Wait | NotDone
    match body:
        case _ if _is_held_back(working, heard.body):
            decided = Wait("turn")
        case OfferAnswered() | ReplyGiven() | SubstitutionRequested() if _is_to_come(working, body, heard.appended_at):
            decided = Wait("turn")
        case EnrolmentRequested():
            decided = decide_request(working, session, body.person_id, **how)
        case WithdrawalRequested():
            decided = decide_withdrawal(working, session, body.person_id, **how)
        case OfferAnswered():
            decided = decide_offer_answer(working, session, body.person_id, body.answer, **how)
        case ReplyGiven():
            decided = decide_reply(working, session, body.person_id, body.reply, **how)
        case CalendarAnswered():
            decided = decide_calendar_answer(working, session, body, **how)
        case PeopleNominated():
            decided = decide_nomination(working, session, body, **how)
        case SubstitutionRequested():
            decided = decide_substitution(working, session, body, **how)
        case CorrectionRequested():
            decided = _correct(working, session, heard, body, asked)
        case ExtraPlaceRequested() | PriorityRequested() | RemovalRequested() | RemovalLiftRequested():
            decided = decide_about_place(working, session, body, **how)
        case never:
            assert_never(never)
    if isinstance(decided, NotDone):
        _set_aside(working, heard, decided)
        return
    if isinstance(decided, Wait):
        expires_at = _waits_until(working, session, heard, decided)
        working.hold(heard, waits_for=decided.waits_for, expires_at=expires_at)
        note_wait(working, heard, decided, expires_at, before=before)
        return
    _say(working, decided, heard, at=heard.appended_at, now=now)
    if isinstance(body, SubstitutionRequested):
        for fact in decided:
            if isinstance(fact, EnrolmentRefused) and body.leaves != body.comes:
                note_refused(working, heard, body.comes if fact.person_id == body.leaves else body.leaves)
    if isinstance(body, AboutAPlace) and not _is_answered(decided, asked):  # It is so already.
        stands = working[Place].get(body.session_id, body.person_id)
        _leave_unchanged(working, heard, stands.event_id if stands else "")
    for held in _taken_up(working, _about_who_is_in(working, heard.body, decided)):
        _answer(working, request_of(held), now, before=held)


def _is_held_back(working: Working, asks: Asking) -> bool:
    """Whether it waits its turn behind an earlier request of the same scope. What somebody says themselves, and what their town asks of them
    next, does not wait behind a substitution that waits for somebody unknown, be it for a mistyped id; nor behind what they had said to a
    place that is to come by one: that waits for its turn itself."""
    if not working.waits_its_turn(asks):
        return False
    scope = scope_of(asks)
    return any(one.scope == scope and _holds_back(one) for one in working.held_about(asks))


def _holds_back(held: Held) -> bool:
    if held.type == SUBSTITUTION:  # Of a session that does not take place nobody else has the seat meanwhile.
        return held.waits_for not in ("person", "town", "turn")
    return held.waits_for != "turn"


def _is_to_come(working: Working, body: OfferAnswered | ReplyGiven | SubstitutionRequested, at: dt.datetime) -> bool:
    """Whether the place that somebody answers to, or is to give on, is one that their town had asked to give them before, which waits. Who is
    in the session themselves says it of the place that they have: else all that they say of an offer of their own would wait behind it."""
    person_id = body.leaves if isinstance(body, SubstitutionRequested) else body.person_id
    place = working[Place].get(body.session_id, person_id)
    if place is not None and place.is_active:
        return False
    return any(
        one.type == SUBSTITUTION
        and one.appended_at <= at
        and one.about[0] == about_of(body)[0]
        and survivor(working, one.about[-1].removeprefix("person/")) == person_id
        for one in working.held_about(body)
    )


def _about_who_is_in(working: Working, asks: Asking, facts: Sequence[Fact]) -> list[Held]:
    """What waits its turn of those who are in the session now: said to a place that was to come by a substitution, which still waits, or asked
    about it, it is about the place that they have."""
    moved = (fact for fact in facts if type(fact) in _MOVES and isinstance(fact, PlaceState))
    are_in = [fact for fact in moved if fact.becomes.is_active]
    if not are_in:
        return []
    scopes = {place_subject(fact.session_id, one) for fact in are_in for one in ids_of(working, fact.person_id)}
    return [one for one in working.held_about(asks) if one.scope in scopes and one.waits_for == "turn"]


def _set_aside(working: Working, heard: Heard[Asking], why: NotDone) -> None:
    working.set_aside(heard, why.reason, why.detail)
    note_set_aside(working, heard, why)


def _leave_unchanged(working: Working, heard: Heard[Asking], event_id: str) -> None:
    """`event_id`: the fact that said what is asked for."""
    working.leave_unchanged(heard, ALREADY_SO, event_id)
    note_unchanged(working, heard)


def _is_answered(facts: Sequence[Fact], asked: Asked) -> bool:
    """Whether one of these answers it. What was said of a request that was held nobody has loaded."""
    return any(
        isinstance(fact, PlaceState) and (fact.request_source, fact.request_id) == (asked.source, asked.id)
        for fact in facts
    )


def _correct(
    working: Working, session: Session | None, heard: Heard[Any], body: CorrectionRequested, asked: Asked
) -> Sequence[Fact] | Wait | NotDone:
    """Lays the office's word over the planner's; the session's places follow."""
    if session is None:
        return Wait("session")
    stated = stated_then(working, session, heard.appended_at)
    decided = decide_correction(working, session, body, asked=asked, stated=stated)
    if isinstance(decided, NotDone):
        return decided
    for fact in decided:
        working.say(fact, cause=heard)
    if decided:
        _revise(working, [session.session_id], heard, ())
        _call(working, [session.session_id], heard)
        _say_settled(working, session.session_id, heard, is_corrected=True)
    else:
        correction = correction_of(working, session)
        _leave_unchanged(working, heard, correction.event_id if correction else session.event_id)
    return ()


def _waits_until(working: Working, session: Session | None, heard: Heard[Asking], wait: Wait) -> dt.datetime:
    """A nomination waits for people no longer than a town may nominate: those who are known shall still come in."""
    if session is None:
        return heard.appended_at + rules_of(working).held_for
    waits_for_people = isinstance(heard.body, PeopleNominated) and wait.waits_for != "session"
    return max(taken_until(working, session) if waits_for_people else session.ends_at, heard.appended_at)
