"""Rows with valid defaults: a person with a contact, a session in a known town, a place."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from typing import Any
from zoneinfo import ZoneInfo

from services.notifications.asked import Asked, Said
from services.notifications.attended import ATTENDANCE, Certificate, Certified, MeetingList, Record
from services.notifications.decisions import Terms
from services.notifications.kinds.place import Place as PlaceMatter
from services.notifications.kinds.sessions import Facts, told_of
from services.notifications.ledger import Content, Notice, NoticeState, OpenNotice
from services.notifications.messages import Message, MessageText
from services.notifications.state import (
    SCHEDULED,
    Contact,
    Person,
    Place,
    PlaceSaid,
    Refusal,
    Risk,
    Session,
    SessionSaid,
    Settled,
    Topic,
    Town,
)
from services.notifications.suppressing import Suppression
from services.notifications.tasks import Task as SessionTask
from services.notifications.tasks import TaskDone
from services.notifications.towns import Answered, Call, CallSaid, Member, Nominated, two_days_before
from services.notifications.untold import Addressee, Truth
from shared.contracts.attendance import Presence, Role
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import AskedFor, Nominee, RefusalReason, Standing
from shared.contracts.model import Language
from shared.contracts.notices import Materials, Questionnaire, Task
from shared.contracts.notifications import Audience
from shared.contracts.planner import Meeting, OutsideTask, SessionKind
from shared.contracts.portal import Reply
from shared.state.rows import fields_of, mapping

NOW = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
BEFORE = NOW - dt.timedelta(days=3)
IN_TWO_DAYS = NOW + dt.timedelta(days=2)
LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TERMS = Terms(
    since=LONG_AGO,
    domain="rollcall.example.org",
    lease_seconds=90,
    give_up_after=dt.timedelta(days=5),
    retry_first_seconds=2,
    retry_most_seconds=3600,
)


def _meta(heard_at: dt.datetime, source: str = "urn:example:source") -> tuple[str, int, bool, str, dt.datetime]:
    return source, 1, True, "event-1", heard_at


def meeting(starts: str = "2026-11-23T09:00", ends: str = "2026-11-23T15:00", meeting_id: str = "day-1") -> Meeting:
    starts_local, ends_local = dt.datetime.fromisoformat(starts), dt.datetime.fromisoformat(ends)
    return Meeting(meeting_id=meeting_id, starts_local=starts_local, ends_local=ends_local)


MONDAY = meeting()
TUESDAY = meeting("2026-11-24T09:00", "2026-11-24T15:00")
YESTERDAY = meeting("2026-11-19T09:00", "2026-11-19T15:00")


def session(
    *meetings: Meeting, session_id: str = "session-1", heard_at: dt.datetime = BEFORE, **changes: Any
) -> Session:
    """A session whose content is named by its days, so that equal days mean equal content."""
    meetings = meetings or (MONDAY,)
    row = Session(
        *_meta(heard_at),
        session_id,
        SessionKind.SUPPLEMENTARY,
        "climate",
        "geonames:776597",
        "Urząd Miejski w Augustowie, sala 12",
        "ul. Młyńska 35, Augustów",
        meetings,
        min(one.starts_at for one in meetings),
        max(one.ends_at for one in meetings),
        dt.datetime.combine(
            min(one.starts_local for one in meetings).date() - dt.timedelta(days=1),
            dt.time(12),
            ZoneInfo("Europe/Warsaw"),
        ),
        "+".join(one.starts_local.isoformat() for one in meetings),
        None,
        None,
        None,
        SCHEDULED,
    )
    return replace(row, **changes)


def place(
    state: Standing = Standing.ENROLLED,
    *,
    person_id: str = "person-1",
    session_id: str = "session-1",
    heard_at: dt.datetime = BEFORE,
    version: int = 1,
    **changes: Any,
) -> Place:
    row = Place(
        *_meta(heard_at),
        session_id,
        person_id,
        state,
        None,
        None,
        None,
        Reply.NONE,
        "geonames:776597",
        None,
        (),
        0,
        None,
        None,
    )
    return replace(row, version=version, **changes)


def offered(until: dt.datetime = IN_TWO_DAYS, **changes: Any) -> Place:
    """A place that is held for the person."""
    return place(Standing.OFFERED, **({"offered_at": BEFORE, "offered_until": until} | changes))


def refusal(
    reason: RefusalReason = RefusalReason.NOT_IN_TEAM, *, heard_at: dt.datetime = BEFORE, **changes: Any
) -> Refusal:
    """Of a request for a place."""
    row = Refusal(*_meta(heard_at), "session-1", "person-1", AskedFor.PLACE, reason, Standing.NONE, heard_at)
    return replace(row, **({"version": 2, "event_id": "event-2"} | changes))


def risk(*, heard_at: dt.datetime = BEFORE, **changes: Any) -> Risk:
    return replace(Risk(*_meta(heard_at), "session-1", 12, 9, 14, heard_at), **({"event_id": "event-2"} | changes))


def member(person_id: str = "person-1", city_id: str = "geonames:776597", **changes: Any) -> Member:
    """Whoever coordinates the town since the spring."""
    row = Member(*_meta(BEFORE), person_id, city_id, dt.date(2026, 3, 10), None, MemberKind.COORDINATOR)
    return replace(row, **changes)


def message(recipient: str = "person-1", audience: Audience = Audience.SESSION, **changes: Any) -> Message:
    until, digest = NOW + dt.timedelta(days=7), "6f1c0a52b7e94d0f8a3c2b1d"
    row = Message(
        *_meta(BEFORE, "rollcall/notifications"),
        "message-1",
        recipient,
        audience,
        None,
        until,
        "anna",
        "asked",
        digest,
        BEFORE,
    )
    return replace(row, **changes)


def message_text(message_id: str = "message-1") -> MessageText:
    return MessageText(message_id, "Weź laptop", "Sala nie ma komputerów.")


MATERIALS = Materials(of="materials", title="Slajdy z pierwszego dnia", link="https://materials.example.org/session-1")
TASK = Task(of="task", title="Zgoda na nagranie", awaited_until=IN_TWO_DAYS, link="https://forms.example.org/1")


def asked(
    context: Materials | Task | Questionnaire = MATERIALS,
    *,
    recipient: str = "person-1",
    until: dt.datetime = IN_TWO_DAYS,
    heard_at: dt.datetime = BEFORE,
    **changes: Any,
) -> Asked:
    """That another system asked for a mail, which was accepted."""
    asked_id = changes.get("asked_id", "asked-1")
    name = "task" if isinstance(context, Task) else "materials"
    row = Asked(
        *_meta(heard_at, "rollcall/notifications"),
        asked_id,
        recipient,
        f"{name}/{asked_id}",
        "session-1",
        Said(context),
        until,
        None,
        "urn:example:materials",
        heard_at,
    )
    return replace(row, **changes)


def call(until: dt.datetime = IN_TWO_DAYS, *, heard_at: dt.datetime = BEFORE, **changes: Any) -> Call:
    row = Call(*_meta(heard_at), "session-1", "geonames:776597", 4, until, two_days_before(until), None)
    return replace(row, **({"event_id": "event-2"} | changes))


def answered(*people: Nominee, heard_at: dt.datetime = BEFORE, **changes: Any) -> Answered:
    people = people or (Nominee(person_id="person-2", standing=Standing.ENROLLED),)
    row = Answered(*_meta(heard_at), "session-1", "nomination-1", "geonames:776597", people, heard_at)
    return replace(row, **({"event_id": "event-2"} | changes))


def nominated(
    reason: RefusalReason | None = RefusalReason.NOT_ADMITTED, *, heard_at: dt.datetime = BEFORE, **changes: Any
) -> Nominated:
    row = Nominated(
        "session-1", "person-1", "nomination-1", "geonames:776597", Standing.NONE, reason, heard_at, heard_at
    )
    return replace(row, **changes)


def settled(its_session: Session | None = None, *, by: str = "rollcall/enrolment") -> Settled:
    """Enrolment has been heard about this statement of the session."""
    known = its_session or session()
    return Settled(*_meta(BEFORE, by), known.session_id, known.source, known.event_id, known.version)


def said_then(row: Session | Place | Call, **changes: Any) -> Any:
    """A statement as it is remembered."""
    kind = {Session: SessionSaid, Place: PlaceSaid, Call: CallSaid}[type(row)]
    return kind(**(dict(mapping(row)) | changes))


def person(person_id: str = "person-1") -> Person:
    return Person(*_meta(BEFORE), person_id, "Żaneta", "Wiśniewska", False)


def contact(person_id: str = "person-1", email: str | None = None) -> Contact:
    return Contact(*_meta(BEFORE), person_id, email or f"{person_id}@example.org", Language.PL, False)


def town() -> Town:
    return Town(*_meta(BEFORE), "geonames:776597", 1, "Augustów")


def topic() -> Topic:
    return Topic(*_meta(BEFORE), "topic:climate", "climate", "Adaptacja do zmian klimatu", "Climate adaptation")


_OF_FACTS = frozenset(field.name for field in fields(Facts))


def facts(its_place: Place | None = None, its_session: Session | None = None, **changes: Any) -> Facts:
    names = ("Adaptacja do zmian klimatu", "Climate adaptation")
    return replace(Facts(its_place or place(), its_session or session(), "Augustów", names), **changes)


def record(
    state: Presence = Presence.ABSENT,
    *,
    person_id: str = "person-1",
    session_id: str = "session-1",
    heard_at: dt.datetime = BEFORE,
    **changes: Any,
) -> Record:
    row = Record(*_meta(heard_at, ATTENDANCE), session_id, "day-1", person_id, state, True, Role.PARTICIPANT)
    return replace(row, **changes)


def task(
    until: dt.datetime,
    noon_at: dt.datetime,
    *,
    name: str = "task.1",
    link: str = "https://testy.example.org/?kto={code}",
) -> SessionTask:
    return SessionTask(link=link, until=until, noon_at=noon_at, name=name)


def task_done(which: OutsideTask = OutsideTask.PRE_TEST, respondent: str = "person-1", **changes: Any) -> TaskDone:
    row = TaskDone(*_meta(BEFORE, "urn:example:tests"), "session-1", which, respondent, BEFORE)
    return replace(row, **changes)


def meeting_list(
    *, session_id: str = "session-1", is_open: bool = False, heard_at: dt.datetime = BEFORE
) -> MeetingList:
    return MeetingList(*_meta(heard_at, ATTENDANCE), session_id, "day-1", is_open)


def certificate(number: str = "RC-2026-0001", **changes: Any) -> Certificate:
    serial = int(number.rpartition("-")[2])
    row = Certificate(
        *_meta(BEFORE, ATTENDANCE), number, "RC-2026", serial, "session-1", "person-1", 360, BEFORE.date(), None, None
    )
    return replace(row, **changes)


def certified(its: Certificate | None = None, **changes: Any) -> Certified:
    known = its or certificate()
    names = [name for name in fields_of(Certified) if name != "first_heard_at"]
    row = Certified(**{name: getattr(known, name) for name in names}, first_heard_at=known.heard_at)
    return replace(row, **changes)


def addressee(**changes: Any) -> Addressee:
    return replace(Addressee(person(), contact()), **changes)


def truth(its_place: Place | None = None, its_session: Session | None = None, **changes: Any) -> Truth:
    """About a place; `changes` are of what is known of it, or of whom it is told."""
    known = {name: value for name, value in changes.items() if name in _OF_FACTS}
    to = {name: value for name, value in changes.items() if name not in _OF_FACTS}
    return Truth(PlaceMatter(facts(its_place, its_session, **known)), addressee(**to))


def suppression(**changes: Any) -> Suppression:
    """Of whatever address the person has: the digest is under another key."""
    return replace(
        Suppression(*_meta(BEFORE, "rollcall/notifications"), "person-1", "0000.0", True, "5.1.1", "notice-1", BEFORE),
        **changes,
    )


def open_notice(**changes: Any) -> OpenNotice:
    nothing = dict.fromkeys(fields_of(OpenNotice)) | {
        "priority": 1,
        "sequence": 0,
        "attempts": 0,
        "doubts": 0,
        "rehearses": False,
    }
    ids = {"recipient": "person-1", "about": "place/session-1", "notice_id": "notice-1"}
    notice = OpenNotice(**(nothing | ids | {"planned_at": BEFORE, "next_attempt_at": BEFORE}))  # type: ignore[arg-type]
    return replace(notice, **changes)


def content(its_session: Session | None = None) -> Content:
    known = its_session or session()
    return Content(hash=known.content, says=told_of(known))


def notice(**changes: Any) -> Notice:
    row = Notice(
        "rollcall/notifications", 1, True, "event-1", BEFORE, "notice-1", "person-1", "place/session-1", "change",
        Language.PL, 0, content(), "<notice-1@x>", 1, 0, NoticeState.SENT, None, None, None, None, BEFORE,
    )  # fmt: skip
    return replace(row, **changes)
