"""What a decision may come to beside facts, and whose rows we may state anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from shared.contracts.attendance import AttendanceState
from shared.events.envelope import Heard, Reason
from shared.state.rows import FactRow
from shared.state.working import Answer, Working, answered_by
from shared.values import immutable


@immutable
class Wait:
    """Nothing can be decided yet: what has to become known first, and how long that may take."""

    waits_for: str
    until: dt.datetime


@immutable
class Refused:
    """Nothing can ever be decided here: what was asked is kept among the parked records, or its asker is told."""

    reason: Reason
    detail: str


@immutable
class Unchanged:
    """There is nothing to say: it is so already, or stands against what was asked."""

    outcome: str
    event_id: str
    """Of the fact by which it is so."""


def answered(working: Working, heard: Heard[Any], asked_for: Callable[[Any], str]) -> None:
    """Keeps which fact answered a request, if it names one. `asked_for`: what such a fact answers."""
    body = heard.body
    if (request := answered_by(body)) is not None:
        source, request_id = request
        fields = (heard.subject, asked_for(body), body.request_digest, type(body).__name__, 0, heard.event_id)
        working.answer(Answer(source, request_id, *fields))


def is_ours(working: Working, row: FactRow) -> bool:
    """Whether we may state this aggregate: it is ours, or was taken over from whoever stated it first."""
    return working.owns(row, AttendanceState.stream)
