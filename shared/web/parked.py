"""Parked records over HTTP: an operator lists, inspects, retries, discards them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from shared.books import parking
from shared.books.parking import Parked, ParkedState
from shared.events.envelope import Reason
from shared.problems import NO_SUCH_PATH, NO_SUCH_RECORD, READ, WRITE, Problem
from shared.process.runtime import Runtime
from shared.state.rows import mapping
from shared.web.answers import ParkedRecord, ParkedSummary
from shared.web.asking import Filter, Operator, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes

_STREAM = r"[a-z]{1,40}\.[a-z]{1,40}"
Stream = Annotated[str, Path(pattern=f"^{_STREAM}$", examples=["programme.sessions"])]
Partition = Annotated[int, Path(ge=-1, le=2**31 - 1, description="-1: it came over HTTP.", examples=[9])]
Offset = Annotated[int, Path(ge=-(2**63), le=2**63 - 1, examples=[3])]


class ParkedPage(Filter):
    """Which parked records."""

    state: ParkedState = ParkedState.PARKED
    reason: Reason | None = None
    after: str = Field(
        "",
        pattern=rf"^({_STREAM}/-?[0-9]{{1,9}}/-?[0-9]{{1,19}})?$",  # What came over HTTP stands at any number of 64 bits.
        description="Where the last one of the page before stands, as `stream/partition/offset`; empty: the first page.",
        examples=["programme.sessions/9/3"],
    )


def routes(runtime: Runtime) -> Routes:
    """The same in every service."""
    of_parked = Routes(prefix="/api/v1/parked")
    one = "/{stream}/{partition}/{offset}"

    @of_parked.get("", dependencies=[Reader], responses=may_answer(*READ, NO_SUCH_RECORD))
    async def list_parked(page: Annotated[ParkedPage, Query()]) -> list[ParkedSummary]:
        """What was set aside, oldest first, without the bytes."""
        async with runtime.reading.connect() as connection:
            last = None
            if page.after:
                stream, partition, offset = page.after.split("/")
                last = _there(await parking.find(connection, stream, int(partition), int(offset)), "after")
            found = await parking.open_parked(
                connection, limit=page.limit, reason=page.reason, state=page.state, after=last
            )
        return [ParkedSummary(**row) for row in found]

    @of_parked.get(one, dependencies=[Operator], responses=may_answer(*READ, NO_SUCH_RECORD, NO_SUCH_PATH))
    async def show_parked(stream: Stream, partition: Partition, offset: Offset) -> ParkedRecord:
        """One record with its headers and its body as it came."""
        async with runtime.reading.connect() as connection:
            row = _there(await parking.find(connection, stream, partition, offset))
        record = parking.stored(row)
        return ParkedRecord(
            **_summary(row),
            key=_text(record.key),
            headers=[(name, _text(value)) for name, value in record.headers],
            value=_text(record.value),
        )

    @of_parked.post(one + "/retry", dependencies=[Operator], responses=may_answer(*WRITE, NO_SUCH_RECORD, NO_SUCH_PATH))
    async def retry_parked(stream: Stream, partition: Partition, offset: Offset) -> ParkedSummary:
        """Hears the record again: `heard` if that went well, else `parked` with the new reason. What is `heard` or `discarded` stays so."""
        return ParkedSummary(**_summary(_there(await runtime.retry.retry(stream, partition, offset))))

    @of_parked.post(
        one + "/discard", dependencies=[Operator], responses=may_answer(*WRITE, NO_SUCH_RECORD, NO_SUCH_PATH)
    )
    async def discard_parked(stream: Stream, partition: Partition, offset: Offset) -> ParkedSummary:
        """Gives the record up. It stays as evidence and counts as parked for ever; said again, nothing changes."""
        return ParkedSummary(**_summary(_there(await runtime.retry.discard(stream, partition, offset))))

    return of_parked


def _there(row: Parked | None, field: str = "offset") -> Parked:
    if row is None:
        raise Problem(NO_SUCH_RECORD, "nothing was parked at this stream, partition and offset", field=field)
    return row


def _summary(row: Parked) -> dict[str, Any]:
    return {name: value for name, value in mapping(row).items() if name not in parking.BYTES}


def _text(value: bytes | None) -> str | None:
    """Bytes to look at; what is not UTF-8 shows as its escape."""
    return None if value is None else value.decode(errors="backslashreplace")
