"""The command `rollcall`: every command in a module of its own, put together here."""

from __future__ import annotations

import typer

from rollcall import (
    demo,
    explain,
    import_attendance,
    migrate,
    notices,
    parked,
    publish,
    rebuild,
    status,
    switching,
    tail,
    token,
    up,
)
from rollcall.terminal import EXIT_CODES, Commands

app = typer.Typer(
    cls=Commands,
    help="Rollcall: enrolment, attendance and participant mail for trainings across many towns.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # they would show passwords
    context_settings={"help_option_names": ["-h", "--help"]},
)

for panel, commands in {
    "Run it": (demo.demo, up.up, switching.down, switching.stop, switching.start),
    "Look": (status.status, explain.explain, notices.notices, tail.tail),
    "Act": (publish.publish, import_attendance.import_attendance),
    "Repair": (rebuild.rebuild, migrate.migrate),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(token.app, name="token", rich_help_panel="Act")
app.add_typer(notices.app, name="mail", rich_help_panel="Repair")
app.add_typer(parked.app, name="parked", rich_help_panel="Repair")

if __name__ == "__main__":
    app(prog_name="rollcall")
