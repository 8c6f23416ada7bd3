"""Options and arguments that several commands take. Every start loads the declarations of all commands: light, therefore."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rollcall.folder import DEFAULT_PORTS
from services import SERVICES

FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="ROLLCALL_FOLDER", help="Where everything is kept.", show_default="./data")
]
DEFAULT_FOLDER = Path("data")


_NAMES = ", ".join(SERVICES)


def a_service(name: str) -> str:
    """The name as it is, if there is such a service."""
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {name!r}; there are {_NAMES}")
    return name


ServiceArgument = Annotated[
    str, typer.Argument(help=_NAMES, metavar="SERVICE", parser=a_service, autocompletion=lambda: list(SERVICES))
]


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


Ports = dict[str, int | None]
"""By name, the ports asked for; None: not asked for."""


def with_ports(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every port there is, which it is given together as `ports`."""
    declared = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(
            f"{name}_port", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[int | None, _port(name)]
        )
        for name in DEFAULT_PORTS
    ]
    others = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in declared.parameters.values() if one.name != "ports"
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(ports={name: given.pop(f"{name}_port") for name in DEFAULT_PORTS}, **given)

    run.__signature__ = declared.replace(parameters=[*others, *options])  # type: ignore[attr-defined]  # typer reads it.
    return run


FreePorts = Annotated[
    bool, typer.Option("--free-ports", help="Where a port is in use, take a free one.", rich_help_panel="Ports")
]
