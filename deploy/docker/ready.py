"""A container's health check: exit code 0 when the service in it answers that it is ready. `python -m deploy.docker.ready`."""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_S = 4.0


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["ROLLCALL_PORT"]), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        print(answer.read().decode())  # `docker inspect` shows it: what is wrong, in the service's words
    except (OSError, http.client.HTTPException) as error:
        print(f"does not answer: {error!r}")
        return 1
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
