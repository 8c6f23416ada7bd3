"""A broker of their own: what is asked at random over HTTP is said under the same names again and again, and is nobody else's business."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from shared.events.streams import create_streams
from tests.conftest import at_work


@pytest.fixture(scope="package")
async def streams(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The bootstrap address of a broker that has every stream."""
    with at_work(Kafka(tmp_path_factory.mktemp("kafka"), ports.choose_free())) as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await create_streams(admin)
        await admin.close()
        yield kafka.bootstrap
