"""Asking enrolment's mind why: what the database would be asked for is looked up in its tables and in what it said."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.enrolment.explaining import explained
from services.enrolment.explanation import ExplainedStep, Explanation
from services.enrolment.history import Told, Unsaid
from services.enrolment.statements import also_known_as, body_of
from services.enrolment.subjects import place_subject, session_subject
from services.enrolment.why import Known, Stood, named_in
from shared.contracts.enrolment import NominationAnswered, PlaceState
from shared.state.ownership import Takeover
from shared.state.working import Answer
from tests.enrolment.office import Office
from tests.mind import Mind


def known_of(mind: Mind, person_id: str, session_id: str = "s") -> Known:
    """All that is kept of the two, as reading.py finds it."""
    session = session_subject(session_id)
    told = [one for one in mind[Told] if one.about in (session, f"person/{person_id}")]
    told += [one for one in mind[Told] if one.subject == f"person/{person_id}" and one not in told]
    ids = [person_id]
    while also := also_known_as(told, ids):
        theirs = {f"person/{each}" for each in also}
        told += [one for one in mind[Told] if one.about in theirs or one.subject in theirs]
        ids += also
    said = mind.said
    places_of = [place_subject(session_id, one) for one in ids]
    ours = [one for one in said if one.subject in (*places_of, f"{session}/correction")]
    for one in said:
        answers = isinstance(one.body, NominationAnswered) and one.body.session_id == session_id
        ours += [one] if answers and any(named_in(one.body, each) for each in ids) else []  # type: ignore[arg-type]
    teams = {body_of(one).city_id for one in told if "/city/" in one.subject}
    towns = teams | {one.body.city_id for one in ours if getattr(one.body, "city_id", None)}  # type: ignore[attr-defined]
    told += [one for one in mind[Told] if one.about in {f"city/{one}" for one in towns}]
    ours += [one for one in said if one.subject in {f"{session}/city/{one}" for one in towns}]
    unsaid = [one for one in mind[Unsaid] if one.session_id == session_id and one.person_id in ids]
    requests = {(one.request_source, one.request_id) for one in unsaid}
    by_id = {one.event_id: one for one in said}
    answers_of = [
        ((one.request_source, one.request_id), by_id[one.event_id])
        for one in mind[Answer]
        if (one.request_source, one.request_id) in requests
    ]
    places = [one for one in said if isinstance(one.body, PlaceState) and one.body.session_id == session_id]
    stood = [Stood.after(one.body, one.stated_at, one.event_id, is_ours=True) for one in places]  # type: ignore[arg-type]
    stood += [
        Stood.after(body_of(one), one.heard_at, one.event_id, is_ours=False)
        for one in told
        if one.subject.startswith(f"{session}/person/")
    ]
    handovers = tuple(one.handover() for one in mind[Takeover])
    by_us = tuple(told), tuple(ours), tuple(unsaid), (), tuple(answers_of), tuple(stood), handovers
    return Known(session_id, person_id, *by_us)


def why(office: Office, person_id: str, session_id: str = "s", *, at: dt.datetime | None = None) -> Explanation:
    """What is answered at the moment that it is, or about an earlier one."""
    return explained(known_of(office.mind, person_id, session_id), min(at or office.mind.now, office.mind.now))


def lines(answer: Explanation, *, of_place: bool = True) -> list[str]:
    """What each line is; `of_place`: those about the place alone."""
    others = ("session_", "person_", "joined_", "leaves_", "town")
    return [step.what.value for step in answer.steps if not (of_place and step.what.value.startswith(others))]


def last(answer: Explanation, what: str) -> ExplainedStep:
    return next(step for step in reversed(answer.steps) if step.what == what)


def fate(office: Office, person_id: str, session_id: str = "s", **how: Any) -> str:
    return str(why(office, person_id, session_id, **how).verdict.fate)
