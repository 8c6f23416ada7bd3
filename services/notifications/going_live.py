"""Whether mail is live: the row of what was stated of it, and what follows for all that is told. Pure.

Until go-live is stated mail is rehearsed: planned, judged and written as ever, and sent to nobody, or all of it to one address. What was
rehearsed counts as told as long as the rehearsal lasts, so that it shows what would be sent; from go-live on it counts as nothing.
What was so at that moment others have told, or nobody has: whoever reads a mail that follows understands it either way.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from shared.contracts.notifications import GoLiveStated
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.state.working import Working
from shared.values import immutable

EVERYBODY = "all"
"""Whose mail goes live."""


@immutable
class GoLive(FactRow):
    """That mail is sent from a moment on, and who said so."""

    KEY: ClassVar = ("recipient",)

    recipient: str
    by: str
    reason: str
    decided_at: dt.datetime


def go_live_of(heard: Heard[GoLiveStated]) -> GoLive:
    body = heard.body
    return GoLive(*meta(heard), body.recipient, body.by, body.reason, body.decided_at)


def say_go_live(working: Working, *, by: str, reason: str) -> None:
    """States that mail is live from now on, unless that is said already."""
    if working[GoLive].get(EVERYBODY) is None:
        working.say(GoLiveStated(recipient=EVERYBODY, by=by, reason=reason, decided_at=working.now))


@immutable
class Stage:
    """Whether mail is rehearsed, or since when it is live."""

    rehearses: bool
    live_at: dt.datetime | None = None
    """When go-live was stated; None: it has not been, or never had to be."""


def stage_after(live_at: dt.datetime | None, *, has_rehearsed: bool, has_mailed: bool, by_settings: bool) -> Stage:
    """Only a statement ends a rehearsal, and nothing begins one anew: the settings decide for a new installation alone. Else a line in a
    file would flush what was rehearsed for weeks, or drop what people have to know."""
    if live_at is not None:
        return Stage(False, live_at)
    return Stage(has_rehearsed or (by_settings and not has_mailed))
