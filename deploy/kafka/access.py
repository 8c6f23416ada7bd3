"""Who may read and write what in Kafka, derived from what the services declare. Everything not said here is denied. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from services import SERVICES as REGISTERED
from shared.events.streams import STREAMS
from shared.service import Service

SERVICES: tuple[Service, ...] = tuple(one.declared() for one in REGISTERED.values())

ADMIN = "admin"
"""The broker's super user: it makes users, streams and grants, and nothing else uses it."""
OUTSIDE = "outside"
"""Every system that is not ours."""
ARCHIVE = "archive"
"""Whoever states what was decided before go-live: the one outside system that speaks on the services' own streams."""
OPERATOR = "operator"
"""The command `rollcall` inside the network: looks at everything, writes nothing."""
CONSOLE = "console"
"""The programme office's own console, should it speak to Kafka: what is done without a rule is asked by it alone."""
USERS = (*(service.name for service in SERVICES), OUTSIDE, ARCHIVE, CONSOLE, OPERATOR)


class Kind(IntEnum):
    """What a grant is about, as Kafka's protocol numbers it."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What may be done with it, numbered likewise. Both let a client describe the topic; write lets it be idempotent."""

    READ = 3
    WRITE = 4


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One thing that one user may do."""

    user: str
    operation: int
    kind: int
    name: str


def grants() -> frozenset[Grant]:
    """Everything that anybody but the administrator may do."""
    given = set[Grant]()
    for service in SERVICES:
        given |= {Grant(service.name, Operation.READ, Kind.TOPIC, name) for name in service.heard}
        given |= {Grant(service.name, Operation.WRITE, Kind.TOPIC, name) for name in service.own}
        # The consumer group is called as the service (shared/consuming/projector.py).
        given.add(Grant(service.name, Operation.READ, Kind.GROUP, service.name))
    # Past phases enter as facts: who had a place, and who came. Which source owns them, the services see to themselves.
    given |= {
        Grant(ARCHIVE, Operation.WRITE, Kind.TOPIC, name)
        for service in SERVICES
        if REGISTERED[service.name].takes_history
        for name in service.own
    }
    given |= {Grant(OPERATOR, Operation.READ, Kind.TOPIC, name) for name in STREAMS}
    for name, stream in STREAMS.items():
        # What a service says about its own decisions, nobody else may say. Everything else is said by outside systems.
        if stream.asked_by is not None:
            given.add(Grant(stream.asked_by, Operation.WRITE, Kind.TOPIC, name))
            continue  # Nor read by them: it holds reasons, and what comes of it is said elsewhere.
        if stream.owner is None:
            given.add(Grant(OUTSIDE, Operation.WRITE, Kind.TOPIC, name))
        # Personal data lives in the compacted streams only: who writes there knows what they wrote.
        if not stream.compacted:
            given.add(Grant(OUTSIDE, Operation.READ, Kind.TOPIC, name))
    return frozenset(given)
