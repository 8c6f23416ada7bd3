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


def rules_of(working: Working) -> EnrolmentRules:
    """The rules that this decision goes by."""
    rules: EnrolmentRules = working.rules
    return rules
