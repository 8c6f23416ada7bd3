"""Runs the inbox until it is told to stop: `python -m deploy.embedded.inbox --folder DIR`. Only wires."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from deploy.embedded.inbox.api import make_app
from deploy.embedded.inbox.smtp import listen
from deploy.embedded.inbox.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.inbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept")
    chosen = parser.parse_args()
    store = Store(chosen.folder)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        # Here, and not after serve(): uvicorn hands the signal on as soon as serve() is done, and the process ends.
        server = await listen(store, chosen.host, chosen.smtp_port)
        try:
            yield
        finally:
            server.close()
            store.close()

    uvicorn.run(
        make_app(store, lifespan()),
        host=chosen.host,
        port=chosen.http_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,  # a page left open keeps its connection
    )


if __name__ == "__main__":
    main()
