"""Runs the origin until it is told to stop: `python -m rollcall.origin`. Only wires."""

from __future__ import annotations

import uvicorn

from rollcall.origin.app import app_of
from rollcall.origin.settings import OriginSettings
from shared import telemetry


def main() -> None:
    settings = OriginSettings()
    telemetry.configure_logs("origin", level=settings.log_level)
    uvicorn.run(
        app_of(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,  # a page left open keeps its connection
    )


if __name__ == "__main__":
    main()
