"""The rules of enrolment that have a number: told by its settings, asked by its decisions."""

from __future__ import annotations

import datetime as dt

from shared.state.working import Working
from shared.values import immutable


@immutable
class EnrolmentRules:
    """What an installation may set. The same rules hold in a rebuild."""

    held_for: dt.timedelta = dt.timedelta(days=30)
    """How long a request waits for a session that nobody has announced."""
    console: str | None = None
    """The `ce_source` of the office's console, if one asks over Kafka. None: the office is heard over HTTP alone."""


def rules_of(working: Working) -> EnrolmentRules:
    """The rules that this decision goes by."""
    rules: EnrolmentRules = working.rules
    return rules
