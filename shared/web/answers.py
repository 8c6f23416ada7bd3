"""What the API answers, the same in every service: how it is, what its books say, what it set aside, what became of a command.

Only shapes; what they hold is read elsewhere.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.books.parking import ParkedState
from shared.events.envelope import Reason


class Shape(BaseModel):
    """The shape of something that the API says. What it does not name is not said."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def exemplified(**example: JsonValue) -> ConfigDict:
    """For the `model_config` of an answer: one example of it."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class Alive(Shape):
    """It answers."""

    model_config = exemplified(status="ok")

    status: Literal["ok"] = "ok"


class StreamBooks(Shape):
    """published = heard + parked + skipped + lag."""

    published: int
    heard: int
    parked: int
    skipped: int
    lag: int


class Books(Shape):
    """What was published, heard, parked and skipped, and what waits. Each service adds its own."""

    service: str
    streams: dict[str, StreamBooks]
    outbox: int = Field(description="Facts that Kafka does not have yet.")
    held: int = Field(description="Requests that wait for what they are about.")
    held_for_newer: int = Field(description="Of these, the ones of a type that only a newer release decides.")
    overdue: int = Field(description="Moments that have passed and are not decided.")
    parked: int
    parked_for: dict[str, int] = Field(description="Parked records by reason.")
    discarded: int
    unknown_types: int
    stray_erasures: int = Field(description="Erasures beside the partition that their key belongs to.")


PARKED: dict[str, JsonValue] = {
    "stream": "programme.sessions",
    "partition": 9,
    "offset": 3,
    "appended_at": "2026-10-01T08:15:00Z",
    "type": "rollcall.SessionScheduled.v1",
    "source": None,
    "event_id": None,
    "scope": None,
    "reason": "not_json",
    "detail": "body: Invalid JSON: EOF while parsing an object at line 1 column 1",
    "state": "parked",
    "parked_at": "2026-10-01T08:15:01Z",
    "retries": 0,
}
BOOKS: dict[str, JsonValue] = {
    "streams": {"programme.cities": {"published": 54, "heard": 53, "parked": 1, "skipped": 0, "lag": 0}},
    "outbox": 0,
    "held": 0,
    "held_for_newer": 0,
    "overdue": 0,
    "parked": 1,
    "parked_for": {"not_json": 1},
    "discarded": 0,
    "unknown_types": 0,
    "stray_erasures": 0,
}
DECIDED: dict[str, JsonValue] = {
    "request_id": "0199aa00-0000-7000-8000-000000000001",
    "event_id": "0199aa00-0000-7000-8000-000000000009",
    "waits_for": None,
    "expires_at": None,
}


class ParkedSummary(Shape):
    """A record that was set aside, without its bytes."""

    model_config = exemplified(**PARKED)

    stream: str
    partition: int = Field(description="-1: it came over HTTP.")
    offset: int
    appended_at: dt.datetime
    type: str | None
    source: str | None
    event_id: str | None
    scope: str | None = Field(description="Later requests of the same scope wait behind it.")
    reason: Reason | str = Field(
        union_mode="left_to_right", description="New ones may follow: a newer release may have set it aside."
    )
    detail: str
    state: ParkedState
    parked_at: dt.datetime
    retries: int


class ParkedRecord(ParkedSummary):
    """The same with its bytes; what is not UTF-8 shows as its escape."""

    model_config = exemplified(
        **PARKED, key="session-0001", headers=[["ce_id", "0199aa00-0000-7000-8000-000000000002"]], value="{"
    )

    key: str | None
    headers: list[tuple[str, str | None]]
    value: str | None


class Decided(Shape):
    """What became of a command."""

    request_id: str = Field(description="Its `Idempotency-Key`, or the id that it was given for want of one.")
    event_id: str | None = Field(description="The fact that answered it; null while it is held.")
    waits_for: str | None = Field(description="What has to become known before it can be decided.")
    expires_at: dt.datetime | None = Field(description="Until when it waits for that.")
