"""Which mails somebody does not want: the row of what was said of it, and what is said next. Pure.

What may be muted each kind of mail says of itself (`Kind.mutes`). A mail that is muted is not planned, and not sent if it was planned
before; it is looked at again once nobody mutes it any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from shared.contracts.notifications import Mutable, NoticesMuted
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.state.working import Working
from shared.values import immutable


@immutable
class Mute(FactRow):
    """What one recipient does without; said under one of their ids."""

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


def as_one(said: Iterable[Mute], recipient: str) -> Mute | None:
    """What a human does without whose ids these are of: all that was said under any of them, for who said it under one knew of no other.
    Its version grows with each of theirs."""
    rows = sorted(said, key=lambda row: (row.decided_at, row.recipient))
    if not rows:
        return None
    muted, version = {what for row in rows for what in row.muted}, sum(row.version for row in rows)
    return replace(rows[-1], recipient=recipient, muted=tuple(sorted(muted)), version=version)


def say_muted(
    working: Working,
    ids: Iterable[str],
    muted: Iterable[Mutable],
    *,
    by: str | None = None,
    reason: str | None = None,
) -> bool:
    """States what somebody does without from now on. `ids`: all of theirs, the one that stays first; it is said of that one, and of each other
    of which something was said before. False: it was so already, and nothing is said."""
    named, *former = ids
    wanted, said = tuple(sorted({*muted})), False
    for recipient in (named, *(one for one in former if working[Mute].get(one) is not None)):
        known = working[Mute].get(recipient)
        if (known.muted if known is not None else ()) != wanted:
            working.say(NoticesMuted(recipient=recipient, muted=wanted, by=by, reason=reason, decided_at=working.now))
            said = True
    return said
