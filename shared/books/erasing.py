"""What an erasure takes with it beyond the row: the bytes of parked records; and whether it lies where compaction can act on it.

Names and addresses live in the compacted streams alone. What was set aside of those streams is kept as it came, for an operator
to mend; the person's erasure empties it, and so does giving a record up. A checksum stays as evidence.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.books.parking import EMPTIED, PARKED, Parked, ParkedState, StoredRecord
from shared.contracts.model import Event
from shared.events.decoding import decode
from shared.events.envelope import Heard, Reason, key_of
from shared.events.streams import STREAMS, number_of
from shared.postgres.database import KEPT, MACHINERY, arrays_of, delete, insert_new, keys_of, table_of
from shared.postgres.roundtrips import Reads, Writes
from shared.service import Service
from shared.state.rows import Row
from shared.values import immutable

log = structlog.get_logger()

IDENTITY = "programme.people"
"""Who is erased here is erased everywhere; a contact may be forgotten while the name stays on the register."""


@immutable
class StrayErasure(Row):
    """An erasure in a partition that is not its key's: the record with the name lies elsewhere, and compaction never meets the two."""

    KEY: ClassVar = ("stream", "key")

    stream: str
    key: str
    partition: int
    offset: int
    appended_at: dt.datetime


STRAY = table_of(StrayErasure, "stray_erasure", MACHINERY, schema=KEPT)
_text_array = sa.ARRAY(sa.Text)
_erased = (
    sa.func.unnest(
        sa.bindparam("erased_streams", type_=_text_array),
        sa.bindparam("erased_keys", type_=_text_array),
        sa.bindparam("erased_spelled", type_=_text_array),
    )
    .table_valued(
        sa.column("stream", sa.Text),
        sa.column("key", sa.Text),
        sa.column("spelled", sa.Text),
        name="erased",
    )
    .render_derived()
)
_UNHEEDED = (Reason.FOREIGN_WRITER, Reason.FORMER_WRITER)
_ERASURES = [stream.tombstone.type_name() for stream in STREAMS.values() if stream.tombstone]
_escape = r"(?:%|\\\\u00)[0-9A-Fa-f]{2}"
_IS_ESCAPED = rf"^(?:[A-Za-z0-9._:-]|{_escape})*{_escape}(?:[A-Za-z0-9._:-]|{_escape})*$"
"""Letters of an id, and somewhere among them one that is escaped. A backslash stands there twice (`_text_of`)."""


def _text_of(bytes_: sa.ColumnElement[bytes | None]) -> sa.ColumnElement[str]:
    """Bytes as text, whatever they are; without the zeros that stand between the letters of UTF-16."""
    return sa.func.replace(sa.func.encode(bytes_, "escape"), "\\000", "")


# Every text is taken apart once, at its quotes, and its pieces are looked up among the ids of all who are erased: to look in each text for
# each of them would take a clean-up of the directory longer than a statement may.
_kept = (
    sa.select(
        *(PARKED.c[name] for name in Parked.KEY),
        PARKED.c.reason,
        _text_of(PARKED.c.key).label("key_text"),
        _text_of(PARKED.c.value).label("value_text"),
    )
    # A person's record may stand on another stream than its own, or under another key: that is why it was parked.
    .where(
        sa.or_(
            PARKED.c.stream == sa.any_(sa.bindparam("erased_streams", type_=_text_array)),
            PARKED.c.reason == Reason.WRONG_STREAM,
        )
    )
    # Another's erasure says no name, and is still to be heard should its writer be let in.
    .where(~sa.and_(PARKED.c.reason.in_(_UNHEEDED), PARKED.c.type.in_(_ERASURES)))
    .where(sa.or_(PARKED.c.key.is_not(None), PARKED.c.value.is_not(None)))
    .cte("kept_bytes")
)
_where = (*(_kept.c[name] for name in Parked.KEY), _kept.c.reason)
_pieces = sa.union_all(
    sa.select(*_where, sa.func.unnest(sa.func.string_to_array(_kept.c.value_text, '"')).label("piece")),
    sa.select(*_where, sa.func.btrim(_kept.c.key_text, '"').label("piece")),
).cte("pieces")
# Asked of each piece once, and not once for each who is erased.
_escaped = sa.select(*_pieces.c).where(_pieces.c.piece.op("~")(_IS_ESCAPED)).cte("escaped").prefix_with("MATERIALIZED")


def _found_in(pieces: sa.CTE, is_theirs: sa.ColumnElement[bool]) -> sa.Select[Any]:
    reaches = sa.or_(pieces.c.stream == _erased.c.stream, pieces.c.reason == Reason.WRONG_STREAM)
    return sa.select(*(pieces.c[name] for name in Parked.KEY)).join(_erased, sa.and_(reaches, is_theirs))


_found = sa.union(
    _found_in(_pieces, _pieces.c.piece == _erased.c.key),
    _found_in(_escaped, _escaped.c.piece.op("~")(sa.func.concat("^", _erased.c.spelled, "$"))),
).subquery("found")
_EMPTY = (
    sa.update(PARKED)
    .where(*(PARKED.c[name] == _found.c[name] for name in Parked.KEY))
    .values(
        **EMPTIED,
        state=sa.case((PARKED.c.state == ParkedState.PARKED, ParkedState.DISCARDED.value), else_=PARKED.c.state),
    )
)


def is_erasure(heard: Heard[Event]) -> bool:
    return type(heard.body) is STREAMS[heard.stream].tombstone


def follow(writes: Writes, erasures: Sequence[Heard[Event]]) -> None:
    """Empties what is parked about those who were erased, and remembers where an erasure cannot reach the record it is for."""
    if not erasures:
        return
    targets = sorted({(stream, key_of(one.body)) for one in erasures for stream in _reach(one.stream)})
    writes.add(
        _EMPTY,
        {
            "erased_streams": [stream for stream, _ in targets],
            "erased_keys": [key.decode() for _, key in targets],
            "erased_spelled": [_spelled(key.decode()) for _, key in targets],
        },
    )
    stray = {StrayErasure.key_of(row): row for row in map(_stray_of, erasures) if row.partition != _home(row)}
    mended = {StrayErasure.key_of(row) for row in map(_stray_of, erasures) if row.partition == _home(row)}
    for row in stray.values():
        log.warning("an erasure lies in a partition that is not its key's", stream=row.stream, partition=row.partition,
                    offset=row.offset)  # fmt: skip
    if stray.keys() - mended:
        writes.add(insert_new(STRAY), arrays_of(STRAY, [stray[key] for key in sorted(stray.keys() - mended)]))
    if mended:
        writes.add(delete(STRAY), keys_of(STRAY, sorted(mended), prefix="removed_"))


def _spelled(text: str) -> str:
    """A pattern for every way to write an id: JSON (`\\u0041`) and URLs (`%41`) may escape any letter of it. In the text that
    Postgres makes of bytes a backslash stands twice."""

    def escaped(letter: str) -> str:
        return "".join(f"[{digit}{digit.upper()}]" for digit in f"{ord(letter):02x}")

    return "".join(f"(?:[{letter}]|%{escaped(letter)}|\\\\\\\\u00{escaped(letter)})" for letter in text)


def _reach(stream: str) -> Iterable[str]:
    return [name for name, one in STREAMS.items() if one.compacted] if stream == IDENTITY else [stream]


def _stray_of(erasure: Heard[Event]) -> StrayErasure:
    return StrayErasure(
        erasure.stream, key_of(erasure.body).decode(), erasure.partition, erasure.offset, erasure.appended_at
    )


def _home(row: StrayErasure) -> int:
    return number_of(row.stream, row.key.encode())


async def without_bytes(connection: AsyncConnection, service: Service, rows: Sequence[Parked]) -> list[Parked]:
    """The rows to park, emptied where they are about somebody who is erased already: such bytes are not kept at all."""
    working = service.working(service.clock())
    about: dict[Parked, list[Row]] = {}
    for row in rows:
        for stream, key in _may_be_about(row):
            erasure = decode(StoredRecord(stream, row.partition, row.offset, 0, key, None, ()))
            if isinstance(erasure, Heard) and type(erasure.body) in working.make:
                about.setdefault(row, []).append(working.make[type(erasure.body)](erasure))
    if not about:
        return list(rows)
    reads = Reads(connection)
    erasures = [one for some in about.values() for one in some]
    for kind in sorted({type(one) for one in erasures}, key=lambda kind: kind.__name__):
        keys = {kind.key_of(one) for one in erasures if type(one) is kind}
        reads.by_key(working[kind], service.table(kind), keys)
    await reads.run()

    def is_erased(one: Row) -> bool:
        return bool(getattr(working[type(one)].get(*type(one).key_of(one)), "erased", False))

    return [_emptied(row) if any(map(is_erased, about.get(row, ()))) else row for row in rows]


def _may_be_about(row: Parked) -> Iterable[tuple[str, bytes]]:
    """Who a record with a name or an address may be about: whom its key names, and whom its body does, where key or stream were
    wrong. Who is erased from the register is erased everywhere."""
    misplaced = row.reason == Reason.WRONG_STREAM
    if not STREAMS[row.stream].compacted and not misplaced:
        return
    streams = {IDENTITY, *(_reach(IDENTITY) if misplaced else [row.stream])}
    named = {_plain(row.key).strip(b'"')} if row.key is not None else set()
    for field, text in _PAIRS.findall(_plain(row.value or b"")):
        named |= {text} if field in {STREAMS[name].key.encode() for name in streams} else set()
    yield from ((stream, key) for stream in sorted(streams) for key in sorted(named))


_PAIRS = re.compile(rb'"([^"]{1,64})"\s*:\s*"([^"]{1,64})"')
_ESCAPED = re.compile(rb"(?:%|\\u00)([0-9A-Fa-f]{2})")


def _plain(text: bytes) -> bytes:
    """With every escape of `_spelled` undone; what is broken elsewhere stays readable."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.replace(b"\0", b""))


def _emptied(row: Parked) -> Parked:
    detail = "about somebody who is erased: the bytes were not kept"
    return dataclasses.replace(row, key=None, value=None, headers="[]", detail=detail, state=ParkedState.DISCARDED)


async def count_stray(connection: AsyncConnection) -> int:
    return int((await connection.execute(sa.select(sa.func.count()).select_from(STRAY))).scalar_one())
