"""`rollcall up`: the whole system in the foreground, until Ctrl-C or `rollcall down`."""

from __future__ import annotations

from typing import Annotated

import typer

from rollcall.folder import Folder
from rollcall.options import (
    DEFAULT_FOLDER,
    AttendancePort,
    EnrolmentPort,
    FolderOption,
    FreePorts,
    InboxPort,
    KafkaPort,
    NotificationsPort,
    OriginPort,
    PostgresPort,
    SmtpPort,
)


def up(
    folder: FolderOption = DEFAULT_FOLDER,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once everything is ready, and leave it running.")
    ] = False,
    kafka_port: KafkaPort = None,
    postgres_port: PostgresPort = None,
    smtp_port: SmtpPort = None,
    inbox_port: InboxPort = None,
    enrolment_port: EnrolmentPort = None,
    attendance_port: AttendancePort = None,
    notifications_port: NotificationsPort = None,
    origin_port: OriginPort = None,
    free_ports: FreePorts = False,
) -> None:
    """Start everything: Kafka, Postgres, the inbox, the three services and the story page. Ctrl-C stops it.

    Settings come from the environment, as in a container: ROLLCALL_LISTS_CLOSE_AFTER=PT2M, ROLLCALL_CONSUMER__POLL_MS=50 …
    (docs/operators.md). Where Kafka, Postgres, the inbox and the services are, and since when it is live, `up` decides itself;
    what is set in vain is named.

    Exit codes: 0 stopped on request, 1 it could not start, 2 a setting is not valid.
    """
    asked = {
        "kafka": kafka_port,
        "postgres": postgres_port,
        "smtp": smtp_port,
        "inbox": inbox_port,
        "enrolment": enrolment_port,
        "attendance": attendance_port,
        "notifications": notifications_port,
        "origin": origin_port,
    }
    from rollcall.running import detached, running, where_to_look

    kept = Folder(folder)
    if detach:
        detached(kept)
        return
    with running(kept, asked, free_ports=free_ports) as system:
        where_to_look(system)
        system.supervise()
