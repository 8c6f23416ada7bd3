"""Taking mail in: 250 is said once the mail is on disk. Refuses nothing but what is too large."""

import asyncio
import sqlite3
from functools import partial

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded.inbox.store import Store

SIZE_LIMIT_BYTES = 25 * 1024 * 1024


class Taker:
    """What aiosmtpd calls for every mail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(  # noqa: N802  # aiosmtpd calls it so.
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """The answer to a mail."""
        content = envelope.original_content or b""
        recipients = [str(recipient) for recipient in envelope.rcpt_tos]
        kept = self._store.accept(str(envelope.mail_from or ""), recipients, content)
        try:
            message = await asyncio.wrap_future(kept)
        except sqlite3.Error as error:
            return f"451 4.3.0 The inbox cannot keep this mail: {error}"
        return f"250 2.0.0 Kept as {message}"


async def listen(store: Store, host: str, port: int) -> asyncio.Server:
    """An SMTP server that keeps what it is given."""
    make = partial(
        SMTP,
        Taker(store),
        data_size_limit=SIZE_LIMIT_BYTES,
        enable_SMTPUTF8=True,
        hostname="rollcall-inbox",
        ident="Rollcall development inbox",
        timeout=300,
    )
    return await asyncio.get_running_loop().create_server(make, host, port, backlog=256)
