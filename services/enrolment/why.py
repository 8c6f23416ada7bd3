"""Why somebody has a place in a session, or has none: the chain of what was said of it, as it was known at a moment. Pure: it tells what
was written down when it happened, and decides nothing anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.enrolment.history import Became, Told, Unsaid
from services.enrolment.meaning import COMES, Because, What, because_of, what_became
from services.enrolment.state import in_line
from services.enrolment.statements import (
    OF_PLACES,
    OF_SESSIONS,
    OF_TEAMS,
    about_person,
    body_of,
    ids_of,
    that_held,
    town_names,
    towns_named,
    went_by,
)
from services.enrolment.subjects import place_subject
from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import (
    IN_LINE,
    AskedFor,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    NominationsCalledOff,
    NominationsInvited,
    Nominee,
    Numbers,
    PlaceState,
    Standing,
    TermsCorrected,
    WithdrawalReason,
    standing_after,
    what_was_asked,
)
from shared.events.envelope import Heard
from shared.state.succession import Handover
from shared.values import immutable


@immutable
class Asking:
    """The request that a line is about."""

    source: str
    id: str
    asked_for: AskedFor
    asked_at: dt.datetime | None
    """When it had been appended."""


@immutable
class InLine:
    """The place in line: the how manieth of how many who wait."""

    position: int
    waiting: int


@immutable
class Stood:
    """How somebody stood in a session from a moment on."""

    person_id: str
    since: dt.datetime
    event_id: str
    standing: Standing
    order: tuple[int, dt.datetime, int, str]
    """The lowest is next."""
    is_ours: bool
    """Whether we said it: then nobody else's word counts."""

    @classmethod
    def after(cls, fact: PlaceState, since: dt.datetime, event_id: str, *, is_ours: bool) -> Stood:
        order = in_line(fact.priority, fact.queued_at, fact.queue, fact.person_id)
        return cls(fact.person_id, since, event_id, standing_after(fact), order, is_ours)  # type: ignore[arg-type]


@immutable
class Parked:
    """A request that was set aside before anybody could decide it, or behind another one."""

    source: str
    event_id: str
    asked_for: AskedFor | None
    asked_at: dt.datetime
    reason: str
    detail: str
    parked_at: dt.datetime


@immutable
class Known:
    """All that is kept of one person and one session."""

    session_id: str
    person_id: str
    told: tuple[Told, ...] = ()
    """By others: of the session, the person and their towns."""
    said: tuple[Heard[Any], ...] = ()
    """By us: of the place, of the session's room, to their towns, about those who were nominated."""
    unsaid: tuple[Unsaid, ...] = ()
    parked: tuple[Parked, ...] = ()
    answers: tuple[tuple[tuple[str, str], Heard[Any]], ...] = ()
    """What answered the requests that were held."""
    stood: tuple[Stood, ...] = ()
    """Everybody in the session, as often as something was said of them."""
    handovers: tuple[Handover, ...] = ()
    """Who took over from whom."""


@immutable
class Step:
    """One line of the chain."""

    what: What
    source: str
    event_id: str | None
    type: str | None
    said_at: dt.datetime
    heard_at: dt.datetime
    """From when on it was known here: of our own word, when it was decided."""
    version: int = 0
    body: Any = None
    """The event."""
    reason: str | None = None
    """The code by which something was refused, taken, or set aside."""
    because: Because | None = None
    """Why somebody waits."""
    numbers: Numbers | None = None
    line: InLine | None = None
    until: dt.datetime | None = None
    waits_for: str | None = None
    decided_by: str | None = None
    note: str | None = None
    detail: str | None = None
    request: Asking | None = None
    caused_by: str | None = None
    """The event that made us decide."""
    statement: str | None = None
    statement_version: int | None = None
    """By which statement of the session it was decided."""
    city_id: str | None = None
    others: tuple[str, ...] = ()
    """The other people, or sessions, that it is about."""
    under: str | None = None
    """The other id of the same human of which it was said, and with which it stays."""

    @property
    def is_refusal(self) -> bool:
        """Whether it tells of a request that was turned down, be it by a fact about somebody else."""
        return self.type == EnrolmentRefused.type_name() or self.what is What.NOMINATION_REFUSED

    @property
    def key(self) -> tuple[dt.datetime, int, str]:
        """In the order in which it became known; of one moment first what others said, then what waits, then what we said of it."""
        return self.heard_at, 2 if self.what.is_ours else int(self.type is None), self.event_id or ""


def chain(known: Known, at: dt.datetime) -> list[Step]:
    """Everything that had been said of it by then, in the order in which it was known."""
    held = about_person(that_held(known.told, known.handovers, at), known.person_id)
    own, *others = ids_of(held, known.person_id)
    if went_by(held, own) is not None:
        others = []  # Of a circle: what those have is no part of what it had.
    ids = {own, *others}
    places = _places(known, held, own)
    for other in others:
        places += _stay_with(other, [step for step in _places(known, held, other) if step.heard_at <= at])
    towns = towns_named(held) | {step.city_id for step in places if step.heard_at <= at and step.city_id}
    steps: list[Step] = [
        *(step for step in _told(held) if step.what is not What.TOWN or step.city_id in towns),
        *places,
        *_room(known, towns),
        *_nominations(known, ids),
        *_unsaid(known, ids),
        *_parked(known),
    ]
    return sorted((step for step in steps if step.heard_at <= at), key=lambda step: step.key)


def names_of_towns(known: Known, at: dt.datetime) -> Mapping[str, str]:
    """The towns by what they were called then."""
    return town_names(that_held(known.told, known.handovers, at))


def line_at(known: Known, person_id: str, at: dt.datetime, *, event_id: str | None = None) -> InLine | None:
    """Where the person was in line then, under this id; `event_id`: when that had just been said. None: they did not wait."""
    until = (at, event_id) if event_id is not None else None
    latest: dict[str, Stood] = {}
    ours = {one.person_id for one in known.stood if one.is_ours and one.since <= at}
    for one in sorted(known.stood, key=lambda one: (one.since, one.event_id)):
        if not one.is_ours and one.person_id in ours:
            continue
        if one.since < at or (one.since == at and (until is None or one.event_id <= until[1])):
            latest[one.person_id] = one
    waiting = [one for one in latest.values() if one.standing in IN_LINE]
    own = latest.get(person_id)
    if own is None or own.standing not in IN_LINE:
        return None
    return InLine(1 + sum(one.order < own.order for one in waiting), len(waiting))


# --- what others said ------------------------------------------------------------------------


def _told(held: Sequence[Told]) -> list[Step]:
    """Of a person only when they became known, however often they are stated, and that they are no longer somebody else."""
    steps, before = [], dict[str, str]()
    for one in held:
        was, before[one.subject] = before.get(one.subject), one.type
        if one.type in OF_PLACES or (one.type == PersonRegistered.type_name() == was):
            continue
        is_apart = one.type == PersonRegistered.type_name() and was == PersonMerged.type_name()
        steps.append(replace(_step_of(one), what=What.PERSON_APART) if is_apart else _step_of(one))
    return steps


def _step_of(told: Told) -> Step:
    def step(what: What, **more: Any) -> Step:
        return Step(what, told.source, told.event_id, told.type, told.said_at, told.heard_at, told.version, **more)

    if told.type == PersonRegistered.type_name():
        return step(What.PERSON_KNOWN)
    if told.type == PersonErased.type_name():
        return step(What.PERSON_ERASED)
    body = body_of(told)
    if told.type == PersonMerged.type_name():
        return step(What.PERSON_MERGED, body=body, others=(body.into_person_id,))
    if told.type in OF_SESSIONS:
        return step(What.of_session(body), body=body, city_id=body.city_id)
    if told.type in OF_TEAMS:
        return step(What.of_team(body), body=body, city_id=body.city_id)
    return step(What.TOWN, body=body, city_id=body.city_id)


# --- what we said ----------------------------------------------------------------------------


def _places(known: Known, held: Sequence[Told], person_id: str) -> list[Step]:
    """What was said of the place under this id, and what that meant after what had been said before. Once we have spoken of it nobody
    else's word counts."""
    subject = place_subject(known.session_id, person_id)
    said_by_us = (one for one in known.said if isinstance(one.body, PlaceState) and one.body.person_id == person_id)
    ours = sorted(said_by_us, key=lambda one: one.version)
    begun = min((one.stated_at for one in ours), default=None)
    theirs = [one for one in held if one.subject == subject and (begun is None or one.heard_at < begun)]
    said: list[Heard[Any] | Told] = [*theirs, *ours]
    steps: list[Step] = []
    before: Any = None
    for one in said:
        fact: Any = body_of(one) if isinstance(one, Told) else one.body
        moment = one.heard_at if isinstance(one, Told) else one.stated_at
        steps.append(_step_of_place(known, before, fact, one, moment, one.event_id))
        before = fact
    return steps


def _stay_with(other: str, steps: Sequence[Step]) -> list[Step]:
    """What was said of another id of the human, if it stays with that: a refusal, or a place in what has begun. A place that has moved is
    told from there on."""
    has_moved = bool(steps) and _gone_for(steps[-1].body) == WithdrawalReason.MERGED
    return [] if has_moved else [replace(step, under=other) for step in steps]


def _gone_for(fact: Any) -> WithdrawalReason | None:
    """Why the place, if it stands withdrawn, was given up."""
    return fact.withdrawn_for if isinstance(fact, EnrolmentRefused) else getattr(fact, "reason", None)


def _step_of_place(
    known: Known, before: Any, fact: Any, one: Heard[Any] | Told, moment: dt.datetime, event_id: str
) -> Step:
    what = what_became(before, fact)
    is_ours = not isinstance(one, Told)
    cause = None if isinstance(one, Told) else one.causation_id
    if (cause in _merges(known) and what in COMES) or (what is What.BY_REQUEST and is_ours and fact.request_id is None):
        # Whoever asked did so under that one. What had begun follows long after the merge.
        what = What.FROM_OTHER_ID
    refused, gone = isinstance(fact, EnrolmentRefused), isinstance(fact, EnrolmentWithdrawn)
    waits = standing_after(fact).waits
    other = fact.other_session_id if refused else None
    named = {What.CAME_INSTEAD: (fact.substitute_for,), What.CLASHES: fact.clashes_with}.get(what, ())
    return Step(
        what,
        one.source,
        event_id,
        one.type,
        one.said_at if isinstance(one, Told) else one.stated_at,
        moment,
        body=fact,
        reason=fact.reason if refused or gone else None,
        because=because_of(fact) if waits and not refused else None,
        numbers=fact.numbers,
        line=line_at(known, fact.person_id, moment, event_id=event_id) if waits else None,
        until=fact.offered_until,
        decided_by=fact.decided_by,
        note=fact.note,
        request=_asking(fact),
        caused_by=cause,
        statement=fact.session_event_id,
        statement_version=fact.session_version,
        city_id=fact.city_id,
        others=tuple(filter(None, (*named, other, *((fact.substituted_by, fact.merged_into) if gone else ())))),
    )


def _merges(known: Known) -> set[str]:
    """The events that say that two ids are one human."""
    return {one.event_id for one in known.told if one.type == PersonMerged.type_name()}


def _asking(fact: Any) -> Asking | None:
    if not (fact.request_source and fact.request_id):
        return None
    asked_for = what_was_asked(fact) if isinstance(fact, PlaceState) else AskedFor.CORRECTION  # type: ignore[arg-type]
    return Asking(fact.request_source, fact.request_id, asked_for, getattr(fact, "asked_at", None))


def _room(known: Known, towns: set[str]) -> list[Step]:
    """What the office said of the session's room, and who was called to nominate."""
    steps = []
    for one in known.said:
        body, said = one.body, (one.source, one.event_id, one.type, one.stated_at, one.stated_at)
        if isinstance(body, TermsCorrected):
            what = What.CORRECTED if body.decided_by else What.CORRECTION_OVER
            by: dict[str, Any] = {"decided_by": body.decided_by, "note": body.note, "request": _asking(body)}
            steps.append(Step(what, *said, body=body, **by))
        elif getattr(body, "city_id", None) not in towns:
            continue
        elif isinstance(body, NominationsInvited):
            steps.append(Step(What.CALLED, *said, body=body, until=body.until, city_id=body.city_id))
        elif isinstance(body, NominationsCalledOff):
            steps.append(Step(What.CALLED_OFF, *said, body=body, reason=body.reason, city_id=body.city_id))
    return steps


def _nominations(known: Known, ids: Collection[str]) -> list[Step]:
    """What was answered to a town about the person, under any of their ids; of a nomination that brought them in the place says it all."""
    steps = []
    for one in known.said:
        if isinstance(one.body, NominationAnswered):
            for nominee in (named_in(one.body, person_id) for person_id in sorted(ids)):
                if nominee is not None:
                    under = nominee.person_id if nominee.person_id != known.person_id else None
                    steps.append(replace(_step_of_nomination(one, nominee), under=under))
    return steps


def named_in(answer: NominationAnswered, person_id: str) -> Nominee | None:
    return next((one for one in answer.people if one.person_id == person_id), None)


def _step_of_nomination(one: Heard[Any], nominee: Nominee) -> Step:
    body: NominationAnswered = one.body
    return Step(
        What.NOMINATION_REFUSED if nominee.reason else What.NOMINATED,
        *(one.source, one.event_id, one.type, one.stated_at, one.stated_at),
        body=body,
        reason=nominee.reason,
        numbers=body.numbers if nominee.reason else None,
        request=Asking(body.request_source, body.request_id, AskedFor.NOMINATION, body.asked_at),
        caused_by=one.causation_id,
        city_id=body.city_id,
        others=(nominee.other_session_id,) if nominee.other_session_id else (),
    )


# --- what became no fact ---------------------------------------------------------------------

_UNSAID = {
    # What refused it is a line of its own.
    Became.HELD: What.REQUEST_HELD,
    Became.UNCHANGED: What.REQUEST_UNCHANGED,
    Became.SET_ASIDE: What.REQUEST_SET_ASIDE,
}


def _unsaid(known: Known, ids: set[str]) -> list[Step]:
    steps = []
    unsaid = [one for one in known.unsaid if one.person_id in ids]
    for one in (one for one in unsaid if one.became in _UNSAID):
        request = Asking(one.request_source, one.request_id, one.asked_for, one.asked_at)
        steps.append(
            Step(
                _UNSAID[one.became],
                *(one.request_source, one.request_id, None, one.stated_at, one.since),
                reason=one.reason,
                until=one.until,
                waits_for=one.waits_for,
                detail=one.detail,
                request=request,
            )
        )
    own = {one.event_id for one in known.said}
    ends_with_it = (Became.HELD, Became.REFUSED)
    held = {(one.request_source, one.request_id) for one in unsaid if one.became in ends_with_it}
    for key, answer in known.answers:
        if key in held and answer.event_id not in own:  # Of the two of a substitution it was said of the other one.
            said = (answer.source, answer.event_id, answer.type, answer.stated_at, answer.stated_at)
            reason, person = getattr(answer.body, "reason", None), getattr(answer.body, "person_id", None)
            asking = _asking(answer.body)
            others = (person,) if person else ()
            steps.append(Step(What.ANSWERED_ELSEWHERE, *said, reason=reason, request=asking, others=others))
    return steps


def _parked(known: Known) -> list[Step]:
    told = {(one.request_source, one.request_id) for one in known.unsaid if one.became is Became.SET_ASIDE}
    return [
        Step(
            What.REQUEST_SET_ASIDE,
            *(one.source, one.event_id, None, one.asked_at, one.parked_at),
            reason=one.reason,
            detail=one.detail,
            request=Asking(one.source, one.event_id, one.asked_for or AskedFor.PLACE, one.asked_at),
        )
        for one in known.parked
        if (one.source, one.event_id) not in told
    ]


def answered_by(known: Known, at: dt.datetime) -> Iterable[tuple[str, str]]:
    """The requests that had been answered by then."""
    for key, answer in known.answers:
        if answer.stated_at <= at:
            yield key
    for one in known.said:
        source, request = getattr(one.body, "request_source", None), getattr(one.body, "request_id", None)
        if source and request and one.stated_at <= at:
            yield source, request
