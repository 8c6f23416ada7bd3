"""What tests of every service share: events and records with valid defaults, and waiting for a condition with a limit."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiokafka import ConsumerRecord

from shared.contracts.enrolment import PlacesSettled
from shared.contracts.model import Event
from shared.events.decoding import decode
from shared.events.envelope import BINARY, Heard, headers_of, key_of, microseconds, subject_of

T = TypeVar("T")

NOON = dt.datetime(2026, 11, 2, 12, 0, tzinfo=dt.UTC)
SOURCE = "urn:example:test"

_numbers = itertools.count(1)


def body_of(model: type[Event], **changes: Any) -> Any:
    """The contract's example with some fields changed."""
    return model.model_validate({**model.example, **changes})


def heard(
    body: Event,
    *,
    source: str = SOURCE,
    event_id: str | None = None,
    version: int | None = 1,
    at: dt.datetime = NOON,
    offset: int = 0,
    partition: int = 0,
) -> Heard[Any]:
    """An event as a lane would hear it. `version=None`: the producer numbers nothing."""
    return Heard(
        stream=type(body).stream,
        partition=partition,
        offset=offset,
        appended_at=at,
        event_id=event_id or f"event-{next(_numbers)}",
        source=source,
        subject=subject_of(body),
        stated_at=at,
        version=microseconds(at) if version is None else version,
        numbered=version is not None,
        correlation_id=None,
        causation_id=None,
        body=body,
    )


@dataclass(slots=True)
class Message:
    """A Kafka record to be: what a producer sends."""

    stream: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)

    def record(self, *, offset: int = 0, partition: int = 0, at: dt.datetime = NOON) -> ConsumerRecord:
        """The record as a consumer gets it."""
        return ConsumerRecord(
            topic=self.stream,
            partition=partition,
            offset=offset,
            timestamp=int(at.timestamp() * 1000),
            timestamp_type=1,
            key=self.key,
            value=self.value,
            checksum=None,
            serialized_key_size=len(self.key or b""),
            serialized_value_size=len(self.value or b""),
            headers=self.headers,
        )


def message(
    body: Event,
    *,
    source: str = SOURCE,
    event_id: str | None = None,
    version: int | None = 1,
    at: dt.datetime | None = None,
    without: str | None = None,
    **headers: str,
) -> Message:
    """A valid record in binary mode; `without` drops one header, keywords replace others (`ce_time="…"`)."""
    made = headers_of(
        event_id=event_id or f"event-{next(_numbers)}",
        source=source,
        type_name=body.type_name(),
        subject=subject_of(body),
        stated_at=at or dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1),
        version=version,
    )
    kept = [(name, value) for name, value in made if name != without and name not in headers]
    kept += [(name, value.encode()) for name, value in headers.items()]
    return Message(type(body).stream, key_of(body), body.model_dump_json(exclude_none=True).encode(), kept)


def settled(session: Message) -> Message:
    """What enrolment says once it has drawn every consequence from a statement of a session: for who runs without it."""
    headers = {name: value.decode() for name, value in session.headers}
    body = PlacesSettled(
        session_id=(session.key or b"").decode(),
        session_source=headers["ce_source"],
        session_event_id=headers["ce_id"],
        session_version=int(headers["ce_aggregateversion"]),
        decided_at=dt.datetime.now(dt.UTC),
    )
    return message(body, source="rollcall/enrolment", version=int(headers["ce_aggregateversion"]))


def json_message(stream: str, key: bytes, body: Mapping[str, Any], type_name: str) -> Message:
    """A record whose body need not be valid."""
    subject_free = headers_of(
        event_id=f"event-{next(_numbers)}",
        source=SOURCE,
        type_name=type_name,
        subject="-",
        stated_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1),
        version=1,
    )
    headers = [(name, value) for name, value in subject_free if name != "ce_subject"]
    return Message(stream, key, json.dumps(body).encode(), headers)


def decoded(message: Message, **where: Any) -> Any:
    return decode(message.record(**where))


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, seconds: float = 180, what: str = "the condition"
) -> T:
    """The condition's first true value. Fails after the limit, naming what was waited for. The limit is for a machine on which
    others are at work: nobody waits for it but a test that fails."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s (last: {value!r})")
        await asyncio.sleep(0.02)


__all__ = [
    "BINARY",
    "NOON",
    "SOURCE",
    "Message",
    "body_of",
    "decoded",
    "eventually",
    "heard",
    "json_message",
    "message",
    "settled",
]
