"""A broker is told what has changed of what we read, and told everything again whenever it may not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11
from aiokafka.protocol.offset import OffsetRequest

from shared.kafka.sessions import InSessions

BYTES = 1_000
NOT_FOUND = 70


@dataclass
class Answer:
    session_id: int = 7
    error_code: int = 0
    API_VERSION: int = 11


@dataclass
class Broker:
    """In the place of aiokafka's client: what it was asked, as it would leave, and what it answers next."""

    answers: list[Answer | Exception] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    version: type[Any] = FetchRequest_v11

    async def send(self, node_id: int, request: Any, **how: Any) -> Any:
        assert node_id == 1
        self.asked.append(request.build(self.version) if isinstance(request, FetchRequest) else request)
        answer = self.answers.pop(0) if self.answers else Answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def fetch(client: InSessions, **places: int) -> None:
    """Asks for partitions 0, 1, … of a stream, called p0, p1, …, each from an offset."""
    parts = [(int(name[1:]), offset, BYTES) for name, offset in places.items()]
    await client.send(1, FetchRequest(500, 1, 10_000, 1, [("stream", parts)]))


def named(request: Any) -> dict[int, int]:
    return {part[0]: part[2] for _, parts in request.topics for part in parts}


def forgotten(request: Any) -> dict[str, list[int]]:
    return dict(request.forgotten_topics_data)


def session(request: Any) -> tuple[int, int]:
    return request.session_id, request.session_epoch


async def test_the_first_fetch_names_everything_and_the_next_ones_what_moved() -> None:
    broker = Broker()
    client = InSessions(broker)
    await fetch(client, p0=5, p1=9)
    await fetch(client, p0=6, p1=9)
    await fetch(client, p0=6, p1=9)
    assert [named(one) for one in broker.asked] == [{0: 5, 1: 9}, {0: 6}, {}]
    assert [session(one) for one in broker.asked] == [(0, 0), (7, 1), (7, 2)]


async def test_what_rests_is_forgotten_and_named_again_when_it_is_read_again() -> None:
    broker = Broker()
    client = InSessions(broker)
    await fetch(client, p0=5, p1=9)
    await fetch(client, p0=5)
    await fetch(client, p0=5, p1=9)
    assert [named(one) for one in broker.asked] == [{0: 5, 1: 9}, {}, {1: 9}]
    assert [forgotten(one) for one in broker.asked] == [{}, {"stream": [1]}, {}]


@pytest.mark.parametrize("trouble", [KafkaConnectionError(), Answer(error_code=NOT_FOUND), Answer(session_id=0)])
async def test_whenever_the_broker_may_not_know_everything_is_named_again(trouble: Answer | Exception) -> None:
    broker = Broker([Answer(), trouble])
    client = InSessions(broker)
    await fetch(client, p0=5, p1=9)
    try:
        await fetch(client, p0=6, p1=9)
    except KafkaConnectionError:
        pass
    await fetch(client, p0=7, p1=9)
    await fetch(client, p0=8, p1=9)
    assert [named(one) for one in broker.asked[2:]] == [{0: 7, 1: 9}, {0: 8}]
    assert [session(one) for one in broker.asked[2:]] == [(7, 0), (7, 1)]
    assert forgotten(broker.asked[2]) == {}


async def test_a_broker_that_knows_no_sessions_is_asked_for_everything_each_time() -> None:
    broker = Broker([Answer(API_VERSION=4) for _ in range(2)], version=FetchRequest_v4)
    client = InSessions(broker)
    for _ in range(2):
        await fetch(client, p0=5, p1=9)
    assert [one.topics for one in broker.asked] == [[("stream", [(0, 5, BYTES), (1, 9, BYTES)])]] * 2


async def test_what_is_no_fetch_goes_as_it_is() -> None:
    broker = Broker()
    request = OffsetRequest(-1, 1, [])
    await InSessions(broker).send(1, request)
    assert broker.asked == [request]
