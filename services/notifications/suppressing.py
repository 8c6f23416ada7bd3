"""Addresses that take no mail: the rows of what is said of them. Pure.

An address is known by the digest under which mails went to it, so another address of the same person is written to at once, and nobody learns
it from a fact.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from shared.contracts.notifications import AddressFact, AddressSuppressed
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.values import immutable


@immutable
class Suppression(FactRow):
    """Whether mail to somebody is held back, for which address, and why."""

    KEY: ClassVar = ("recipient",)

    recipient: str
    mailbox: str
    """The digest of the address."""
    holds: bool
    status: str | None
    notice_id: str | None
    """The mail that came back."""
    decided_at: dt.datetime


def suppression_of(heard: Heard[AddressFact]) -> Suppression:
    body = heard.body
    suppressed = body if isinstance(body, AddressSuppressed) else None
    return Suppression(
        *meta(heard),
        body.recipient,
        body.address_digest,
        suppressed is not None,
        suppressed.status if suppressed else None,
        suppressed.notice_id if suppressed else None,
        body.decided_at,
    )
