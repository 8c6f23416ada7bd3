"""Work as it comes: training needs as a survey system declares them. One in fifty corrects an earlier one, one in a hundred is delivered again,
one in a thousand is an older version that comes behind the newer, one in ten thousand is not JSON; and which rows must come of it."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from bench.surroundings import Place
from shared.contracts.survey import TrainingNeedDeclared
from shared.testing import Message

STREAM = TrainingNeedDeclared.stream
SOURCE = "urn:example:survey"
TOPICS = ("climate", "ageing", "economy", "housing", "transport")
LEVELS = ("basic", "advanced")
AUDIENCES = ("wydział środowiska", "ośrodek pomocy społecznej", "biuro rozwoju i promocji", "kierownictwo urzędu", None)

CORRECTED, OLDER, AGAIN, NOT_JSON = 0.02, 0.001, 0.01, 0.0001
AGAIN_WITHIN, OLDER_WITHIN = 5_000, 1_000
"""How many events later at most."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One statement. Said again, it is the same in every byte."""

    event_id: str
    need_id: str
    city_id: str
    version: int
    told: int
    """What its fields are drawn from."""

    def people(self) -> int:
        return 1 + self.told % 40

    def message(self, began: dt.datetime) -> Message:
        body = {
            "need_id": self.need_id,
            "city_id": self.city_id,
            "topic": TOPICS[self.told % len(TOPICS)],
            "level": LEVELS[self.told % len(LEVELS)],
            "audience": AUDIENCES[self.told % len(AUDIENCES)],
            "people": self.people(),
            "state": "declared",
        }
        said_at = (began + dt.timedelta(milliseconds=self.told)).isoformat(timespec="milliseconds")
        headers = {
            "content-type": "application/json",
            "ce_specversion": "1.0",
            "ce_id": self.event_id,
            "ce_source": SOURCE,
            "ce_type": "rollcall.TrainingNeedDeclared.v1",
            "ce_subject": f"need/{self.need_id}",
            "ce_time": said_at.replace("+00:00", "Z"),
            "ce_aggregateversion": str(self.version),
        }
        value = json.dumps(body, ensure_ascii=False).encode()
        return Message(STREAM, self.city_id.encode(), value, [(name, text.encode()) for name, text in headers.items()])


def statements(events: int) -> Iterator[tuple[Declared, bool]]:
    """Each with whether it is sound, in the order of publishing; the same ones each time."""
    draw = random.Random(20)
    newest: dict[str, int] = {}
    needs: list[tuple[str, str]] = []
    later: defaultdict[int, list[Declared]] = defaultdict(list)
    waiting: list[Declared] = []

    def declared(number: int, need_id: str, city_id: str, version: int) -> Declared:
        return Declared(f"{draw.getrandbits(128):032x}", need_id, city_id, version, number)

    for number in range(events):
        waiting += later.pop(number, ())
        if waiting:
            yield waiting.pop(), True
            continue
        city_id = f"geonames:{700_000 + draw.randrange(max(20, events // 100))}"
        chance = draw.random()
        if chance < NOT_JSON or number == events // 2:
            yield declared(number, f"need-{number:07}", city_id, 1), False
            continue
        if chance < NOT_JSON + OLDER:
            one = declared(number, f"need-{number:07}", city_id, 2)
            later[number + 1 + draw.randrange(OLDER_WITHIN)].append(declared(number + 1, one.need_id, city_id, 1))
        elif chance < NOT_JSON + OLDER + CORRECTED and needs:
            need_id, city_id = draw.choice(needs)
            one = declared(number, need_id, city_id, newest[need_id] + 1)
        else:
            one = declared(number, f"need-{number:07}", city_id, 1)
        if one.need_id not in newest:
            needs.append((one.need_id, one.city_id))
        newest[one.need_id] = one.version
        if draw.random() < AGAIN:
            later[number + 1 + draw.randrange(AGAIN_WITHIN)].append(one)
        yield one, True


def messages(events: int) -> Iterator[Message]:
    began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    for one, sound in statements(events):
        sent = one.message(began)
        yield sent if sound else Message(sent.stream, sent.key, (sent.value or b"")[:-9], sent.headers)


Row = tuple[int, str, str, int]
"""(version, event id, city, people)"""


def expected(events: int) -> tuple[dict[str, Row], int]:
    """The oracle: the newest version of each need, and how many records cannot be read, from the statements alone."""
    newest: dict[str, Row] = {}
    unreadable = 0
    for one, sound in statements(events):
        if not sound:
            unreadable += 1
        elif one.need_id not in newest or one.version > newest[one.need_id][0]:
            newest[one.need_id] = one.version, one.event_id, one.city_id, one.people()
    return newest, unreadable


async def check(place: Place) -> None:
    """The contender's table must be the oracle's, row for row, and what nobody can read must lie aside."""
    connection = await asyncpg.connect(place.database)
    try:
        rows = await connection.fetch("select need_id, version, event_id, city_id, people from projection.need")
        # Rollcall keeps what was set aside where a rebuild does not reach it.
        where = await connection.fetchval(
            "select coalesce(to_regclass('kept.parked'), to_regclass('projection.parked'))::text"
        )
        aside = await connection.fetchval(f"select count(*) from {where}")  # noqa: S608
    finally:
        await connection.close()
    found = {row[0]: tuple(row)[1:] for row in rows}
    wanted, unreadable = expected(place.events)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(wanted)} rows are wrong, such as {wrong[0]}: "
                             f"{found.get(wrong[0])} instead of {wanted.get(wrong[0])}")  # fmt: skip
    if aside != unreadable:
        raise AssertionError(f"{aside} records were set aside instead of {unreadable}")
