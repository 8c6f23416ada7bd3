"""Runs the origin until it is told to stop: `python -m rollcall.origin`. Only wires."""

from __future__ import annotations

from typing import Any

import uvicorn

from rollcall.origin.app import app_of
from rollcall.origin.settings import OriginSettings
from shared import telemetry
from shared.process.connections import bounded

WATCHED_SECONDS = 3600.0
"""For an answer: a page that is left open is told what changes for as long as that, and asks again by itself."""


def how_served(settings: OriginSettings) -> dict[str, Any]:
    """What uvicorn is told. Its connections are bounded as a service's are: a crowd of unfinished requests would keep everybody out."""
    limits = settings.http.model_copy(update={"request_seconds": WATCHED_SECONDS})
    return {
        "host": settings.host,
        "port": settings.port,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "http": bounded(limits),
        "ws": "none",
        "timeout_keep_alive": limits.idle_seconds,
        "h11_max_incomplete_event_size": limits.header_bytes,
        "timeout_graceful_shutdown": 1,  # a page left open keeps its connection
    }


def main() -> None:
    settings = OriginSettings()
    telemetry.configure_logs("origin", level=settings.log_level)
    uvicorn.run(app_of(settings), **how_served(settings))


if __name__ == "__main__":
    main()
