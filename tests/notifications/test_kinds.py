"""Each kind of mail says what is to be told twice, in SQL and as a pure function: held against each other over generated states."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifications import tables, urgency
from services.notifications.asked import Asked
from services.notifications.attended import Certified
from services.notifications.differences import given_up, is_open, is_urgent, live
from services.notifications.kinds import KINDS, Subject, sessions, subject_of
from services.notifications.kinds.certificate import ABSENT, THANKS
from services.notifications.kinds.certificate import REACH as CERTIFICATES_REACH
from services.notifications.kinds.clashes import OfTheirs, hash_of
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.missed import CAME, MISSED, MISSED_CORRECTED
from services.notifications.kinds.nominated import MAILED as NOMINATED_MAILED
from services.notifications.kinds.refusal import MAILED
from services.notifications.ledger import NOTHING, NoticeState, Told, nothing_yet, told_after
from services.notifications.messages import Message
from services.notifications.state import CANCELLED, SCHEDULED, Contact, Note, Person, Place, Refusal, Session
from services.notifications.tables import OFFICE
from services.notifications.tasks import AFTERWARDS
from services.notifications.towns import Nominated
from services.notifications.untold import Addressee, Truth, office_at
from shared.contracts.attendance import Presence
from shared.contracts.certificates import CertificateEnds
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import (
    AskedFor,
    CallEnd,
    Nominee,
    PlaceChange,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.model import Language, members
from shared.contracts.notices import Questionnaire
from shared.contracts.notifications import Audience, CallTold, ClashTold, DeclineReason, OfferTold, ReminderTold
from shared.contracts.planner import OutsideTask
from shared.contracts.portal import Reply
from shared.state.rows import Row
from tests.campaigns import SHARE, Share, cases
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TUESDAY,
    YESTERDAY,
    answered,
    asked,
    call,
    certificate,
    certified,
    contact,
    content,
    meeting,
    meeting_list,
    member,
    message,
    message_text,
    nominated,
    notice,
    open_notice,
    person,
    place,
    record,
    refusal,
    risk,
    said_then,
    session,
    settled,
    suppression,
    task,
    task_done,
    topic,
    town,
)
from tests.notifications.building import MATERIALS as MATERIALS_OF_IT
from tests.notifications.building import TASK as TASK_OF_THEIRS
from tests.notifications.office import write_rows

TOMORROW, TODAY = meeting("2026-11-21T09:00", "2026-11-21T15:00"), meeting("2026-11-20T08:00", "2026-11-20T15:00")
DAYS = (MONDAY, TUESDAY, YESTERDAY, TOMORROW, TOMORROW, TODAY)
GO_LIVE = BEFORE - dt.timedelta(days=1)
BY_SETTINGS = office_at("biuro@example.org", "Biuro", Language.PL)
RULES = Rules(GO_LIVE, reminder_hour=6, office=BY_SETTINGS)
"""Now it is nine o'clock in Warsaw."""
RULES_OF = {Subject.CERTIFICATE: replace(RULES, since=NOW - dt.timedelta(days=200))}
"""What has become of a certificate is told for longer than a few days."""
STANDINGS = tuple(kind.becomes for kind in members(PlaceChange))
LIVES = 3
NUMBERS = ("RC-2026-0002", "RC-2026-0001")
CALLED_UNTIL = NOW + dt.timedelta(days=2)
OF_LISTS = (Subject.CERTIFICATE, Subject.MISSED)
OF_LINES = (Subject.WAITING, Subject.OFFER)
AFTER_IT = (Subject.FOLLOWUP, Subject.UNFILLED)
OF_TASKS = (Subject.PRETEST, *AFTER_IT)
TASK_NAMES = ("post_test.1", "questionnaire.1", "pre_test.1")
NOTES = (Note(text="Parking", name="note.1"), Note(text="Laptop", name="note.2"))
OF_TRAINERS = (Subject.TRAINING, Subject.ROSTER, Subject.FORMER)
OF_MESSAGES = (Subject.MESSAGE, Subject.CIRCULAR)
OF_CLASHES = (Subject.CLASH, Subject.CLASHES)
SELDOM_GIVEN_UP = (*OF_TASKS, Subject.NOTE, Subject.UNANSWERED, Subject.NOMINATED, Subject.RISK)
SELDOM_TRUE = (Subject.UNANSWERED, Subject.CLASHES, Subject.UNFILLED, Subject.PRETEST, Subject.RISK)
"""Of which a tenth of the cases meets too few mails: more of them have been given up."""
ONCE = (Subject.DIGEST,)
"""Of which there is one for all: test_digest."""
OF_ASKED = (Subject.TASK, Subject.MATERIALS)
OF_FORMER = (Subject.REFUSAL, Subject.NOMINATED, Subject.CERTIFICATE, *OF_MESSAGES, *OF_ASKED)
"""What is told to whoever somebody turned out to be."""
OF_TOWNS = (Subject.CALL, Subject.UNANSWERED, Subject.NOMINATION, Subject.NOMINATED)
DECISIONS = (*(NOW + dt.timedelta(hours=hours) for hours in (-1, 20, 30, 40, 50, 70)), None)
DEADLINES = (NOW - dt.timedelta(hours=1), NOW - dt.timedelta(days=2), NOW + dt.timedelta(days=2))
REASONS = (WithdrawalReason.OFFER_EXPIRED, WithdrawalReason.OFFER_EXPIRED, WithdrawalReason.REQUESTED)


def made_up(number: int, chance: random.Random, kind: Subject) -> list[Row]:
    """One person, one session, what was said of both, and what was told of it: anything."""
    ids = (f"person-{number}", f"session-{number}")
    days, standings, decisions = DAYS, STANDINGS, DECISIONS
    if kind is Subject.REMINDER:  # Rare enough as it is.
        days, standings = (*[TOMORROW] * 8, MONDAY, TODAY), (*[Standing.ENROLLED] * 4, Standing.WITHDRAWN)
    if kind is Subject.UNANSWERED:
        days = (*[MONDAY] * 8, TUESDAY, TODAY)
    if kind is Subject.REPLY:
        days, standings = (*[MONDAY] * 8, TUESDAY, TODAY), (*[Standing.ENROLLED] * 4, Standing.WITHDRAWN)
        decisions = (*DECISIONS[1:5] * 4, *DECISIONS)
    if kind is Subject.MISSED:
        days = (*[YESTERDAY] * 6, TODAY, MONDAY)
        standings = (*[Standing.ENROLLED] * 8, Standing.WITHDRAWN)
    if kind in OF_CLASHES:
        days, standings = (*[MONDAY] * 6, TUESDAY, TODAY, TODAY), (*[Standing.ENROLLED] * 8, Standing.WITHDRAWN)
    if kind is Subject.PRETEST:
        days, standings = (*[MONDAY] * 8, TUESDAY, TOMORROW, TODAY), (*[Standing.ENROLLED] * 4, Standing.WITHDRAWN)
    if kind is Subject.NOTE:
        days, standings = (*[MONDAY] * 12, TUESDAY, TODAY), (*[Standing.ENROLLED] * 8, Standing.WITHDRAWN)
    if kind in AFTER_IT:
        days = (*[YESTERDAY] * 8, MONDAY, TODAY)
    if kind is Subject.ROSTER:
        days = (*[TOMORROW] * 8, MONDAY, TODAY)
    heard = (LONG_AGO, GO_LIVE - dt.timedelta(hours=1), BEFORE, BEFORE, NOW - dt.timedelta(hours=1), NOW)
    state = chance.choice((SCHEDULED, SCHEDULED, SCHEDULED, CANCELLED))
    stated = [
        session(
            chance.choice(days),
            session_id=ids[1],
            heard_at=at,
            version=version,
            state=state,
            decides_at=chance.choice(decisions),
            trainers=chance.choice(((ids[0],), (ids[0], "person-x"), ("person-x",))) if kind in OF_TRAINERS else (),
            **(_tasks(chance) if kind in OF_TASKS else {}),
            note=chance.choice((*NOTES, None)) if kind is Subject.NOTE else None,
            freeze_hours=96 if kind in OF_LINES and number % 4 == 0 else 0,
        )
        for version, at in enumerate(sorted(chance.choices(heard, k=chance.randint(1, 2))), start=1)
    ]
    places = [
        _place(
            chance.choice(standings),
            chance,
            person_id=ids[0],
            session_id=ids[1],
            heard_at=at,
            version=version,
            **(_marked(f"{ids[1]}x", number, chance) if kind in OF_CLASHES else {}),
        )
        for version, at in enumerate(sorted(chance.choices(heard, k=chance.randint(1, LIVES))), start=1)
    ]
    rows: list[Row] = [*map(said_then, stated), *map(said_then, places), stated[-1], places[-1]]
    rows += [person(ids[0]), contact(ids[0])] if chance.random() < 0.9 else []
    announced_at = LONG_AGO if kind in OF_LINES and number % 3 == 0 else None
    rows += [replace(settled(stated[-1]), announced_at=announced_at)] if chance.random() < 0.8 else []
    if kind is Subject.FORMER:
        rows += _entries(number, ids, stated, chance)
    if kind is Subject.REFUSAL:
        rows += [_refusal(ids, places[-1], chance)]
        rows.remove(places[-1]) if chance.random() < 0.5 else None
    if kind is Subject.RISK:
        rows += [risk(session_id=ids[1], heard_at=chance.choice((GO_LIVE - dt.timedelta(hours=1), BEFORE, BEFORE)))]
    if kind in OF_LISTS:
        rows += _of_lists(ids, chance, kind)
    if kind in AFTER_IT:
        states = (*[Presence.PRESENT] * 5, Presence.ABSENT, Presence.LATE)
        known = {"person_id": ids[0], "session_id": ids[1]}
        rows += [
            record(chance.choice(states), meeting_id=day, **known)
            for day in ("day-0", "day-1")[: chance.choice((1, 2))]
        ]
    if kind in OF_TASKS:
        rows += [task_done(which, ids[0], session_id=ids[1]) for which in OutsideTask if chance.random() < 0.15]
    if kind in OF_TOWNS:
        rows += _of_town(number, ids, chance, kind)
    if kind is Subject.BOUNCED:
        rows += _bounced(number, ids, chance)
    if kind in OF_MESSAGES:
        rows += _messages(ids, chance, kind)
    if kind in OF_CLASHES:
        rows += _clashing(number, ids, chance, kind)
    if kind in OF_ASKED:
        rows += [_asked(ids, chance, kind)]
    if kind in OF_FORMER and chance.random() < 0.25:
        rows = _formerly(f"former-{number}", ids[0], rows, kind, stated, chance)
    if (
        kind is Subject.MISSED and number % 4 == 0
    ):  # Told under another id; by a chance of its own, so that all else stays what it was.
        rows = _formerly(f"former-{number}", ids[0], rows, kind, stated, random.Random(number))
    for subject, about in _abouts(ids[1]).items():
        if subject in (*OF_MESSAGES, *OF_ASKED, *OF_CLASHES) and subject is not kind:
            continue
        if subject in OF_TOWNS and subject is not kind and (subject, kind) != (Subject.CALL, Subject.UNANSWERED):
            continue
        if subject in OF_LISTS and kind not in OF_LISTS:
            continue
        if subject in (*OF_TASKS, Subject.NOTE) and kind not in (*OF_TASKS, subject):
            continue
        if subject in (Subject.BOUNCED, Subject.FORMER) and kind is not subject:
            continue
        recipient = OFFICE if KINDS[subject].to_office else ids[0]
        seldom = kind is Subject.MISSED and subject is Subject.CERTIFICATE  # Most are not thanked for what they missed.
        often = (kind, subject) in (
            (Subject.UNANSWERED, Subject.CALL),
            (Subject.CLASH, Subject.PLACE),
            (Subject.UNFILLED, Subject.FOLLOWUP),
        )
        if chance.random() < (0.95 if often else 0.1 if seldom else 0.6):
            rows += [_told(recipient, subject, about, stated, chance)]
        if chance.random() < 0.1:
            rows += [open_notice(recipient=recipient, about=about, notice_id=f"notice-{subject}-{number}")]
    return rows


def _formerly(
    former: str, person_id: str, rows: list[Row], kind: Subject, stated: list[Session], chance: random.Random
) -> list[Row]:
    """It was said to an id that went into theirs; and told to that, or not."""
    its_type = {Subject.REFUSAL: Refusal, Subject.NOMINATED: Nominated, Subject.CERTIFICATE: Certified}.get(kind)
    recipients = (Message, Asked)
    rows = [
        replace(row, recipient=former)
        if isinstance(row, recipients)
        else replace(row, person_id=former)
        if type(row) is its_type
        else row
        for row in rows
    ]
    rows += [replace(person(former), merged_into=person_id)]
    if chance.random() < 0.5:
        about = _abouts(stated[0].session_id)[kind]
        rows += [_told(former, kind, about, stated, chance)]
    return rows


def _entries(number: int, ids: tuple[str, str], stated: list[Session], chance: random.Random) -> list[Row]:
    """What was told to an id that went into theirs, of a place that it has still, or had; or of what it trains."""
    former, subject = f"former-{number}", chance.choice((Subject.PLACE, Subject.PLACE, Subject.TRAINING))
    told = _told(former, subject, _abouts(ids[1])[subject], stated, chance)
    standing = chance.choice((*[Standing.WITHDRAWN] * 5, Standing.ENROLLED))
    rows: list[Row] = [replace(person(former), merged_into=ids[0] if chance.random() < 0.9 else None), told]
    return rows + ([place(standing, person_id=former, session_id=ids[1])] if subject is Subject.PLACE else [])


def _marked(other_id: str, number: int, chance: random.Random) -> dict[str, Any]:
    """Nearly always at the same time as the other one, and for their own town."""
    return {"clashes_with": (other_id,) if chance.random() < 0.85 else (), "city_id": f"city-{number}"}


def _clashing(number: int, ids: tuple[str, str], chance: random.Random, kind: Subject) -> list[Row]:
    """Another session at that time, their place in it, and what they were told of that; a town that they coordinate, or did."""
    other_id = f"{ids[1]}x"
    its = session(
        chance.choice((*[MONDAY] * 6, TUESDAY, TODAY)),
        session_id=other_id,
        state=chance.choice((*[SCHEDULED] * 8, CANCELLED)),
    )
    had = place(
        chance.choice((*[Standing.ENROLLED] * 8, Standing.WITHDRAWN)),
        person_id=ids[0],
        session_id=other_id,
        **_marked(ids[1], number, chance),
    )
    rows: list[Row] = [its, had, said_then(had, heard_at=chance.choice((GO_LIVE - dt.timedelta(hours=1), BEFORE)))]
    rows += [settled(its)] if chance.random() < 0.9 else []
    if chance.random() < 0.9:
        rows += [_told(ids[0], Subject.PLACE, f"place/{other_id}", [its], chance)]
    if chance.random() < 0.1:
        rows += [open_notice(recipient=ids[0], about=f"place/{other_id}", notice_id=f"notice-other-{number}")]
    if kind is Subject.CLASHES:
        left = chance.choice((*[None] * 8, dt.date(2026, 11, 19)))
        rows += [replace(town(), city_id=f"city-{number}"), member(ids[0], f"city-{number}", until_date=left)]
    return rows


def _tasks(chance: random.Random) -> dict[str, Any]:
    """What the session asks for: near, far, over, or nothing."""
    made: dict[str, Any] = {}
    for which, name in ((OutsideTask.PRE_TEST, "pre_test.1"), *zip(AFTERWARDS, TASK_NAMES, strict=False)):
        noon_at = chance.choice(
            (*[NOW - dt.timedelta(hours=3)] * 3, NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=2))
        )
        until = chance.choice((*[NOW + dt.timedelta(days=1)] * 4, NOW - dt.timedelta(minutes=1)))
        its = task(until, noon_at, name=chance.choice((name, name, f"{name}x")))
        made[which] = chance.choice((its, its, its, None))
    return made


def _place(standing: Standing, chance: random.Random, **fields: Any) -> Place:
    match standing:
        case Standing.OFFERED:
            return place(standing, offered_at=BEFORE, offered_until=chance.choice(DEADLINES), **fields)
        case Standing.WITHDRAWN:
            since = chance.choice((None, LONG_AGO, BEFORE, NOW))
            return place(standing, reason=chance.choice(REASONS), withdrawn_at=since, **fields)
    return place(standing, reply=chance.choice((Reply.NONE, Reply.NONE, Reply.CONFIRMED)), **fields)


def _refusal(ids: tuple[str, str], its_place: Place, chance: random.Random) -> Refusal:
    its = refusal(
        chance.choice((*MAILED, RefusalReason.ALREADY_PLACED, RefusalReason.ASKED_SINCE)),
        heard_at=chance.choice((GO_LIVE - dt.timedelta(hours=1), BEFORE, BEFORE)),
        session_id=ids[1],
        person_id=ids[0],
        version=chance.choice((its_place.version - 1, its_place.version + 1, its_place.version + 1)),
        asked_for=chance.choice((AskedFor.PLACE, AskedFor.PLACE, AskedFor.PLACE, AskedFor.WITHDRAWAL)),
        standing=chance.choice((Standing.NONE, Standing.NONE, Standing.WITHDRAWN, Standing.ENROLLED)),
    )
    return replace(its, source=chance.choice((its.source, its.source, "urn:example:other")))


def _of_town(number: int, ids: tuple[str, str], chance: random.Random, kind: Subject) -> list[Row]:
    """A town of their own, which they coordinate or did, what it is asked and what it was answered."""
    city_id, heard = f"city-{number}", chance.choice((GO_LIVE - dt.timedelta(hours=1), BEFORE, BEFORE, BEFORE))
    left = chance.choice((None, None, None, None, dt.date(2026, 11, 19), dt.date(2026, 11, 20)))
    until = chance.choice(DEADLINES if kind is Subject.CALL else (*[CALLED_UNTIL] * 8, *DEADLINES))
    ended = chance.choice((None, None, None, CallEnd.NO_NOMINATIONS))
    if kind is Subject.UNANSWERED and chance.random() < 0.9:  # Rare enough as it is.
        ended, left, heard = None, None, BEFORE
    since = {"from_date": NOW.date()} if kind is Subject.CALL and chance.random() < 0.25 else {}
    own: list[Row] = [replace(town(), city_id=city_id), member(ids[0], city_id, until_date=left, **since)]
    places = 4 if kind is Subject.UNANSWERED else chance.choice((4, 5))
    nominee = Nominee(person_id=ids[0], standing=chance.choice(STANDINGS), reason=chance.choice((None, *MAILED)))
    match kind:
        case Subject.NOMINATION:
            return [*own, answered(nominee, session_id=ids[1], city_id=city_id, heard_at=heard)]
        case Subject.NOMINATED:
            reason = chance.choice((None, *NOMINATED_MAILED, RefusalReason.SESSION_CANCELLED))
            return [nominated(reason, session_id=ids[1], person_id=ids[0], heard_at=heard)]
    its_call = call(until, session_id=ids[1], city_id=city_id, heard_at=heard, ended=ended, places=places)
    own += [its_call]
    if kind is Subject.CALL and chance.random() < 0.7:  # What others told of it, or what was first said.
        own += [said_then(replace(its_call, places=chance.choice((4, places)), ended=None))]
    if kind is Subject.UNANSWERED and chance.random() < 0.2:
        own += [answered(nominee, session_id=ids[1], city_id=city_id)]
    return own


def _of_lists(ids: tuple[str, str], chance: random.Random, kind: Subject) -> list[Row]:
    """What lists say of a person, and what they were certified."""
    person_id, session_id = ids
    known = {"person_id": person_id, "session_id": session_id}
    rows: list[Row] = [
        record(chance.choice((*[Presence.ABSENT] * 9, *[Presence.PRESENT] * 3, *Presence)), meeting_id=day, **known)
        for day in ("day-1", "day-0")[: chance.choice((1, 1, 1, 2))]
    ]
    if chance.random() < 0.9:
        closed_at = chance.choice((BEFORE, BEFORE, NOW - dt.timedelta(minutes=59)))
        rows += [meeting_list(session_id=session_id, is_open=chance.random() < 0.25, heard_at=closed_at)]
    if kind is Subject.CERTIFICATE or chance.random() < 0.1:
        then = NOW - CERTIFICATES_REACH
        long_before = RULES_OF.get(kind, RULES).since - dt.timedelta(hours=1)
        heard = chance.choice((BEFORE, BEFORE, NOW, long_before, then))
        first = chance.choice((heard, long_before))
        ended = chance.choice((None, None, CertificateEnds.NOT_EARNED))
        its = certificate(chance.choice(NUMBERS), heard_at=heard, ended=ended, **known)
        if ended is not None and its.number == NUMBERS[-1] and heard == BEFORE:
            its = replace(its, ended=CertificateEnds.CORRECTED)
        rows += [certified(its, first_heard_at=first)]
    return rows


def _bounced(number: int, ids: tuple[str, str], chance: random.Random) -> list[Row]:
    """Mail to somebody of a town's team came back, who may be who coordinates it."""
    city_id, whose = f"city-{number}", chance.choice((*[f"mate-{number}"] * 6, ids[0]))
    left = chance.choice((*[None] * 5, dt.date(2026, 11, 19)))
    when = chance.choice((BEFORE, BEFORE, NOW - dt.timedelta(days=30), GO_LIVE - dt.timedelta(hours=1)))
    held = suppression(recipient=whose, holds=chance.random() < 0.9, decided_at=when, heard_at=when)
    away = chance.choice((*[None] * 6, "person-0"))
    return [
        replace(held, mailbox=chance.choice((*["0000.0"] * 4, "here"))),
        replace(town(), city_id=city_id),
        member(ids[0], city_id, until_date=chance.choice((*[None] * 5, dt.date(2026, 11, 19)))),
        *([member(whose, city_id, until_date=left, kind=MemberKind.PROJECT_STAFF)] if whose != ids[0] else []),
        *(
            [replace(person(whose), merged_into=away), replace(contact(whose), erased=chance.random() < 0.1)]
            if whose != ids[0]
            else []
        ),
    ]


def _messages(ids: tuple[str, str], chance: random.Random, kind: Subject) -> list[Row]:
    """Something that the office wrote to them, about as many of the other sort."""
    name = _message_id(ids[1])
    audiences = (Audience.SESSION,) if kind is Subject.MESSAGE else (Audience.TOWN, Audience.COORDINATORS)
    audience = chance.choice((*audiences * 3, *Audience))
    until = chance.choice((NOW - dt.timedelta(hours=1), NOW + dt.timedelta(days=2), NOW + dt.timedelta(days=2)))
    return [message(ids[0], audience, message_id=name, until=until), message_text(name)]


def _asked(ids: tuple[str, str], chance: random.Random, kind: Subject) -> Asked:
    """Something that another system asked to have told them, about as many of the other sort; of some training, or of none."""
    task = TASK_OF_THEIRS.model_copy(update={"reminds": chance.random() < 0.5})
    of_training = chance.choice(
        (MATERIALS_OF_IT, Questionnaire(of="questionnaire", title="Ankieta", link=MATERIALS_OF_IT.link))
    )
    context = chance.choice((task, task, task, of_training) if kind is Subject.TASK else (*[of_training] * 3, task))
    until = chance.choice((NOW - dt.timedelta(hours=1), NOW + dt.timedelta(hours=5), *[NOW + dt.timedelta(days=2)] * 4))
    its = asked(context, recipient=ids[0], until=until, asked_id=_asked_id(ids[1]), session_id=ids[1])
    if context is task and chance.random() < 0.4:
        its = replace(its, session_id=None)
    if chance.random() < 0.1:
        its = replace(its, about=None, until=None, declined=chance.choice((*DeclineReason,)))
    return its


def _asked_id(session_id: str) -> str:
    return f"asked-{session_id.partition('-')[2]}"


def _message_id(session_id: str) -> str:
    return f"message-{session_id.partition('-')[2]}"


def _abouts(session_id: str) -> dict[Subject, str]:
    return {
        Subject.PLACE: f"place/{session_id}",
        Subject.OFFER: f"offer/{session_id}",
        Subject.WAITING: f"waiting/{session_id}",
        Subject.REMINDER: f"reminder/{session_id}/day-before",
        Subject.TRAINING: f"training/{session_id}",
        Subject.FORMER: f"former/{session_id}/place/former-{session_id.partition('-')[2]}",
        Subject.CERTIFICATE: f"certificate/{session_id}",
        Subject.MISSED: f"missed/{session_id}",
        Subject.ROSTER: f"roster/{session_id}/evening-before",
        Subject.NOTE: f"note/{session_id}/practical-note",
        Subject.PRETEST: f"pretest/{session_id}/pre-test",
        Subject.FOLLOWUP: f"followup/{session_id}",
        Subject.UNFILLED: f"unfilled/{session_id}",
        Subject.RISK: f"risk/{session_id}",
        Subject.BOUNCED: "bounced/mate-{0}/city-{0}".format(session_id.partition("-")[2]),
        Subject.REPLY: f"reply/{session_id}/before-decision",
        Subject.REFUSAL: f"refusal/{session_id}",
        Subject.CALL: f"call/{session_id}/city-{session_id.partition('-')[2]}",
        Subject.UNANSWERED: f"unanswered/{session_id}/city-{session_id.partition('-')[2]}",
        Subject.NOMINATION: f"nomination/{session_id}/nomination-1",
        Subject.NOMINATED: f"nominated/{session_id}",
        Subject.CLASH: f"clash/{session_id}/{session_id}x",
        Subject.CLASHES: f"clashes/{session_id}/{session_id}x/city-{session_id.partition('-')[2]}",
        Subject.MESSAGE: f"message/{_message_id(session_id)}",
        Subject.CIRCULAR: f"circular/{_message_id(session_id)}",
        Subject.TASK: f"task/{_asked_id(session_id)}",
        Subject.MATERIALS: f"materials/{_asked_id(session_id)}",
    }


def _hashed_of_town(its: Session, deadline: dt.datetime, chance: random.Random) -> dict[Subject, str]:
    return {
        Subject.CALL: f"{its.content}/4/{sessions.microseconds(chance.choice((deadline, *[CALLED_UNTIL] * 4)))}",
        Subject.UNANSWERED: str(sessions.microseconds(CALLED_UNTIL)),
        Subject.NOMINATION: chance.choice(("event-2", "event-1")),
        Subject.NOMINATED: chance.choice(("nomination-1", "nomination-0")),
    }


def _told(recipient: str, subject: Subject, about: str, stated: list[Session], chance: random.Random) -> Told:
    told = nothing_yet(recipient, about)
    states = (NoticeState.SENT, NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.OVERTAKEN, NoticeState.FAILED)
    for number in range(chance.randint(0, 2)):
        its, deadline = chance.choice((*stated, session(chance.choice(DAYS)))), chance.choice(DEADLINES)
        hashed = {
            Subject.PLACE: its.content,
            Subject.OFFER: f"{its.content}/{sessions.microseconds(deadline)}/{sessions.microseconds(BEFORE)}",
            Subject.WAITING: f"{its.content}/{chance.randint(0, LIVES - 1)}",
            Subject.REMINDER: its.content,
            Subject.TRAINING: its.content,
            Subject.FORMER: f"notice-{chance.randint(0, 1)}" if subject is Subject.FORMER else "",
            **(
                {Subject.CERTIFICATE: chance.choice(NUMBERS), Subject.MISSED: chance.choice((ABSENT, ABSENT, CAME))}
                if subject in OF_LISTS
                else {}
            ),
            Subject.ROSTER: its.content,
            Subject.PRETEST: "pre_test.1",
            Subject.NOTE: chance.choice(NOTES).name,
            **dict.fromkeys(AFTER_IT, chance.choice(("+".join(TASK_NAMES[:2]), *TASK_NAMES[:2]))),
            Subject.REPLY: its.content,
            Subject.RISK: chance.choice(("event-2", "event-1")),
            **dict.fromkeys(OF_CLASHES, "0"),
            Subject.BOUNCED: chance.choice(("event-2", "event-1")),
            Subject.REFUSAL: chance.choice(("event-2", "event-1")),
            **dict.fromkeys((*OF_MESSAGES, *OF_ASKED), about.partition("/")[2]),
            **(_hashed_of_town(its, deadline, chance) if subject in OF_TOWNS else {}),
        }[subject]
        said = content(its).model_copy(update={"hash": chance.choice((hashed, hashed, hashed, None))})
        if subject is Subject.PLACE:
            asked = chance.choice(("pre_test.1", "pre_test.1", None))
            said = said.model_copy(
                update={
                    "says": said.says.model_copy(update={"pre_test": asked, "note": chance.choice((None, "note.1"))})
                }
            )
        if subject in (Subject.REMINDER, Subject.REPLY, Subject.ROSTER, Subject.NOTE, *OF_TASKS):
            fields = dict(said.says) | {"of": "reminder"}
            until = its.noon_before_at + dt.timedelta(hours=12)
            if subject is Subject.REPLY and its.decides_at is not None and not recipient.endswith(("3", "7")):
                until = min(its.decides_at, its.starts_at)
            says = ReminderTold(**fields, rule="day-before", useful_until=until)
            said = said.model_copy(update={"says": says})
        if subject is Subject.MISSED:
            until = chance.choice((NOW, *[NOW + dt.timedelta(days=9)] * 3))
            fields = dict(said.says) | {"of": "reminder"}
            rule = {ABSENT: MISSED, CAME: MISSED_CORRECTED if number else THANKS, None: MISSED_CORRECTED}[said.hash]
            says = ReminderTold(**fields, rule=rule, useful_until=until)
            said = said.model_copy(update={"says": says})
        if subject in OF_CLASHES:
            since = chance.choice((0, 1))
            people = [{"person_id": recipient, "since": since}] if subject is Subject.CLASHES else []
            fields = dict(said.says) | {"of": "clash", "other_session_id": f"{its.session_id}x", "people": people}
            says = ClashTold(**fields, other=said.says, begins_at=its.starts_at)
            said = said.model_copy(update={"says": says, "hash": said.hash and str(since)})
        if subject is Subject.OFFER:
            fields = dict(said.says) | {"of": "offer"}
            said = said.model_copy(update={"says": OfferTold(**fields, offered_at=BEFORE, offered_until=deadline)})
        if subject in (Subject.CALL, Subject.UNANSWERED):
            fields = dict(said.says) | {"of": "call", "town_id": "city-1", "places": 4, "nominate_until": deadline}
            said = said.model_copy(update={"says": CallTold(**fields)})
        at = chance.choice((BEFORE, NOW - dt.timedelta(days=2), NOW - dt.timedelta(hours=20), NOW))
        outcome = notice(recipient=recipient, about=about, sequence=number, said=said, state=chance.choice(states))
        told = told_after(told, replace(outcome, decided_at=at, made_of="key.x", notice_id=f"notice-{number}"))
    by_name = {Subject.UNANSWERED: str(sessions.microseconds(CALLED_UNTIL)), Subject.NOMINATED: "nomination-1"}
    by_name |= {Subject.BOUNCED: "event-1", Subject.FORMER: "notice-0"}
    by_event = (Subject.REFUSAL, Subject.RISK, Subject.NOMINATION)
    by_name |= {Subject.CERTIFICATE: NUMBERS[0], Subject.MISSED: ABSENT}
    by_name |= {Subject.CLASH: "0", Subject.CLASHES: hash_of((OfTheirs(recipient, 0, None),))}
    by_name |= dict.fromkeys((*OF_MESSAGES, *OF_ASKED), about.partition("/")[2])
    its_last = stated[-1]
    if subject is Subject.PRETEST and its_last.pre_test is not None:
        by_name |= {subject: its_last.pre_test.name}
    if subject is Subject.NOTE and its_last.note is not None:
        by_name |= {subject: its_last.note.name}
    if subject in AFTER_IT:
        by_name |= {
            subject: "+".join(one.name for one in (its_last.post_test, its_last.questionnaire) if one is not None)
        }
    now = by_name.get(subject, "event-2" if subject in by_event else stated[-1].content)
    could_not = chance.choice((NOTHING, told.content, now, *([now] * 3 if subject in SELDOM_GIVEN_UP else ())))
    given = {"given_up": could_not, "given_up_for": None, "given_up_by": "notice-9"}
    return replace(told, **given) if chance.random() < (0.6 if subject in SELDOM_TRUE else 0.2) else told


async def judged(connection: AsyncConnection, kind: Kind, rules: Rules = RULES) -> list[dict[str, Any]]:
    """Everything that the statements of a kind say of each key, and the truth as it is loaded to judge again."""
    named: dict[str, Any] = {
        "differs": kind.differs,
        "given_up": given_up(kind),
        "in_parts": sum(
            (sa.cast(sa.func.coalesce(part, sa.false()), sa.Integer) for part in kind.parts), sa.literal(0)
        ),
        "missed": kind.missed if kind.missed is not None else sa.false(),
        "is_open": is_open(kind),
        "is_urgent": is_urgent(kind),
        **{f"waits_for_{name}": waits for name, waits in kind.waits.items()},
        **{f"lacks_{name}": lacks for name, lacks in kind.unknown.items()},
    }
    statement = sa.select(
        *tables.TOLD.c, *tables.PERSON.c, *tables.CONTACT.c, tables.MAILBOX, kind.made_of, *kind.columns,
        *(said.label(name) for name, said in named.items()),
    ).select_from(live(kind))  # fmt: skip
    found = []
    for row in await connection.execute(statement, {"now": NOW} | rules.parameters()):
        reading = Reading(row)
        told, known, address = reading.next(Told), reading.next(Person), reading.next(Contact)
        mailbox, made_of = reading.values(2)
        to = Addressee(known, address, mailbox, made_of)
        if kind.to_office:
            assert (known, address) == (None, None)
            to = replace(BY_SETTINGS, made_of=made_of)
        truth = Truth(kind.read(reading, rules), to)
        found.append(dict(zip(named, row[-len(named) :], strict=True)) | {"told": told, "truth": truth})
    return found


@pytest.mark.campaign
@pytest.mark.parametrize("subject", [one for one in Subject if one not in ONCE])
async def test_sql_and_the_rules_judge_every_state_alike(engine: AsyncEngine, subject: Subject) -> None:
    chance, kind, counts = random.Random(21), KINDS[subject], Counter[str]()
    rules = RULES_OF.get(subject, RULES)
    rows: list[Row] = [town(), topic()]
    for number in range(cases(3000)):
        rows += made_up(number, chance, subject)
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, *rows)
        for said in await judged(connection, kind, rules):
            truth, told = said["truth"], said["told"]
            found = truth.difference(told, now=NOW)
            assert bool(said["differs"]) == (found is not None), (truth, told)
            counts["differs"] += found is not None
            if found is None:
                missed = (
                    kind.missed is not None
                    and truth.matter.missed(told, truth.to, now=NOW, since=rules.since) is not None
                )
                assert bool(said["missed"]) == missed, (truth, told)
                counts["missed"] += missed
                continue
            assert said["in_parts"] == 1, (truth, told)
            assert said["given_up"] == found.given_up, (truth, told)
            waits = [name for name in kind.waits if said[f"waits_for_{name}"]]
            assert waits == ([found.waits_for] if found.waits_for else []), (truth, told)
            assert {name for name in kind.unknown if said[f"lacks_{name}"]} == set()
            assert found.letter in kind.letters
            counts[found.letter] += 1
            counts["given_up"] += found.given_up
            urgent = urgency.is_urgent(found, told, NOW)
            assert said["is_urgent"] or not urgent, (truth, told)  # Nothing that is urgent settles first.
            counts["urgent too early"] += said["is_urgent"] and not urgent
            counts["urgent"] += urgent
            for name in waits:
                counts[name] += 1
    assert counts["urgent too early"] <= counts["differs"] / 4, counts  # The others are claimed twice.
    wanted = {"differs", "given_up", *kind.letters, *kind.waits} | ({"missed"} if kind.missed is not None else set())
    if SHARE is not Share.TASTE:  # A taste meets what is usual; that every state was met, the sample says.
        assert {name for name in wanted if counts[name] < 10} == set(), counts


def test_every_kind_of_subject_is_told_apart_by_how_it_begins() -> None:
    for subject, kind in KINDS.items():
        assert kind.name == subject
        assert subject_of(f"{subject}/session-1") is subject
    letters = Counter(letter for kind in KINDS.values() for letter in kind.letters)
    assert set(letters.values()) == {1}
