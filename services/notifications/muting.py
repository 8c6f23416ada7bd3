"""Which mails somebody does not want: the row of what was said of it, and what is said next. Pure.

What may be muted each kind of mail says of itself (`Kind.mutes`). A mail that is muted is not planned, and not sent if it was planned
before; it is looked at again once nobody mutes it any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import ClassVar

from shared.contracts.notifications import Mutable, NoticesMuted
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.state.working import Working
from shared.values import immutable


@immutable
class Mute(FactRow):
    """What one recipient does without."""

    KEY: ClassVar = ("recipient",)

    recipient: str
    muted: tuple[str, ...]
    by: str | None
    """Who of the office said so; None: they themselves, by a link."""
    reason: str | None
    decided_at: dt.datetime

    @property
    def tag(self) -> str:
        """By which one knows again what one has looked at."""
        return str(self.version)


NOTHING_SAID = "0"
"""The tag of what nobody has said anything about."""


def mute_of(heard: Heard[NoticesMuted]) -> Mute:
    body = heard.body
    return Mute(*meta(heard), body.recipient, tuple(body.muted), body.by, body.reason, body.decided_at)


def say_muted(
    working: Working, recipient: str, muted: Iterable[Mutable], *, by: str | None = None, reason: str | None = None
) -> bool:
    """States what the recipient does without from now on. False: it was so already, and nothing is said."""
    known, wanted = working[Mute].get(recipient), tuple(sorted({*muted}))
    if (known.muted if known is not None else ()) == wanted:
        return False
    working.say(NoticesMuted(recipient=recipient, muted=wanted, by=by, reason=reason, decided_at=working.now))
    return True
