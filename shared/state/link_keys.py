"""The keys that links and tickets are signed with, as every service that has to believe them keeps them. Pure."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from shared.contracts.notifications import LinkKeyStated
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.values import immutable


@immutable
class LinkKey(FactRow):
    """A key as notifications stated it: only the half that tells which links are its own."""

    KEY: ClassVar = ("key_id",)

    key_id: str
    audience: str
    public_key: str
    verifies_until: dt.datetime


def link_key_of(heard: Heard[LinkKeyStated]) -> LinkKey:
    body = heard.body
    return LinkKey(*meta(heard), body.key_id, body.audience, body.public_key, body.verifies_until)
