"""A container's health check: exit code 0 when the service in it answers that it is ready. `python -m deploy.docker.ready`."""

from __future__ import annotations

import http.client
import json
import os
import sys

TIMEOUT_S = 7.0
"""Longer than the service waits for a Postgres that hangs, or nobody would read that it does."""
MOST_BYTES = 64 * 1024


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["ROLLCALL_PORT"]), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        text = answer.read(MOST_BYTES).decode(errors="replace")
        print(text)  # `docker inspect` shows it: what is wrong, in the service's words
        said = json.loads(text)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"does not answer: {error!r}")
        return 1
    # In a container only its own process can answer; by its word, and not by the number alone, it is ready.
    return 0 if answer.status == 200 and isinstance(said, dict) and said.get("ready") is True else 1


if __name__ == "__main__":
    sys.exit(main())
