from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.kafka import MESSAGE_MAX_BYTES, Kafka
from deploy.embedded.ports import choose_free

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"), choose_free())
    server.start()
    yield server
    server.stop()


async def make_topic(kafka: Kafka, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def write(kafka: Kafka, topic: str, value: bytes) -> int:
    """The kind of timestamp the broker gave it: 0 create time, 1 append time."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", max_request_size=4 * MESSAGE_MAX_BYTES)
    await producer.start()
    try:
        return int((await producer.send_and_wait(topic, value)).timestamp_type)
    finally:
        await producer.stop()


async def first(kafka: Kafka, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return bytes((await consumer.getone()).value)
    finally:
        await consumer.stop()


async def test_a_started_broker_takes_a_record_and_stamps_it_with_its_own_clock(kafka: Kafka) -> None:
    await make_topic(kafka, "said")
    assert await write(kafka, "said", b"here") == 1
    assert await first(kafka, "said") == b"here"


async def test_a_record_well_above_our_own_limit_for_a_body_is_not_refused_by_the_broker(kafka: Kafka) -> None:
    await make_topic(kafka, "large")
    large = b"x" * (MESSAGE_MAX_BYTES - 1024)
    await write(kafka, "large", large)
    assert large.startswith(await first(kafka, "large"))  # Our own fetching, where it is installed, keeps a head of it.


async def test_a_misspelt_topic_is_not_made_by_using_it(kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(["misspelt"])
        assert described[0]["error_code"] == UnknownTopicOrPartitionError.errno
        assert "misspelt" not in await admin.list_topics()
    finally:
        await admin.close()


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_a_second_start_finds_what_was_acknowledged_before(kafka: Kafka, ending: str) -> None:
    topic = f"kept-{ending}"
    await make_topic(kafka, topic)
    await write(kafka, topic, b"kept")
    pid = kafka.pid
    getattr(kafka, ending)()
    assert pid is not None and not psutil.pid_exists(pid)
    kafka.start()
    assert await first(kafka, topic) == b"kept"


def test_a_format_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "meta.properties").write_text("version=1\n")
    server = Kafka(tmp_path, choose_free())
    server.start()
    server.stop()
    assert not half.exists()


def test_a_folder_with_other_files_is_refused_in_one_sentence_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    server = Kafka(tmp_path, choose_free())
    with pytest.raises(EmbeddedError, match=r"data holds files but no Kafka meta.properties: .* remove it\.$"):
        server.start()
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"


def test_a_broker_that_ends_at_once_says_so_and_where_its_log_is(tmp_path: Path) -> None:
    server = Kafka(tmp_path, choose_free())
    server.start()
    server.stop()
    (tmp_path / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    with pytest.raises(EmbeddedError, match=r"Kafka ended at once; .*kafka\.log ends: "):
        server.start()
    assert server.pid is None
