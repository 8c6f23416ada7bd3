"""Signed links: what a mail says its reader may open, and how a service that is asked knows that notifications said so.

A link is a token (JWT, Ed25519) for one purpose at one audience, about one person and one session, until a moment. Pure: keys and the
time are given. No token is ever in an event, a log line or a number: whoever has one is the person, as far as we can tell.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.contracts.model import ID_PATTERN, Language
from shared.contracts.planner import Meeting
from shared.values import immutable

ALGORITHM = "EdDSA"
MOST_CHARACTERS = 700
"""The longest ids make some 450."""
_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_ID = re.compile(ID_PATTERN)


class Purpose(StrEnum):
    """What a link may be used for, and nothing else."""

    PLACE = "place"
    """One person's place in one session: to see it, and to say what becomes of it."""


@immutable
class Link:
    """What a token says."""

    audience: str
    purpose: Purpose
    person_id: str
    session_id: str
    language: Language
    arranged: str
    """When and where the session was, as the mail told it (`arrangement`)."""
    until: dt.datetime


@immutable
class VerifyingKey:
    """The public half of a key, as it was stated."""

    key_id: str
    audience: str
    public_key: str
    verifies_until: dt.datetime


class Refused(StrEnum):
    """Why a token opens nothing."""

    UNKNOWN = "unknown"
    """Altered, forged, for another purpose or audience, or under a key that is not known. Which of these, nobody is told."""
    EXPIRED = "expired"
    """It was ours, and its time is over."""


@immutable
class Rejection:
    why: Refused
    language: Language | None = None
    """Of whom it was made for, if it was ours."""


@immutable
class Signer:
    """The private half of a key: in notifications' own database and nowhere else."""

    key_id: str
    private_key: str
    signs_until: dt.datetime
    verifies_until: dt.datetime

    def token(self, link: Link) -> str:
        """The same link under the same key is the same token, whenever it is made. It does not outlive its key."""
        claims = {
            "aud": link.audience,
            "use": link.purpose.value,
            "sub": link.person_id,
            "sid": link.session_id,
            "lng": link.language.value,
            "arr": link.arranged,
            "exp": int(min(link.until, self.verifies_until).timestamp()),
        }
        key = Ed25519PrivateKey.from_private_bytes(_bytes(self.private_key))
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": self.key_id, "typ": None})


def new_key() -> tuple[str, str]:
    """A fresh private key and its public half."""
    key = Ed25519PrivateKey.generate()
    return _text(key.private_bytes_raw()), _text(key.public_key().public_bytes_raw())


def key_named(token: str) -> str | None:
    """Which key a token says it was signed with; None: it is no token of ours, whatever keys there are."""
    parts = _PARTS.fullmatch(token) if len(token) <= MOST_CHARACTERS else None
    if parts is None:
        return None
    try:
        name = json.loads(_bytes(parts[1]))["kid"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return name if isinstance(name, str) and _ID.fullmatch(name) else None


def read(
    token: str, *, audience: str, purpose: Purpose, key: VerifyingKey | None, now: dt.datetime
) -> Link | Rejection:
    """What a token says, if it is ours, for this audience and purpose, and its time is not over."""
    unknown = Rejection(Refused.UNKNOWN)
    if key is None or key_named(token) != key.key_id or key.audience != audience:
        return unknown
    try:
        public = Ed25519PublicKey.from_public_bytes(_bytes(key.public_key))
        # It takes bytes written in one way only: of base64's others, which leave bits unread, none opens anything.
        claims = jwt.decode(
            token,
            public,
            algorithms=[ALGORITHM],
            audience=audience,
            # Whether its time is over is asked below, at the moment that we are given.
            options={"require": ["aud", "exp", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        link = _link(claims)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        return unknown
    if link.purpose is not purpose:
        return unknown
    if now >= min(link.until, key.verifies_until):
        return Rejection(Refused.EXPIRED, link.language)
    return link


def arrangement(venue: str, address: str | None, meetings: Iterable[Meeting]) -> str:
    """The same for the same times at the same place: whoever was told another one is told that it has changed."""
    days = sorted((one.meeting_id, one.starts_at.isoformat(), one.ends_at.isoformat()) for one in meetings)
    return hashlib.blake2b(json.dumps([venue, address or "", days]).encode(), digest_size=6).hexdigest()


def _link(claims: dict[str, Any]) -> Link:
    ids = (claims["sub"], claims["sid"])
    if not all(isinstance(one, str) and _ID.fullmatch(one) for one in ids) or not isinstance(claims["arr"], str):
        raise ValueError("not a link of ours")
    until = dt.datetime.fromtimestamp(int(claims["exp"]), dt.UTC)
    return Link(claims["aud"], Purpose(claims["use"]), *ids, Language(claims["lng"]), claims["arr"], until)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
