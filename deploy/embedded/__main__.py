"""Kafka, Postgres and the inbox by hand: `python -m deploy.embedded up --folder DIR`, Ctrl-C to stop."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.stack import Stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("--folder", type=Path, required=True)
    for name, port in (("kafka", 9092), ("postgres", 55432), ("smtp", 1025), ("inbox", 8025)):
        parser.add_argument(f"--{name}-port", type=int, default=port, help="0: a free one")
    chosen = parser.parse_args()
    try:
        if chosen.action == "down":
            return 0 if Stack.stop_in(chosen.folder, print) else _say(f"No stack runs in {chosen.folder}.")
        stack = Stack(
            chosen.folder, chosen.kafka_port, chosen.postgres_port, chosen.smtp_port, chosen.inbox_port, say=print
        )
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        stack.start()
        print(f"Kafka {stack.kafka.bootstrap}, Postgres port {stack.ports.postgres}, mail at {stack.inbox.url}")
        while not stopped.wait(1.0) and not stack.ended() and Stack.running(chosen.folder):
            continue
        ended = stack.ended()
        stack.stop()
        return _say("; ".join(ended)) if ended else 0
    except EmbeddedError as error:
        return _say(str(error))


def _say(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
