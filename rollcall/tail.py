"""`rollcall tail`: a stream as it goes by, one line an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.connection import connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Exit, Refusal, out

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord


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
    import asyncio

    from aiokafka.errors import KafkaError

    from rollcall.lines import json_line, line
    from rollcall.reading import reader, until_end
    from shared.events.streams import STREAMS

    if stream != "all" and stream not in STREAMS:
        raise Refusal(f"There is no stream {stream}: there are {', '.join(STREAMS)}.", Exit.INVALID)
    streams = list(STREAMS) if stream == "all" else [stream]

    def show(record: ConsumerRecord) -> None:
        if as_json:
            typer.echo(json_line(record))  # For a program: to the letter.
        else:
            out.print(line(record, named=stream == "all"), soft_wrap=True)

    async def follow() -> None:
        found = connection(folder)
        if once:
            async for record in until_end(found.kafka, streams):
                show(record)
            return
        async with reader(found.kafka, streams, from_start=from_start) as consumer:
            async for record in consumer:
                show(record)

    try:
        asyncio.run(follow())
    except KafkaError as error:
        raise Refusal(f"Kafka does not answer any more: {error}.") from error
