"""The one-shot job that readies Kafka: users, grants, streams. Every step may be run again. `python -m deploy.kafka.prepare`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr

from deploy.kafka.access import ADMIN, USERS, grants
from deploy.kafka.admin import put_in_place, set_passwords
from shared.events.streams import create_streams, misconfigured_streams
from shared.settings import Settings, kafka_connection

WAIT_S = 90.0
"""The broker listens a moment before it lets anybody in."""


def main() -> int:
    """Returns 0 once everything is in place; otherwise one sentence says what is wrong."""
    try:
        settings = Settings(
            kafka=os.environ["ROLLCALL_KAFKA"],
            kafka_user=ADMIN,
            kafka_password=SecretStr(os.environ["KAFKA_ADMIN_PASSWORD"]),
            database_url=SecretStr(""),
            port=0,
        )
        passwords = {user: os.environ[f"KAFKA_{user.upper()}_PASSWORD"] for user in USERS}
    except KeyError as missing:
        return _say(f"{missing.args[0]} is not set.")
    try:
        asyncio.run(_prepare(settings, passwords))
    except KafkaConnectionError as error:  # aiokafka does not tell the two apart
        return _say(f"Kafka does not answer, or its log was made with another KAFKA_ADMIN_PASSWORD: {error}")
    except KafkaError as error:
        return _say(f"Kafka: {error}")
    return 0


async def _prepare(settings: Settings, passwords: dict[str, str]) -> None:
    connection = kafka_connection(settings)
    client = await _connected(connection)
    try:
        await set_passwords(client, passwords)
        given, taken = await put_in_place(client, grants(), USERS)
    finally:
        await client.close()
    print(f"users: {', '.join(sorted(passwords))}; grants: {given} given, {taken} taken back")
    admin = AIOKafkaAdminClient(**connection, request_timeout_ms=30_000)
    await admin.start()
    try:
        created = await create_streams(admin, replication=int(os.environ.get("KAFKA_REPLICATION") or 1))
        wrong = await misconfigured_streams(admin) if not created else {}
    finally:
        await admin.close()
    print(f"streams: {', '.join(created) or 'none'} created")
    for name, what in wrong.items():
        # Said and left alone: changing a stream that holds years of events is a person's decision.
        print(f"stream {name} is not as declared: {what}", file=sys.stderr)


async def _connected(connection: dict[str, object]) -> AIOKafkaClient:
    deadline = time.monotonic() + WAIT_S
    while True:
        client = AIOKafkaClient(**connection, request_timeout_ms=10_000)
        try:
            await client.bootstrap()
            return client
        except KafkaError:
            await client.close()
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


def _say(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
