"""What every SMTP server of the tests needs: a port to listen on, and connections that can be cut without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP


@asynccontextmanager
async def listening(handler: Any, port: int) -> AsyncIterator[None]:
    """The handler's server, with every connection it ever had cut at the end."""
    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        protocols.append(SMTP(handler, enable_SMTPUTF8=False, loop=loop))
        return protocols[-1]

    server = await loop.create_server(protocol, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for one in protocols:
            cut(one)


def cut(connection: SMTP) -> None:
    if isinstance(connection.transport, asyncio.Transport):
        connection.transport.abort()
