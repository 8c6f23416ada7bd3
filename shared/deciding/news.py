"""What listeners are told after a commit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.values import immutable

Kinds = frozenset[type[Event]]


@immutable
class News:
    """That something was heard or decided which was appended at `since` or later, and of which kinds it was. None: of any."""

    since: dt.datetime
    kinds: Kinds | None = None

    def and_also(self, other: News | None) -> News:
        if other is None:
            return self
        kinds = None if self.kinds is None or other.kinds is None else self.kinds | other.kinds
        return News(min(self.since, other.since), kinds)


def kinds_of(inputs: Iterable[Any]) -> Kinds:
    """Of the events among what was read; what could not be read concerns nobody yet."""
    return frozenset(type(one.body) for one in inputs if isinstance(one, Heard))
