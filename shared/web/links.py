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
    LISTS = "lists"
    """The attendance lists of one session, for one of its trainers: to look at them, and to say who was there."""
    PAPERS = "papers"
    """What one person may print of one session: their certificate, and that they were there on a day."""
    MUTE = "mute"
    """What one recipient is sent: to do without it, and to want it again."""
    CALENDAR = "calendar"
    """All that one person has in the programme, in a calendar that fetches it."""
    TOWN_CALENDAR = "town-calendar"
    """The same of a town, for one of its coordinators."""
    CHECK_IN = "ticket"
    """That one person came to one session: to be read at its door."""


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
class Ticket:
    """What a ticket says: that whoever has it is this person, at the door of this session. It names no day, so a session that is moved
    takes its tickets along; which day it is, the clock at the door says."""

    audience: str
    person_id: str
    session_id: str
    until: dt.datetime


@immutable
class Subscription:
    """What a token says that is about what somebody is sent, and about no session: good for as long as its key is."""

    audience: str
    purpose: Purpose
    recipient: str
    what: str
    """Which of it."""
    language: Language


TICKET_LIVES = dt.timedelta(days=366)
"""After the end of the session, as it is told with the ticket: for so long a session may be put off without new ones."""


class TicketRefused(StrEnum):
    """Why a token lets nobody in. Told by name: whoever stands at the door has to know what to do."""

    UNREADABLE = "unreadable"
    """It is no token of ours."""
    UNKNOWN_KEY = "unknown_key"
    """Of another installation, or forged under a key of somebody's own."""
    ALTERED = "altered"
    """The signature does not fit what it says."""
    NOT_FOR_CHECK_IN = "not_for_check_in"
    """Genuine, and for another purpose or audience."""
    EXPIRED = "expired"


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
        return self._signed(claims)

    def ticket(self, ticket: Ticket) -> str:
        """A token with no more in it than a door asks, so that it fits a code that a telephone reads at once."""
        claims = {
            "aud": ticket.audience,
            "use": Purpose.CHECK_IN.value,
            "sub": ticket.person_id,
            "sid": ticket.session_id,
            "exp": int(min(ticket.until, self.verifies_until).timestamp()),
        }
        return self._signed(claims)

    def subscription(self, of: Subscription) -> str:
        """A token that lives as long as its key: whoever finds an old mail may still do without the next."""
        claims = {
            "aud": of.audience,
            "use": of.purpose.value,
            "sub": of.recipient,
            "abt": of.what,
            "lng": of.language.value,
            "exp": int(self.verifies_until.timestamp()),
        }
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
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
        claims = _claims(token, key)
        if claims["aud"] != audience:
            return unknown
        link = _link(claims)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        return unknown
    if link.purpose is not purpose:
        return unknown
    if now >= min(link.until, key.verifies_until):
        return Rejection(Refused.EXPIRED, link.language)
    return link


def read_subscription(
    token: str, *, audience: str, purpose: Purpose, key: VerifyingKey | None, now: dt.datetime
) -> Subscription | Rejection:
    """The same of a token about what somebody is sent."""
    unknown = Rejection(Refused.UNKNOWN)
    if key is None or (key_named(token), key.audience) != (key.key_id, audience):
        return unknown
    try:
        claims = _claims(token, key)
        ids = (claims["sub"], claims["abt"])
        if (claims["aud"], claims["use"]) != (audience, purpose.value) or not all(map(_is_id, ids)):
            return unknown
        found = Subscription(audience, purpose, *ids, Language(claims["lng"]))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return unknown
    return found if now < key.verifies_until else Rejection(Refused.EXPIRED, found.language)


def read_ticket(token: str, *, audience: str, key: VerifyingKey | None, now: dt.datetime) -> Ticket | TicketRefused:
    """What a ticket says, or why it lets nobody in. `key`: the one that it names, if that is known."""
    named = key_named(token)
    if named is None:
        return TicketRefused.UNREADABLE
    if key is None or named != key.key_id:
        return TicketRefused.UNKNOWN_KEY
    try:
        claims = _claims(token, key)
    except (jwt.PyJWTError, ValueError, TypeError):
        return TicketRefused.ALTERED
    try:
        if (key.audience, claims["aud"], claims["use"]) != (audience, audience, Purpose.CHECK_IN.value):
            return TicketRefused.NOT_FOR_CHECK_IN
        person_id, session_id = _ids(claims)
        until = dt.datetime.fromtimestamp(int(claims["exp"]), dt.UTC)
    except (ValueError, TypeError, KeyError, OverflowError):
        return TicketRefused.NOT_FOR_CHECK_IN
    if now >= min(until, key.verifies_until):
        return TicketRefused.EXPIRED
    return Ticket(audience, person_id, session_id, until)


def _claims(token: str, key: VerifyingKey) -> dict[str, Any]:
    """What a token says that this key has signed. Raises if it has not."""
    public = Ed25519PublicKey.from_public_bytes(_bytes(key.public_key))
    # It takes bytes written in one way only: of base64's others, which leave bits unread, none opens anything.
    claims: dict[str, Any] = jwt.decode(
        token,
        public,
        algorithms=[ALGORITHM],
        # For whom it is and whether its time is over is asked by whoever reads it, at the moment that they are given.
        options={
            "require": ["aud", "exp", "sub"],
            "verify_aud": False,
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )
    return claims


def arrangement(venue: str, address: str | None, meetings: Iterable[Meeting]) -> str:
    """The same for the same times at the same place: whoever was told another one is told that it has changed."""
    days = sorted((one.meeting_id, one.starts_at.isoformat(), one.ends_at.isoformat()) for one in meetings)
    return hashlib.blake2b(json.dumps([venue, address or "", days]).encode(), digest_size=6).hexdigest()


def _link(claims: dict[str, Any]) -> Link:
    ids = _ids(claims)
    if not isinstance(claims["arr"], str):
        raise ValueError("not a link of ours")
    until = dt.datetime.fromtimestamp(int(claims["exp"]), dt.UTC)
    return Link(claims["aud"], Purpose(claims["use"]), *ids, Language(claims["lng"]), claims["arr"], until)


def _ids(claims: dict[str, Any]) -> tuple[str, str]:
    """The person and the session that it is about."""
    person_id, session_id = claims["sub"], claims["sid"]
    if not _is_id(person_id) or not _is_id(session_id):
        raise ValueError("not a link of ours")
    return person_id, session_id


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
