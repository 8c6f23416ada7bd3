"""How the demo writes an event down: one structured CloudEvent a line. Counts versions, knows nothing of trainings."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from shared.contracts import Event, Fact
from shared.events.envelope import rfc3339, subject_of

OFFICE = "urn:example:office"
SELECTION = "urn:example:selection"
DIRECTORY = "urn:example:directory"
SURVEY = "urn:example:survey"
PLANNER = "urn:example:planner"
ARCHIVE = "urn:example:archive"
PORTAL = "urn:example:portal"
DOORS = "urn:example:doors"
YOU = "urn:example:you"

_NAMESPACE = uuid.UUID("5d2f0e6a-2b8c-5f6e-9a53-726f6c6c6361")


class Feed:
    """Everything the outside systems say, file by file; versions grow per aggregate across all of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: Counter[str] = Counter()
        self._lines: list[str] = []

    def say(self, event: Event, source: str, at: dt.datetime, *, version: int | None = None) -> None:
        """Adds one event. A fact gets its aggregate's next version, or the one given if more was said before."""
        subject = subject_of(event)
        counted = f"{type(event).stream}/{subject}"
        number = self._said[counted] + 1 if version is None else version
        self._said[counted] = number
        line: dict[str, object] = {
            "specversion": "1.0",
            "id": str(uuid.uuid5(_NAMESPACE, f"{self._name}/{counted}/{number}")),
            "source": source,
            "type": event.type_name(),
            "time": rfc3339(at),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": event.model_dump(mode="json", exclude_none=True),
        }
        if isinstance(event, Fact):
            line["aggregateversion"] = str(number)
        self._lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")))

    def say_again(self, line: str) -> None:
        """Adds a line that was sent before, unchanged, as a producer does that never saw the acknowledgement."""
        self._lines.append(line)

    @property
    def last(self) -> str:
        return self._lines[-1]

    def write(self, path: Path) -> int:
        """Writes what was said since the last file, and returns the number of lines."""
        path.write_bytes("".join(f"{line}\n" for line in self._lines).encode())
        count = len(self._lines)
        self._lines = []
        return count


def ticks(start: dt.datetime, step: dt.timedelta) -> Iterator[dt.datetime]:
    """Moments that grow by one step each."""
    moment = start
    while True:
        yield moment
        moment += step
