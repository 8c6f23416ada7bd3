"""`rollcall tail`: a stream as it goes by, one line an event."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Annotated, Any

import typer
from aiokafka.structs import ConsumerRecord
from rich.text import Text

from deploy.cli.connection import connection
from deploy.cli.reading import reader, until_end
from deploy.cli.terminal import Exit, Refusal, out
from deploy.cli.up import DEFAULT_FOLDER, FolderOption
from shared.decoding import decode
from shared.envelope import Heard, Poison
from shared.streams import STREAMS

_LEFT_OUT = {"decided_at", "request_id", "request_source", "message_id", "content"}
"""For machines. What the subject says is left out too."""
_COLOURS = {
    **dict.fromkeys(("ParticipantEnrolled", "ParticipantAttended", "CityQualified", "NoticeSent"), "green"),
    **dict.fromkeys(
        ("EnrolmentRefused", "SessionCancelled", "ParticipantAbsent", "NoticeFailed", "CityWithdrawn"), "red"
    ),
    **dict.fromkeys(("ParticipantWaitlisted", "EnrolmentWithdrawn", "SessionRescheduled", "CityNotSelected"), "yellow"),
}
_PERSONAL = {stream.name for stream in STREAMS.values() if stream.compacted}
SHOWN_FACTS = 4


def tail(
    stream: Annotated[str, typer.Argument(help="Such as enrolment.events; `all` for every stream.")],
    folder: FolderOption = DEFAULT_FOLDER,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest event.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End at the stream's end instead of waiting for more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show events as they arrive, until Ctrl-C. Names and addresses are shown only with --json.

    Exit codes: 0 done, 1 Kafka does not answer, 2 there is no such stream.
    """
    if stream != "all" and stream not in STREAMS:
        raise Refusal(f"There is no stream {stream}: there are {', '.join(STREAMS)}.", Exit.INVALID)
    streams = list(STREAMS) if stream == "all" else [stream]
    show = _show_json if as_json else (lambda record: out.print(line(record, named=stream == "all"), soft_wrap=True))

    async def follow() -> None:
        found = connection(folder)
        if once:
            async for record in until_end(found.kafka, streams):
                show(record)
            return
        async with reader(found.kafka, streams, from_start=from_start) as consumer:
            async for record in consumer:
                show(record)

    asyncio.run(follow())


def line(record: ConsumerRecord, *, named: bool = False) -> Text:
    """When, where, what, about whom, and the facts that matter."""
    heard_at = dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC).astimezone()
    text = Text(f"{heard_at:%H:%M:%S}.{heard_at.microsecond // 1000:03} ", style="dim")
    text.append(f"{record.topic + ' ' if named else ''}{record.partition:>2}/{record.offset:<6} ", style="dim")
    decoded = decode(record)
    if not isinstance(decoded, Heard):
        why = f"{decoded.reason}: {decoded.detail}" if isinstance(decoded, Poison) else f"unknown type {decoded.type}"
        return text.append(why, style="red")
    kind = type(decoded.body).__name__
    text.append(f"{kind:<22} ", style=f"bold {_COLOURS.get(kind, 'cyan')}").append(decoded.subject)
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


def _show_json(record: ConsumerRecord) -> None:
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
    out.print(json.dumps(whole, ensure_ascii=False), soft_wrap=True, markup=False, emoji=False)
