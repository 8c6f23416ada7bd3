"""CloudEvents from JSON lines to their streams: every line checked as a service would check it, then sent as any producer would."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from rollcall import waiting
from rollcall.terminal import Refusal, say
from shared.events.decoding import decode
from shared.events.envelope import Poison, record_of
from shared.events.streams import RECORD_LIMIT_BYTES

GROUP = 500
"""Lines sent together; progress moves by so many."""
SEND_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    """One event, ready to be sent."""

    stream: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line cannot be published."""

    where: str
    """file:line"""
    what: str
    """The field, and what is wrong with it."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def read(name: str, texts: Iterable[str], *, now_ms: int | None = None) -> tuple[list[Line], list[Problem]]:
    """The lines of a file that can be published, and what is wrong with the others. Empty lines are passed over, and so is the mark that
    programs of Windows begin a file with; one that was put together of several has it at each beginning."""
    heard_ms = round(time.time() * 1000) if now_ms is None else now_ms
    lines: list[Line] = []
    problems: list[Problem] = []
    for number, text in enumerate(texts, start=1):
        said = text.removeprefix("\ufeff")
        if not said.strip():
            continue
        try:
            lines.append(_line(said, heard_ms))
        except ValueError as error:
            problems.append(Problem(f"{name}:{number}", str(error)))
    return lines, problems


def _line(text: str, heard_ms: int) -> Line:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(event, dict):
        raise ValueError("a CloudEvent is a JSON object")
    stream, key, value, headers = record_of(event)
    # What a service would set aside is said here, where somebody can still mend it.
    decoded = decode(_as_read(stream, heard_ms, key, value, headers))
    if isinstance(decoded, Poison):
        raise ValueError(f"{decoded.reason}: {decoded.detail}")
    return Line(stream, key, value, headers)


def _as_read(
    stream: str, heard_ms: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(stream, 0, 0, heard_ms, 1, key, value, None, len(key), len(value), tuple(headers))


def _nothing(_count: int) -> None:
    """Nobody looks."""


async def send(
    kafka: dict[str, Any],
    lines: Sequence[Line],
    advance: Callable[[int], None] = _nothing,
    *,
    per_second: int = 0,
) -> None:
    """Returns once the broker has acknowledged all of them, in order per key. `per_second` 0: as fast as it goes.

    A broker that is away is waited for; what it may have taken already is said again, and absorbed.
    """
    group = min(GROUP, max(1, per_second // 5)) if per_second else GROUP
    sent = 0
    began = time.monotonic()
    refused_at = -1
    while sent < len(lines):
        producer = await waiting.kafka(lambda: _producer(kafka), kafka["bootstrap_servers"])
        try:
            while sent < len(lines):
                some = lines[sent : sent + group]
                await _send_group(producer, some)
                advance(len(some))
                sent += len(some)
                if per_second:
                    await asyncio.sleep(max(0.0, began + sent / per_second - time.monotonic()))
        except (KafkaError, TimeoutError) as error:
            if not waiting.is_away(error):  # A topic that is not this user's, say: it would be refused again.
                raise Refusal(
                    f"Kafka refuses it: {error}. What it had taken before is absorbed when it is said again."
                ) from error
            if refused_at == sent:
                raise Refusal(
                    f"Kafka has not taken everything: {error or 'no answer'}; publish again, what it has is absorbed."
                ) from error
            refused_at = sent
            say("Kafka does not take it: connecting again.")
        finally:
            await producer.stop()


async def _send_group(producer: AIOKafkaProducer, lines: Sequence[Line]) -> None:
    async with asyncio.timeout(SEND_LIMIT_S):
        sent = [await producer.send(line.stream, line.value, key=line.key, headers=line.headers) for line in lines]
        await asyncio.gather(*sent)


def _producer(kafka: dict[str, Any]) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **kafka,
        enable_idempotence=True,  # a send tried again does not double or reorder
        acks="all",
        linger_ms=5,
        max_batch_size=256 * 1024,
        max_request_size=RECORD_LIMIT_BYTES,
        request_timeout_ms=20_000,
    )
