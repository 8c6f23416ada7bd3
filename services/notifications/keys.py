"""The keys that links are signed with: when another one is made, and what is said of it. Pure: rows, and the fact that makes one.

The private half stays in this service's own database, which is backed up; the public half is a fact. So every replica signs with the
same key, a database restored from last night signs with one that is known, and what was signed under a key that only the lost hours
had is still believed: its public half was said.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import field
from typing import ClassVar

from shared.contracts.notifications import LinkKeyStated
from shared.state.link_keys import LinkKey
from shared.state.rows import Row
from shared.values import immutable

SIGNS_FOR = dt.timedelta(days=180)
"""Then another key is made."""
LINK_LIVES = dt.timedelta(days=30)
"""After a session's end: whoever looks late is told that it is over."""
VERIFIES_FOR = SIGNS_FOR + dt.timedelta(days=2 * 366)
"""Trainings are planned a year ahead; a link under the key may live until then."""


@immutable
class SigningKey(Row):
    """A key with its private half. In no event, log or answer."""

    KEY: ClassVar = ("key_id",)

    key_id: str
    audience: str
    private_key: str = field(repr=False)
    signs_until: dt.datetime
    verifies_until: dt.datetime


def signs(key: SigningKey | None, stated: LinkKey | None, now: dt.datetime) -> bool:
    """Whether new links are signed with this key: it is neither old nor withdrawn."""
    return key is not None and now < key.signs_until and (stated is None or stated.verifies_until >= key.verifies_until)


def made(audience: str, key_id: str, pair: tuple[str, str], now: dt.datetime) -> tuple[SigningKey, LinkKeyStated]:
    """A key of (private, public) halves, and what is said of it."""
    private, public = pair
    key = SigningKey(key_id, audience, private, now + SIGNS_FOR, now + VERIFIES_FOR)
    stated = LinkKeyStated(
        key_id=key_id, audience=audience, public_key=public, verifies_until=key.verifies_until, decided_at=now
    )
    return key, stated
