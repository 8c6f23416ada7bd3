"""Options and arguments that several commands take. Every start loads the declarations of all commands: light, therefore."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rollcall.folder import DEFAULT_PORTS

FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="ROLLCALL_FOLDER", help="Where everything is kept.", show_default="./data")
]
DEFAULT_FOLDER = Path("data")


class Switchable(StrEnum):
    """What an operator may stop alone."""

    ENROLMENT = "enrolment"
    ATTENDANCE = "attendance"
    NOTIFICATIONS = "notifications"


ServiceArgument = Annotated[Switchable, typer.Argument(help="enrolment, attendance or notifications")]


def _port(name: str) -> typer.models.OptionInfo:
    usual = DEFAULT_PORTS[name]
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}-port",
        min=0,
        max=65535,
        show_default=f"{usual}, or the folder's own",
        help="0: a free one.",
        rich_help_panel="Ports",
    )
    return option


KafkaPort = Annotated[int | None, _port("kafka")]
PostgresPort = Annotated[int | None, _port("postgres")]
SmtpPort = Annotated[int | None, _port("smtp")]
InboxPort = Annotated[int | None, _port("inbox")]
EnrolmentPort = Annotated[int | None, _port("enrolment")]
AttendancePort = Annotated[int | None, _port("attendance")]
NotificationsPort = Annotated[int | None, _port("notifications")]
OriginPort = Annotated[int | None, _port("origin")]
FreePorts = Annotated[
    bool, typer.Option("--free-ports", help="Where a port is in use, take a free one.", rich_help_panel="Ports")
]
