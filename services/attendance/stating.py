"""How a record is stated: what a new fact about it carries on from before, and what it says anew. Pure; decides nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any, assert_never

from services.attendance.lists import ListRequest
from services.attendance.state import Record
from shared.contracts.attendance import (
    AttendanceCorrected,
    Because,
    Before,
    Came,
    NotAwaited,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantExcused,
    ParticipantNotAwaited,
    Presence,
    PresenceFact,
)
from shared.events.envelope import Heard, digest_of
from shared.state.working import Working

CARRIED = (
    "city_id",
    "with_place",
    "role",
    "minutes",
    "stated_minutes",
    "arrived_at",
    "left_at",
    "meeting_starts_at",
    "scanned_at",
    "received_at",
    "method",
    "device_id",
    "request_source",
    "request_id",
    "request_digest",
    "linked_from",
    "decided_by",
    "note",
)
"""What stays as it is in a new fact about the same, unless that says otherwise."""


def answering(heard: Heard[ListRequest]) -> dict[str, Any]:
    """That a fact answers this request."""
    asked = {"request_source": heard.source, "request_id": heard.event_id}
    return asked | {"request_digest": digest_of(heard.body), "received_at": heard.appended_at}


def actor_of(working: Working, heard: Heard[Any]) -> str:
    """Who asks: by the name of their token or link over HTTP, by their source on Kafka."""
    return heard.source.removeprefix(f"{working.source}/")


def said(state: Presence, whose: tuple[str, str, str], fields: dict[str, Any], *, now: dt.datetime) -> PresenceFact:
    """That this is so of somebody: (session, meeting, person)."""
    session_id, meeting_id, person_id = whose
    about: dict[str, Any] = {"session_id": session_id, "meeting_id": meeting_id, "person_id": person_id}
    about |= {"decided_at": now}
    match state:
        case Presence.PRESENT:
            return ParticipantAttended.model_validate(about | fields)  # As by name, for a fifth less.
        case Presence.LATE:
            return ParticipantAttended(**about, **fields, came=Came.LATE)
        case Presence.LEFT_EARLY:
            return ParticipantAttended(**about, **fields, came=Came.LEFT_EARLY)
        case Presence.EXCUSED:
            return ParticipantExcused(**about, **fields)
        case Presence.ABSENT:
            return ParticipantAbsent(**about, **fields)
        case Presence.NOT_AWAITED:
            return ParticipantNotAwaited(**about, **fields | {"with_place": False}, reason=NotAwaited.TAKEN_BACK)
        case never:
            assert_never(never)


def corrected(
    state: Presence, whose: tuple[str, str, str], fields: dict[str, Any], record: Record | None, *, now: dt.datetime
) -> AttendanceCorrected:
    """That this is so of somebody, other than was said before."""
    session_id, meeting_id, person_id = whose
    return AttendanceCorrected(
        session_id=session_id,
        meeting_id=meeting_id,
        person_id=person_id,
        decided_at=now,
        state=state,
        was=_before(record),
        **fields,
    )


def said_anew(
    record: Record, state: Presence, changes: dict[str, Any], *, because: Because, now: dt.datetime
) -> PresenceFact:
    """The same record, with what a rule changes in it. Whoever had said it is not made to say it again."""
    fields = {name: getattr(record, name) for name in CARRIED} | changes | {"because": because}
    if record.corrected:
        return corrected(state, whose(record), fields, record, now=now)
    return said(state, whose(record), fields, now=now)


def taken_back(record: Record, reason: NotAwaited, now: dt.datetime, **more: Any) -> ParticipantNotAwaited:
    return ParticipantNotAwaited(
        session_id=record.session_id,
        meeting_id=record.meeting_id,
        person_id=record.person_id,
        city_id=record.city_id,
        with_place=False,
        reason=reason,
        decided_at=now,
        **more,
    )


def whose(record: Record) -> tuple[str, str, str]:
    return record.session_id, record.meeting_id, record.person_id


def _before(record: Record | None) -> Before | None:
    if record is None:
        return None
    return Before(
        state=record.state,
        minutes=record.minutes,
        method=record.method,
        decided_by=record.decided_by,
        decided_at=record.decided_at,
    )
