"""`rollcall up`: the whole system in the foreground, until Ctrl-C or `rollcall down`."""

from __future__ import annotations

from typing import Annotated

import typer

from rollcall.folder import Folder
from rollcall.options import DEFAULT_FOLDER, FolderOption, FreePorts, Ports, with_ports


@with_ports
def up(
    folder: FolderOption = DEFAULT_FOLDER,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once everything is ready, and leave it running.")
    ] = False,
    free_ports: FreePorts = False,
    *,
    ports: Ports,
) -> None:
    """Start everything: Kafka, Postgres, the inbox, the services and the story page. Ctrl-C stops it.

    Settings come from the environment, as in a container: ROLLCALL_LISTS_CLOSE_AFTER=PT2M, ROLLCALL_CONSUMER__POLL_MS=50 …
    (docs/operators.md). Where Kafka, Postgres, the inbox and the services are, and since when it is live, `up` decides itself;
    what is set in vain is named.

    Exit codes: 0 stopped on request, 1 it could not start, 2 a setting is not valid.
    """
    from rollcall.running import detached, running, where_to_look

    kept = Folder(folder)
    if detach:
        detached(kept)
        return
    with running(kept, ports, free_ports=free_ports) as system:
        where_to_look(kept, system.ports)
        system.supervise()
