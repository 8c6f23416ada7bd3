"""`rollcall rebuild`: a projection made anew from the streams, beside the live one, and compared with it row by row."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.connection import connection, database
from rollcall.options import DEFAULT_FOLDER, FolderOption, ServiceArgument
from rollcall.terminal import Exit, Refusal, err, out, print_json
from services import SERVICES

if TYPE_CHECKING:
    from shared.rebuilding.rebuild import Report


def rebuild(
    service: ServiceArgument,
    folder: FolderOption = DEFAULT_FOLDER,
    with_live: Annotated[
        bool, typer.Option("--compare", help="Compare with the live projection and leave nothing behind.")
    ] = False,
    swap_in: Annotated[
        bool, typer.Option("--swap", help="Compare, then put the rebuilt projection in the live one's place.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Make a service's projection anew from everything in Kafka, and say whether the live one is the same.

    The service goes on; it waits only while the two are compared. Nothing is decided, said or mailed.

    Exit codes: 0 the same in every row (or swapped in), 1 it could not be done, 3 rows differ.
    """
    if with_live == swap_in:
        raise Refusal(
            "Say either --compare (leaves nothing behind) or --swap (replaces the live projection).", Exit.INVALID
        )
    found = connection(folder)
    # The service's own wiring reads the environment: it must see what the running one sees.
    os.environ |= {
        "ROLLCALL_DATABASE_URL": database(folder, service),
        "ROLLCALL_KAFKA": ",".join(found.kafka["bootstrap_servers"]),
        "ROLLCALL_PORT": str(SERVICES[service].port),
        "ROLLCALL_LOG_LEVEL": "ERROR",
    }
    if found.run is not None:
        os.environ |= found.folder.given()
        os.environ["ROLLCALL_LIVE_SINCE"] = found.folder.live_since.isoformat()

    import asyncio

    from aiokafka.errors import KafkaError
    from sqlalchemy.exc import DBAPIError

    from rollcall import waiting
    from shared.faults import told
    from shared.rebuilding.rebuild import compare, swap

    async def run() -> Report:
        await waiting.postgres(os.environ["ROLLCALL_DATABASE_URL"], service)
        await waiting.kafka_answers(found.kafka)
        runtime, _app = importlib.import_module(SERVICES[service].app).runtime_of()
        try:
            with err.status("Rebuilding …") as status:
                report: Report = await (swap if swap_in else compare)(
                    runtime.service, runtime.settings, lambda line: status.update(f"Rebuilding: {line}")
                )
                return report
        finally:
            await runtime.engine.dispose()

    try:
        report = asyncio.run(run())
    except RuntimeError as error:
        said = str(error)  # Ids and times in it are as they are.
        raise Refusal(f"{said[:1].upper()}{said[1:]}.") from error
    except (DBAPIError, KafkaError, OSError) as error:
        raise Refusal(f"Nothing was changed, for a fault came between: {told(error)}. Try again.") from error
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)
    if report.different_rows and not swap_in:
        raise typer.Exit(Exit.UNBALANCED)


def _print(report: Report) -> None:
    for table, rows in sorted(report.rows.items()):
        out.print(f"{rows:>10,}  {table}")
    for difference in report.differences:
        out.print(f"  [red]✗[/] {difference['table']}: only {difference['only']}: ", end="")
        out.print(str(difference["row"]), markup=False, soft_wrap=True)
    verdict = (
        f"[red]✗ {report.different_rows:,} rows differ[/]"
        if report.different_rows
        else "[bold green]✓ Every row is the same[/]"
    )
    out.print(f"{verdict}: {sum(report.rows.values()):,} rows from {report.events:,} events in {report.seconds:.1f} s")
