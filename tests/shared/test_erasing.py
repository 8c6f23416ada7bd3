"""An erasure takes with it what was set aside about the person; giving a record up takes its bytes; nothing of it enters a log."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared import telemetry
from shared.books import erasing, parking
from shared.books.batch import Batch
from shared.books.parking import PARKED, parked_row, stored
from shared.books.watermark import WATERMARK
from shared.contracts.directory import ContactRegistered, PersonErased, PersonRegistered
from shared.contracts.rules import SourceTakenOver
from shared.deciding.facts import FactWriter
from shared.deciding.retry import ParkedRetry
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.envelope import Reason
from shared.events.streams import Partition, number_of
from shared.faults import told
from shared.postgres.database import connect
from shared.postgres.tables import OTHER_WRITER, TAKEOVER
from shared.testing import NOON, Message, heard, message
from tests.databases import Databases

PEOPLE, NAME = "programme.people", "Żaneta"


@dataclass
class Here:
    """Enrolment on a database of its own, heard through the lane that each stream goes."""

    engine: AsyncEngine

    def __post_init__(self) -> None:
        self.decider = Decider(self.engine, SERVICE)
        self.retry = ParkedRetry(self.engine, SERVICE, self.decider, may_decide=asyncio.Event())
        self.offsets: dict[Partition, int] = {}

    async def hear(self, *messages: Message, number: int | None = None) -> None:
        for one in messages:
            part = Partition(one.stream, number_of(one.stream, one.key or b"") if number is None else number)
            offset = self.offsets.get(part, 0)
            self.offsets[part] = offset + 1
            record = one.record(offset=offset, partition=part.number, at=NOON)
            lane: Any = FactWriter(self.engine, SERVICE, self.decider) if one.stream in SERVICE.facts else self.decider
            await lane.hear([Batch(part, offset, [record])], [[decode(record)]])

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            return (await connection.execute(sa.select(table))).all()

    async def parked(self) -> dict[str, Any]:
        return {row.reason: row for row in await self.rows(PARKED)}


@pytest.fixture(scope="module")
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    url = await databases.migrated("enrolment")
    made = connect(url, pool_size=2, statement_timeout_ms=10_000, application="test")
    yield made
    await made.dispose()


@pytest.fixture
async def here(engine: AsyncEngine) -> Here:
    async with engine.begin() as connection:
        for table in (tables.PERSON, WATERMARK, PARKED, OTHER_WRITER, TAKEOVER, erasing.STRAY):
            await connection.execute(sa.delete(table))
    return Here(engine)


def person(person_id: str = "p1", **how: Any) -> Message:
    body = PersonRegistered(person_id=person_id, given_name=NAME, family_name="x")
    return message(body, **{"source": "urn:directory", "at": NOON, **how})


def erasure(person_id: str = "p1", *, source: str = "urn:directory") -> Message:
    return message(PersonErased(person_id=person_id), source=source, version=9, at=NOON)


def tombstone(person_id: str = "p1") -> Message:
    return Message(PEOPLE, person_id.encode(), None)


def set_aside() -> list[Message]:
    """One for each way in which a name comes to lie among the parked."""
    sent, other = person(), person("p11")
    return [
        Message(PEOPLE, b"p1", b"{" + NAME.encode(), [*sent.headers, ("x-name", NAME.encode())]),  # not_json
        Message(PEOPLE, b"p2", sent.value, sent.headers),  # wrong_key
        Message("programme.needs", b"p1", sent.value, sent.headers),  # wrong_stream
        person(source="urn:stranger"),  # foreign_writer
        Message(PEOPLE, b"p11", other.value, [*other.headers, ("ce_subject", b"person/p1")]),  # not_a_cloudevent
    ]


@pytest.mark.parametrize("last", [erasure(), tombstone()], ids=["PersonErased", "tombstone"])
async def test_an_erasure_empties_what_is_parked_about_the_person_and_nothing_else(here: Here, last: Message) -> None:
    await here.hear(person(), *set_aside())
    before = await here.parked()
    assert set(before) == {"not_json", "wrong_key", "wrong_stream", "foreign_writer", "not_a_cloudevent"}

    await here.hear(last)
    after = await here.parked()
    assert after.pop("not_a_cloudevent") == before["not_a_cloudevent"]  # About p11, whatever a header says.
    for reason, row in after.items():
        assert (row.key, row.value, row.headers, row.state) == (None, None, "[]", "discarded"), reason
        assert hashlib.sha256(before[reason].value).hexdigest() in row.detail
        assert (row.type, row.appended_at, row.offset) == (
            before[reason].type,
            before[reason].appended_at,
            before[reason].offset,
        )
    assert await here.rows(OTHER_WRITER) == []


async def test_what_comes_after_the_erasure_is_parked_without_its_bytes(here: Here) -> None:
    await here.hear(person(), erasure(), Message(PEOPLE, b"p1", NAME.encode(), person().headers))
    (row,) = await here.rows(PARKED)
    assert (row.key, row.value, row.headers, row.state, row.reason) == (None, None, "[]", "discarded", "not_json")


@pytest.mark.parametrize("misplaced", set_aside()[1:3], ids=["wrong_key", "wrong_stream"])
async def test_what_comes_after_the_erasure_under_a_wrong_key_or_on_a_wrong_stream_leaves_no_bytes_either(
    here: Here, misplaced: Message
) -> None:
    await here.hear(person(), person("p11"), erasure())
    other = person("p11")
    await here.hear(misplaced, Message(PEOPLE, b"p3", other.value, other.headers))
    emptied, kept = sorted(await here.rows(PARKED), key=lambda row: row.value is not None)
    assert (emptied.key, emptied.value, emptied.headers, emptied.state) == (None, None, "[]", "discarded")
    assert (kept.key, kept.state) == (b"p3", "parked")  # About p11, who is not erased.


def spelled(how: str) -> Message:
    """A record about p1 under a wrong key, whose body or key writes the id otherwise."""
    sent = person()
    body = sent.value.replace(b'"p1"', how.encode()) if sent.value else b""
    return Message(PEOPLE, b"p2", body, sent.headers)


def in_utf_16() -> Message:
    event = {"specversion": "1.0", "id": "e", "source": "urn:directory", "type": PersonRegistered.type_name()}
    whole = event | {"time": NOON.isoformat(), "data": {"person_id": "p1", "given_name": NAME}}
    headers = [("content-type", b"application/cloudevents+json")]
    return Message(PEOPLE, b"p2", json.dumps(whole).encode("utf-16"), headers)


SPELLINGS = [
    *(spelled(how) for how in (r'"\u0070\u0031"', r'"p\u0031"', '"%70%31"', r'"p%31", "also": "p\u0031"')),
    Message(PEOPLE, b"p%31", b"{", person().headers),
    Message(PEOPLE, b'"p1"', b"{", person().headers),
    Message(PEOPLE, b"p2", b'{"given_name": "x", "person_id": "p\\u0031", ', person().headers),  # cut off
    in_utf_16(),
]


async def test_an_id_is_found_however_it_is_spelled(here: Here) -> None:
    """JSON and URLs may escape any letter of it: what it stands for counts, before the erasure as after it."""
    near = [spelled(r'"p\u0031\u0031"'), Message(PEOPLE, b"p%311", b"{", person().headers)]
    await here.hear(person(), person("p11"), *SPELLINGS, *near)
    parked = await here.rows(PARKED)
    assert len(parked) == len(SPELLINGS) + len(near) and all(row.value is not None for row in parked)

    await here.hear(erasure())
    kept = [row for row in await here.rows(PARKED) if row.value is not None or row.key is not None]
    assert sorted(row.key for row in kept) == [b"p%311", b"p2"]

    await here.hear(*SPELLINGS, *near)
    again = [row for row in await here.rows(PARKED) if row.value is not None or row.key is not None]
    assert sorted(row.key for row in again) == [b"p%311", b"p%311", b"p2", b"p2"]


@pytest.mark.parametrize("letter", "aZ0._:-")
def test_any_letter_of_an_id_may_be_escaped(letter: str) -> None:
    for written in (letter, f"%{ord(letter):02x}", f"%{ord(letter):02X}", f"\\u00{ord(letter):02X}"):
        body = f'{{"person_id": "p{written}1"}}'.encode()
        row = parked_row(Message(PEOPLE, b"p2", body, []).record(), "wrong_key", "", now=NOON)
        assert (PEOPLE, f"p{letter}1".encode()) in set(erasing._may_be_about(row))
        in_text = body.decode().replace("\\", "\\\\")  # as Postgres makes text of bytes
        assert re.search(f'"{erasing._spelled(f"p{letter}1")}"', in_text)


def test_an_address_is_looked_up_by_who_is_erased_from_the_register_too() -> None:
    about = message(ContactRegistered(person_id="p1", email="z@example.org"), at=NOON)
    row = parked_row(Message(about.stream, about.key, b"{", about.headers).record(), "not_json", "", now=NOON)
    assert set(erasing._may_be_about(row)) == {(PEOPLE, b"p1"), ("programme.contacts", b"p1")}


async def test_a_stranger_erases_nobody_and_empties_nothing(here: Here) -> None:
    await here.hear(person(), erasure(source="urn:stranger"))
    bodiless = erasure(source="urn:stranger")
    await here.hear(Message(PEOPLE, b"p1", None, bodiless.headers), Message(PEOPLE, b"p1", None, person().headers))
    (row,) = await here.rows(tables.PERSON)
    assert (row.given_name, row.erased) == (NAME, False)
    assert [row.reason for row in await here.rows(PARKED)] == ["foreign_writer", "foreign_writer", "missing_body"]


async def test_an_erasure_without_a_body_by_who_may_erases(here: Here) -> None:
    await here.hear(person(), Message(PEOPLE, b"p1", None, erasure().headers))
    (row,) = await here.rows(tables.PERSON)
    assert (row.given_name, row.erased, row.source) == (None, True, "urn:directory")


async def test_the_erasure_of_who_is_not_let_in_yet_is_kept_for_when_they_are(here: Here) -> None:
    await here.hear(person(), erasure(source="urn:new"), erasure())
    (row,) = await here.rows(PARKED)
    assert (row.state, row.value is not None) == ("parked", True)


async def test_a_discarded_record_keeps_no_bytes_and_lets_nothing_be_erased_by_what_is_left(here: Here) -> None:
    await here.hear(person(), Message(PEOPLE, b"p1", b"{" + NAME.encode(), person().headers))
    (row,) = await here.rows(PARKED)
    here.retry._may_decide.set()
    done = await here.retry.discard(row.stream, row.partition, row.offset)
    assert done is not None
    assert (done.key, done.value, done.headers, done.state) == (None, None, "[]", "discarded")
    assert NAME not in done.detail
    assert decode(stored(done)).reason == "wrong_key"  # type: ignore[union-attr]  # No tombstone of anybody.
    await here.retry.retry(row.stream, row.partition, row.offset)
    assert (await here.rows(tables.PERSON))[0].given_name == NAME


async def test_an_erasure_that_compaction_cannot_follow_is_heard_and_counted_until_it_is_said_where_it_belongs(
    here: Here,
) -> None:
    await here.hear(person())
    elsewhere = (number_of(PEOPLE, b"p1") + 1) % 12
    await here.hear(tombstone(), number=elsewhere)
    assert (await here.rows(tables.PERSON))[0].erased
    assert [(row.key, row.partition) for row in await here.rows(erasing.STRAY)] == [("p1", elsewhere)]
    await here.hear(erasure())
    assert await here.rows(erasing.STRAY) == []


async def test_who_may_take_over_the_directory_may_erase_also_late(here: Here) -> None:
    rule = SourceTakenOver(rule_id="r", in_stream=PEOPLE, from_source="urn:directory", to_source="urn:new")
    await here.hear(person(), message(rule, at=NOON), person(source="urn:new"), erasure())
    assert (await here.rows(tables.PERSON))[0].erased


async def test_a_database_error_tells_what_and_where_and_no_name(here: Here) -> None:
    lines = []
    for values in ({"person_id": NAME}, {"person_id": NAME, "version": "not a number"}):
        with pytest.raises(sa.exc.DBAPIError) as raised:
            async with here.engine.begin() as connection:
                await connection.execute(sa.insert(tables.PERSON).values(**values))
        lines.append(told(raised.value))
        event = telemetry.without_texts(None, "error", {"event": "x", "exc_info": raised.value})
        assert NAME not in json.dumps(event, ensure_ascii=False)
        assert "connection.execute" in event["exception"]
    assert lines == ["IntegrityError 23502 person source", "DBAPIError 22000"]


def test_an_error_of_a_validator_or_of_ours_tells_no_value() -> None:
    with pytest.raises(ValidationError) as raised:
        ContactRegistered(person_id="p", email=NAME)
    assert told(raised.value) == "ValidationError"
    assert told(KeyError(NAME)) == "KeyError"
    assert told(asyncpg.UniqueViolationError(NAME)) == "UniqueViolationError 23505"
    assert told(ConnectionRefusedError("refused by port 1")) == "ConnectionRefusedError refused by port 1"


@pytest.mark.long
async def test_a_clean_up_of_the_directory_takes_no_longer_for_what_a_bad_release_of_it_had_parked(
    databases: Databases,
) -> None:
    """Each text is read once, and not once for each who is erased: two hundred among four thousand took a statement longer than it may."""
    records = [person(f"parked-{number}").record(offset=number) for number in range(4_000)]
    erasures = [heard(PersonErased(person_id=f"gone-{number}")) for number in range(199)]
    async with databases.while_needed("enrolment") as url:
        engine = connect(url, pool_size=1, statement_timeout_ms=3_000, application="test")
        async with engine.begin() as connection:
            rows = [parked_row(one, Reason.INVALID_BODY, "x", now=NOON) for one in records]
            await parking.park(connection, rows)
        await Decider(engine, SERVICE).act([*erasures, heard(PersonErased(person_id="parked-7"))])
        async with engine.connect() as connection:
            emptied = sa.select(PARKED.c.offset).where(PARKED.c.value.is_(None))
            assert list((await connection.execute(emptied)).scalars()) == [7]
        await engine.dispose()
