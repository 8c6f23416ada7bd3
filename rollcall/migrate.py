"""`rollcall migrate`: databases brought to the newest schema, streams created. For `up` it is a step; for compose, a job."""

from __future__ import annotations

from typing import Annotated

import typer

from rollcall.connection import connection, database
from rollcall.options import DEFAULT_FOLDER, FolderOption, a_service
from rollcall.terminal import Refusal, out


def migrate(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help="All of them unless named.", show_default=False, parser=a_service),
    ] = None,
    folder: FolderOption = DEFAULT_FOLDER,
    streams: Annotated[bool, typer.Option("--streams", help="Also create the streams that are missing.")] = False,
    replication: Annotated[
        int, typer.Option("--replication", min=1, help="Copies of each stream that is created.")
    ] = 1,
) -> None:
    """Bring the services' databases to the newest schema. A second run changes nothing.

    Exit codes: 0 done, 1 a database or Kafka does not answer, or refuses.
    """
    import asyncio

    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from rollcall import waiting
    from rollcall.preparing import installed_services
    from shared.postgres.migrating import InUse
    from shared.postgres.migrating import migrate as migrate_one

    for service in services or installed_services():
        url = database(folder, service)
        asyncio.run(waiting.postgres(url, service))
        try:
            migrate_one(service, url)
        except (SQLAlchemyError, CommandError, OSError, InUse) as error:
            raise Refusal(f"{service}: {str(error).splitlines()[0]}.") from error
        out.print(f"{service}: newest schema")
    if streams:
        out.print(f"streams: {asyncio.run(_create(folder, replication)) or 'none'} created")


async def _create(folder: FolderOption, replication: int) -> str:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    from rollcall import waiting
    from shared.events.streams import create_streams

    kafka = connection(folder).kafka
    admin = await waiting.kafka(
        lambda: AIOKafkaAdminClient(**kafka, request_timeout_ms=30_000), kafka["bootstrap_servers"]
    )
    try:
        return ", ".join(await create_streams(admin, replication=replication))
    except KafkaError as error:
        raise Refusal(f"Kafka: {error}.") from error
    finally:
        await admin.close()
