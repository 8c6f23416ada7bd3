"""Small records that unpack to much, sent to a service that may take 512 MB and no more: `python -m tests.faults.bombs` shows the peaks.

With a memory cgroup that one may write to, the limit is real: a process that goes beyond it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from deploy.embedded import ports
from shared.books.parking import PARKED
from shared.kafka.inflating import GZIP, LZ4, SNAPPY, ZSTD
from shared.testing import eventually
from tests.shared.packing import MIB, NAMES, pack, record, send, zeros

ROOT = Path(__file__).parents[2]
LIMIT_BYTES = 512 * MIB
BATCH_MOST = 2 * MIB

BOMBS = [(GZIP, 200), (ZSTD, 200), (LZ4, 200), (SNAPPY, 40), (GZIP, 1024), (ZSTD, 1024), (LZ4, 500)]
"""Codec and MiB. lz4 packs 255 to 1 and snappy 21 to 1: more of them does not fit into the broker's 2 MiB."""


def bomb(codec: int, mib: int, before: tuple[bytes, bytes, Any], after: tuple[bytes, bytes, Any]) -> bytes:
    """One batch: a good record, so many MiB of zeros, a good record."""
    pieces = [record(0, *before), *zeros(1, b"bomb", mib * MIB), record(2, *after)]
    return pack(codec, pieces, 3)


def many(codec: int, count: int, size: int, key: bytes = b"k") -> bytes:
    """One batch of so many records that are each small enough to be heard, and together are not."""
    return pack(codec, (record(number, key, bytes(size)) for number in range(count)), count)


class Process:
    """A running service."""

    def __init__(self, pid: int, port: int, is_over: Callable[[], bool]) -> None:
        self.pid = pid
        self.port = port
        self.is_over = is_over

    def peak_mib(self) -> int:
        """The most that was ever resident."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        raise RuntimeError("the process is over")

    async def answers(self) -> bool:
        return await get(self.port, "/health/ready") == 200


async def get(port: int, path: str, seconds: float = 5) -> int | None:
    try:
        async with httpx.AsyncClient(timeout=seconds) as client:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code
    except httpx.HTTPError:
        return None


@asynccontextmanager
async def process(settings: Any, log: Path, **environment: str) -> AsyncIterator[Process]:
    """Enrolment as it is run, ready, within the limit where the machine has one to give."""
    port = ports.choose_free()
    told = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")},
        "ROLLCALL_KAFKA": settings.kafka,
        "ROLLCALL_DATABASE_URL": settings.database_url.get_secret_value(),
        "ROLLCALL_PORT": str(port),
        "ROLLCALL_REPLICA": "bombed",
        **environment,
    }
    with log.open("wb") as output, _cgroup() as join:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.enrolment.app", cwd=ROOT, env=told, stdout=output, stderr=output
        )
        join(running.pid)
        one = Process(running.pid, port, lambda: running.returncode is not None)
        try:
            await eventually(one.answers, what="ready", seconds=180)
            yield one
        finally:
            if running.returncode is None:
                running.terminate()
            await running.wait()


class _cgroup:  # noqa: N801  # Read as a word.
    """A memory cgroup of ours, version 2 or 1; nothing where there is none to be had."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __enter__(self) -> Callable[[int], None]:
        for root, limit in (
            (Path("/sys/fs/cgroup"), "memory.max"),
            (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        ):
            folder = root / f"rollcall-bombs-{os.getpid()}-{time.monotonic_ns()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            self._folder = folder
            if (folder / limit).exists():
                (folder / limit).write_text(str(LIMIT_BYTES))
                return lambda pid: (folder / "cgroup.procs").write_text(str(pid)) and None
            self.__exit__()
        return lambda pid: None

    def __exit__(self, *_: Any) -> None:
        if self._folder is not None:
            self._folder.rmdir()
            self._folder = None


async def parked_at(engine: Any, stream: str, partition: int, offset: int) -> Any:
    async with engine.connect() as connection:
        found = await connection.execute(
            sa.select(PARKED).where(
                PARKED.c.stream == stream, PARKED.c.partition == partition, PARKED.c.offset == offset
            )
        )
        return found.one_or_none()


async def main() -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from pydantic import SecretStr
    from sqlalchemy.ext.asyncio import create_async_engine

    from deploy.embedded.kafka import Kafka
    from deploy.embedded.postgres import Postgres
    from shared.contracts.selection import CityQualified
    from shared.events.streams import create_streams
    from shared.postgres.migrating import migrate
    from shared.settings import Settings
    from shared.testing import body_of, message

    with tempfile.TemporaryDirectory() as folder:
        kafka, postgres = (
            Kafka(Path(folder) / "kafka", ports.choose_free()),
            Postgres(Path(folder) / "postgres", ports.choose_free(), durable=False),
        )
        kafka.start()
        postgres.start()
        try:
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            await admin.start()
            await create_streams(admin)
            await admin.close()
            url = postgres.ensure("bombed", "bombed", "secret").replace("sql://", "sql+asyncpg://")
            await asyncio.to_thread(migrate, "enrolment", url)
            settings = Settings(kafka=kafka.bootstrap, database_url=SecretStr(url), port=0)
            engine = create_async_engine(url)
            print(f"{'batch':28} {'on the wire':>12} {'seconds':>8} {'peak MiB':>9}")
            for number, (name, make) in enumerate(_trials()):
                good = [message(body_of(CityQualified, city_id=f"town-{number}-{n}", stage=1)) for n in range(2)]
                batch = make(*((one.key, one.value, one.headers) for one in good))
                async with process(settings, Path(folder) / f"{number}.log") as service:
                    quiet = service.peak_mib()
                    began = time.monotonic()
                    await send(kafka.bootstrap, "programme.cities", number % 12, batch)
                    await eventually(lambda: _heard_all(engine, kafka.bootstrap), what="all heard", seconds=180)
                    took = time.monotonic() - began
                    assert not service.is_over() and await service.answers()
                    print(
                        f"{name:28} {len(batch):>12,} {took:>8.1f} {service.peak_mib():>9} (quiet: {quiet})", flush=True
                    )
            await engine.dispose()
        finally:
            postgres.stop()
            kafka.stop()


def _trials() -> Iterator[tuple[str, Callable[..., bytes]]]:
    for codec, mib in BOMBS:
        yield f"{NAMES[codec]}, one of {mib} MiB", lambda a, b, codec=codec, mib=mib: bomb(codec, mib, a, b)
    for codec in (GZIP, ZSTD):
        yield f"{NAMES[codec]}, 2,000 of 250 kB", lambda a, b, codec=codec: many(codec, 2000, 250_000)


async def _heard_all(engine: Any, bootstrap: str) -> bool:
    from services.enrolment.app import SERVICE
    from shared.books.watermark import is_heard
    from shared.kafka.observer import Observer

    observer = Observer({"bootstrap_servers": bootstrap.split(",")})
    await observer.start()
    try:
        return await is_heard(engine, await observer.ends(SERVICE.heard))
    finally:
        await observer.stop()


if __name__ == "__main__":
    asyncio.run(main())
