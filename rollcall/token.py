"""`rollcall token`: bearer tokens for people and programs. Shown once, kept as a hash by each service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.connection import database
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Commands, Exit, Refusal, err, out, print_json
from shared.web.scopes import SCOPES

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from shared.web.tokens import Token

app = typer.Typer(cls=Commands, help="Make, list and end bearer tokens.", no_args_is_help=True)


@app.command()
def create(
    actor: Annotated[
        str, typer.Option("--actor", help="Who acts with it; this name stands beside everything they do.")
    ],
    scope: Annotated[list[str], typer.Option("--scope", help=f"{', '.join(SCOPES)}; may be given more than once.")],
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Make a token that every service knows. It is shown now and never again.

    Exit codes: 0 made, 1 a database does not answer, 2 there is no such scope.
    """
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise Refusal(f"There is no scope {', '.join(unknown)}: there are {', '.join(SCOPES)}.", Exit.INVALID)
    if not actor.strip() or not actor.isprintable() or len(actor) > 80:
        raise Refusal("--actor is a name of at most 80 printable characters.", Exit.INVALID)
    from shared.service import utc_now
    from shared.web import tokens

    text = tokens.fresh_token()
    row = tokens.row_for(text, actor, tuple(scope), now=utc_now())

    async def make(connection: AsyncConnection, _service: str) -> None:
        await tokens.store(connection, row)

    _everywhere(folder, make)
    if as_json:
        print_json({"token": text, "token_id": row.token_id, "actor": actor, "scopes": scope})
        return
    out.print(text, markup=False, soft_wrap=True)
    err.print(
        f"For {actor}, to {' and '.join(scope)}. It is not kept anywhere: copy it now. Its id is {row.token_id}.",
        style="dim",
        soft_wrap=True,
        markup=False,
    )


@app.command("list")
def list_tokens(
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Show who may do what, the oldest token first. The tokens themselves nobody can show again.

    Exit codes: 0 shown, 1 a database does not answer.
    """
    from shared.web import tokens

    known: dict[str, tuple[Token, list[str]]] = {}

    async def read(connection: AsyncConnection, service: str) -> None:
        for row in await tokens.all_of(connection):
            known.setdefault(row.token_id, (row, []))[1].append(service)

    services = _everywhere(folder, read)
    rows = sorted(known.values(), key=lambda one: one[0].created_at)
    if as_json:
        print_json(
            [
                {"token_id": row.token_id, "actor": row.actor, "scopes": row.scopes.split(), "services": names}
                | {"created_at": row.created_at, "revoked_at": row.revoked_at}
                for row, names in rows
            ]
        )
        return
    for row, names in rows:
        out.print(shown(row, names, services), markup=False, soft_wrap=True, style="dim" if row.revoked_at else "")


def shown(row: Token, known_by: list[str], services: list[str]) -> str:
    """One token in a line. One that some services do not know opens only half of what its holder expects."""
    line = f"{row.token_id}  {row.created_at:%Y-%m-%d}  {row.actor}  ({', '.join(row.scopes.split())})"
    line += "" if known_by == services else f"  only in {', '.join(known_by)}"
    return line + (f"  ended {row.revoked_at:%Y-%m-%d}" if row.revoked_at else "")


@app.command()
def revoke(
    token_id: Annotated[
        str, typer.Argument(help="As `token list` shows it: what stands between the token's underscores.")
    ],
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """End a token in every service.

    Exit codes: 0 ended, 1 there is no such token, or a database does not answer.
    """
    from shared.service import utc_now
    from shared.web import tokens

    ended: list[bool] = []

    async def end(connection: AsyncConnection, _service: str) -> None:
        ended.append(await tokens.revoke(connection, token_id, now=utc_now()))

    _everywhere(folder, end, go_on=True)
    if not any(ended):
        raise Refusal(f"There is no token with the id {token_id}.")
    out.print(f"{token_id} opens nothing any more.")


def _everywhere(
    folder: Path, do: Callable[[AsyncConnection, str], Awaitable[None]], *, go_on: bool = False
) -> list[str]:
    """Does it in the database of every service, and returns their names. `go_on`: also in the others when one does not answer."""
    import asyncio

    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.ext.asyncio import create_async_engine

    from rollcall import waiting
    from rollcall.preparing import installed_services

    undone: list[str] = []

    async def one(service: str) -> None:
        url = database(folder, service)
        await waiting.postgres(url, service)
        engine = create_async_engine(url, hide_parameters=True)
        try:
            async with engine.begin() as connection:
                await do(connection, service)
        except (SQLAlchemyError, OSError) as error:
            raise Refusal(f"The database of {service} does not answer: {str(error).splitlines()[0]}.") from error
        finally:
            await engine.dispose()

    async def all_of_them() -> None:
        for service in installed_services():
            try:
                await one(service)
            except Refusal as refused:
                if not go_on:
                    raise
                undone.append(str(refused))

    asyncio.run(all_of_them())
    if undone:
        raise Refusal("\n".join([*undone, "Done in the others: say it again once these answer."]))
    return installed_services()
