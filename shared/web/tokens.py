"""Bearer tokens: made by the CLI, shown once, stored as a hash. A token says who acts and what they may do."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.postgres.database import KEPT, MACHINERY, any_of, rows_as, table_of
from shared.postgres.directly import rows_of
from shared.postgres.together import Together
from shared.state.rows import Row, mapping
from shared.values import immutable

PREFIX = "rc"


@immutable
class Token(Row):
    KEY: ClassVar = ("token_id",)

    token_id: str
    secret_sha256: bytes
    actor: str
    scopes: str
    created_at: dt.datetime
    revoked_at: dt.datetime | None


TOKEN = table_of(Token, "token", MACHINERY, schema=KEPT)


@immutable
class Actor:
    """Who acts, and what they may do."""

    name: str
    scopes: frozenset[str]


def fresh_token() -> str:
    """The text of a new token, which is not stored; the row that recognises it is made for each service."""
    return f"{PREFIX}_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def new_token(actor: str, scopes: tuple[str, ...], *, now: dt.datetime) -> tuple[str, Token]:
    """A fresh token and its row, where one service is all there is."""
    text = fresh_token()
    return text, row_for(text, actor, scopes, now=now)


def row_for(text: str, actor: str, scopes: tuple[str, ...], *, now: dt.datetime) -> Token:
    """The row that recognises a token."""
    token_id, secret = _split(text)
    return Token(token_id, _digest(secret), actor, " ".join(scopes), now, None)


async def store(connection: AsyncConnection, row: Token) -> None:
    await connection.execute(insert(TOKEN).values(**mapping(row)).on_conflict_do_nothing())


async def revoke(connection: AsyncConnection, token_id: str, *, now: dt.datetime) -> bool:
    """Ends a token; one that has ended keeps when. False: there is no such token."""
    ended = sa.func.coalesce(TOKEN.c.revoked_at, now)
    result = await connection.execute(sa.update(TOKEN).where(TOKEN.c.token_id == token_id).values(revoked_at=ended))
    return bool(result.rowcount)


async def all_of(connection: AsyncConnection) -> list[Token]:
    """Every token there ever was, the oldest first, ended ones too."""
    return rows_as(Token, await connection.execute(sa.select(TOKEN).order_by(TOKEN.c.created_at, TOKEN.c.token_id)))


_BY_ID = sa.select(TOKEN).where(any_of(TOKEN.c.token_id, "token_ids"))  # Asked with every request: built once.


class Actors:
    """Who is behind a token. Read anew for each request, so that one that was revoked ends with that."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._tokens = Together(engine, _by_id)

    async def recognise(self, text: str) -> Actor | None:
        """Whose token this is, or None."""
        try:
            token_id, secret = _split(text)
        except ValueError:
            return None
        token = await self._tokens.get(token_id)
        if token is None or token.revoked_at or not hmac.compare_digest(token.secret_sha256, _digest(secret)):
            return None
        return Actor(token.actor, frozenset(token.scopes.split()))


async def _by_id(connection: AsyncConnection, token_ids: set[str]) -> dict[str, Token]:
    rows = rows_as(Token, await rows_of(connection, _BY_ID, {"token_ids": sorted(token_ids)}))
    return {row.token_id: row for row in rows}


def _split(text: str) -> tuple[str, str]:
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    is_text = rest.isascii() and rest.isprintable()  # What Postgres refuses would be refused for all who ask with it.
    if prefix != PREFIX or not token_id or not secret or not is_text or len(rest) > 200:
        raise ValueError("not a Rollcall token")
    return token_id, secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
