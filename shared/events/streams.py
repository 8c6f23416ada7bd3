"""The streams: Kafka topics with a contract. Says what exists and creates it; never reads or writes one."""

from __future__ import annotations

import functools
from dataclasses import field
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.partitioner import DefaultPartitioner

from shared.contracts.directory import ContactForgotten, PersonErased
from shared.contracts.model import Fact
from shared.values import immutable

RECORD_LIMIT_BYTES = 2 * 1024 * 1024
"""What the broker takes. Ours for a body is 256 KiB: a larger one is parked with a reason instead of being refused unseen."""

_PARTITIONER = DefaultPartitioner()


class Partition(NamedTuple):
    """A partition of a stream: what has one order, and one writer's position in it."""

    stream: str
    number: int


@immutable
class Stream:
    """One topic: which field of the body is its key, how many partitions it was born with, what it keeps."""

    name: str
    key: str
    partitions: int = 12
    tombstone: type[Fact] | None = field(default=None)
    """Set for the compacted streams, the only ones with personal data: the fact that an empty value stands for."""
    owner: str | None = None
    """The service that decides what this stream says. It may replace what somebody imported there."""
    asked_by: str | None = None
    """Who alone may ask here, by the name of their Kafka user: what is asked here is done without a rule."""

    @property
    def compacted(self) -> bool:
        return self.tombstone is not None

    def settings(self) -> dict[str, str]:
        """Topic settings, each stated although some are defaults: a broker's defaults are not ours to trust."""
        kept = {
            "message.timestamp.type": "LogAppendTime",  # When we heard: the clock of deadlines and as-of reports.
            "max.message.bytes": str(RECORD_LIMIT_BYTES),
            "retention.bytes": "-1",
            "retention.ms": "-1",
        }
        if not self.compacted:
            return kept | {"cleanup.policy": "delete"}
        return kept | {
            "cleanup.policy": "compact",
            # A name must not outlive its erasure by more than this and a write.
            "max.compaction.lag.ms": str(24 * 3600 * 1000),
            # A consumer that was away for a week still hears the tombstone.
            "delete.retention.ms": str(7 * 24 * 3600 * 1000),
            "segment.ms": str(24 * 3600 * 1000),
        }


STREAMS: dict[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream("programme.rules", key="rule_id", partitions=1),
        Stream("programme.cities", key="city_id"),
        Stream("programme.people", key="person_id", tombstone=PersonErased),
        Stream("programme.contacts", key="person_id", tombstone=ContactForgotten),
        Stream("programme.teams", key="person_id"),
        Stream("programme.needs", key="city_id"),
        Stream("programme.sessions", key="session_id"),
        Stream("programme.tasks", key="session_id"),
        Stream("enrolment.requests", key="session_id"),
        Stream("enrolment.office", key="session_id", asked_by="console"),
        Stream("enrolment.events", key="session_id", owner="rollcall/enrolment"),
        Stream("attendance.scans", key="session_id"),
        Stream("attendance.office", key="session_id", asked_by="console"),
        Stream("attendance.events", key="session_id", owner="rollcall/attendance"),
        Stream("notifications.requests", key="person_id"),
        Stream("notifications.events", key="recipient", owner="rollcall/notifications"),
        Stream("notifications.answers", key="session_id", owner="rollcall/notifications"),
        Stream("notifications.keys", key="key_id", partitions=1, owner="rollcall/notifications"),
    )
}


@functools.lru_cache(maxsize=16_384)
def number_of(stream: str, key: bytes) -> int:
    """Which partition of a stream a key belongs to: by murmur2, as with every Kafka client. The relay sends by it, a repair looks
    by it. Remembered, because few keys are much spoken of and the hash is slow in Python."""
    numbers = range(STREAMS[stream].partitions)
    return int(_PARTITIONER(key, numbers, numbers))


async def create_streams(admin: AIOKafkaAdminClient, *, replication: int = 1) -> list[str]:
    """Creates the streams that are missing and returns their names. Those that exist are left as they are."""
    existing = set(await admin.list_topics())
    missing = [
        NewTopic(stream.name, stream.partitions, replication, topic_configs=stream.settings())
        for stream in STREAMS.values()
        if stream.name not in existing
    ]
    if not missing:
        return []
    response = await admin.create_topics(missing, timeout_ms=30_000)
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"stream {name} could not be created: {rest}")
    return [topic.name for topic in missing]


async def misconfigured_streams(admin: AIOKafkaAdminClient) -> dict[str, str]:
    """Names of streams whose topic differs from what is declared here, with what differs."""
    described = {topic["topic"]: topic for topic in await admin.describe_topics(list(STREAMS))}
    wrong: dict[str, str] = {}
    for name, stream in STREAMS.items():
        count = len(described.get(name, {}).get("partitions", ()))
        if count != stream.partitions:
            wrong[name] = f"{count} partitions instead of {stream.partitions}" if count else "missing"
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in STREAMS if name not in wrong]
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in response.resources:
            actual = {entry[0]: entry[1] for entry in entries}
            for setting, wanted in STREAMS[name].settings().items():
                if actual.get(setting) != wanted:
                    wrong[name] = f"{setting} is {actual.get(setting)} instead of {wanted}"
    return wrong
