"""`python -m bench.counted MODULE FILE`: runs a service and counts what it asks of Postgres and Kafka. SIGUSR1 writes the counts."""

from __future__ import annotations

import asyncio
import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from asyncpg.prepared_stmt import PreparedStatement
from asyncpg.transaction import Transaction

STATEMENT, TRANSACTION, KAFKA, WAKE_UP = "statement ", "transactions", "kafka ", "wake-ups"


def install(counts: Counter[str]) -> None:
    """From now on everything that this process asks is counted: statements by their text, Kafka's requests by their name; and how often its loop
    had to look what there is to do."""

    ask, begin, send = PreparedStatement.fetch, Transaction.start, AIOKafkaConnection.send
    look = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]

    async def counted_ask(self: PreparedStatement[Any], *parameters: Any, **other: Any) -> Any:
        counts[STATEMENT + self.get_query()] += 1
        return await ask(self, *parameters, **other)

    async def counted_begin(self: Transaction) -> None:
        counts[TRANSACTION] += 1
        await begin(self)

    def counted_send(self: AIOKafkaConnection, request: Any, *more: Any, **other: Any) -> Any:
        counts[f"{KAFKA}{type(request).__name__.removesuffix('Request')}"] += 1
        return send(self, request, *more, **other)

    def counted_look(self: asyncio.BaseEventLoop) -> None:
        counts[WAKE_UP] += 1
        look(self)

    asyncio.BaseEventLoop._run_once = counted_look  # type: ignore[attr-defined]
    PreparedStatement.fetch = counted_ask  # type: ignore[method-assign]
    Transaction.start = counted_begin  # type: ignore[method-assign]
    AIOKafkaConnection.send = counted_send


def main(module: str, file: Path) -> None:
    counts: Counter[str] = Counter()
    install(counts)

    def write(*_: object) -> None:
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps(counts), encoding="utf-8")
        unfinished.replace(file)

    signal.signal(signal.SIGUSR1, write)
    write()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
