"""A record as one line: for a person, or as JSON for a program."""

from __future__ import annotations

import datetime as dt
from typing import Any

from aiokafka.structs import ConsumerRecord
from rich.text import Text

from rollcall.terminal import to_the_letter
from shared.contracts.attendance import ParticipantAbsent, ParticipantAttended
from shared.contracts.enrolment import (
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
)
from shared.contracts.model import Event
from shared.contracts.notifications import NoticeFailed, NoticeSent
from shared.contracts.planner import SessionCancelled, SessionRescheduled
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.events.decoding import decode
from shared.events.envelope import Heard, Poison
from shared.events.streams import STREAMS

_LEFT_OUT = {"decided_at", "request_id", "request_source", "message_id", "content"}
"""For machines. What the subject says is left out too."""
_COLOURS: dict[type[Event], str] = {
    **dict.fromkeys((ParticipantEnrolled, ParticipantAttended, CityQualified, NoticeSent), "green"),
    **dict.fromkeys((EnrolmentRefused, SessionCancelled, ParticipantAbsent, NoticeFailed, CityWithdrawn), "red"),
    **dict.fromkeys((ParticipantWaitlisted, EnrolmentWithdrawn, SessionRescheduled, CityNotSelected), "yellow"),
}
_PERSONAL = {stream.name for stream in STREAMS.values() if stream.compacted}
SHOWN_FACTS = 4


def line(record: ConsumerRecord, *, named: bool = False) -> Text:
    """When, where, what, about whom, and the facts that matter."""
    heard_at = dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC).astimezone()
    text = Text(f"{heard_at:%H:%M:%S}.{heard_at.microsecond // 1000:03} ", style="dim")
    text.append(f"{record.topic + ' ' if named else ''}{record.partition:>2}/{record.offset:<6} ", style="dim")
    decoded = decode(record)
    if not isinstance(decoded, Heard):
        why = f"{decoded.reason}: {decoded.detail}" if isinstance(decoded, Poison) else f"unknown type {decoded.type}"
        return text.append(why, style="red")
    kind = type(decoded.body)
    text.append(f"{kind.__name__:<22} ", style=f"bold {_COLOURS.get(kind, 'cyan')}").append(decoded.subject)
    if record.topic not in _PERSONAL:
        body = decoded.body.model_dump(mode="json", exclude_none=True)
        said = set(decoded.subject.split("/"))
        facts = [
            f"{name}={_short(value)}"
            for name, value in body.items()
            if name not in _LEFT_OUT and str(value) not in said
        ]
        text.append("  " + "  ".join(facts[:SHOWN_FACTS]), style="dim")
    return text.append(f"  {decoded.source}", style="magenta")


def _short(value: Any) -> str:
    text = f"[{len(value)}]" if isinstance(value, list | dict) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def json_line(record: ConsumerRecord) -> str:
    """Everything the record says."""
    decoded = decode(record)
    whole: dict[str, Any] = {"stream": record.topic, "partition": record.partition, "offset": record.offset}
    if isinstance(decoded, Heard):
        whole |= {"id": decoded.event_id, "source": decoded.source, "type": decoded.type, "subject": decoded.subject}
        whole |= {
            "time": decoded.stated_at.isoformat(),
            "version": decoded.version,
            "data": decoded.body.model_dump(mode="json"),
        }
    else:
        whole |= {"reason": str(decoded.reason) if isinstance(decoded, Poison) else "unknown_type"}
    return to_the_letter(whole)
