"""The ways back of a mail, each an address of its own, which nobody else can make. Pure.

`bounce+<notice>-<mac>@domain` (VERP), where it could not be delivered: whatever comes back there is about that notice, however the server that
returns it words it. `calendar+<entry>-<mac>@domain`, where a calendar answers the invitation in it: whatever comes there is of somebody who
has that invitation (0056). Who does not have our key makes none that is believed; so a bounce for a mail that we never sent is nothing, and so
is an answer to an invitation that one does not have, whoever sends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import ClassVar

_PREFIX = "notice-"
_MAC_CHARACTERS = 16
"""80 bits: what can be tried against a listener of ours, one at a time."""
_PARTS = re.compile(r"([^+@]+)\+([a-z0-9._:-]{1,40})-([a-z2-7]{16})@([^@]+)")
LONGEST_LOCAL = 10
"""With a notice's id and a MAC a local part has 64 characters at most (RFC 5321)."""
_ENTRY_CHARACTERS = 32


class _Mailbox:
    """Makes and knows the addresses of one purpose in one mailbox, under the key of this database: an address for another purpose is none
    of these, also in the same mailbox."""

    _purpose: ClassVar[str]

    def __init__(self, mailbox: str, key: str) -> None:
        """`mailbox`: such as `bounce@rollcall.example.org`."""
        self._local, _, self._domain = mailbox.lower().rpartition("@")
        self._key = key.encode()

    def _address(self, name: str) -> str:
        return f"{self._local}+{name}-{self._mac(name)}@{self._domain}"

    def _name(self, address: str) -> str | None:
        """Servers on the way may have written it in capitals."""
        parts = _PARTS.fullmatch(address.lower())
        if parts is None or (parts[1], parts[4]) != (self._local, self._domain):
            return None
        return parts[2] if hmac.compare_digest(parts[3], self._mac(parts[2])) else None

    def _mac(self, name: str) -> str:
        mac = hmac.digest(self._key, f"{self._purpose}\x1f{name}".encode(), hashlib.sha256)
        return base64.b32encode(mac).decode().lower()[:_MAC_CHARACTERS]


class ReturnPath(_Mailbox):
    """The return addresses of one installation."""

    _purpose = "return-path"

    def of(self, notice_id: str) -> str:
        """The envelope's sender of this notice's mail, the same at every attempt."""
        return self._address(notice_id.removeprefix(_PREFIX))

    def notice_of(self, address: str) -> str | None:
        """Which notice an address is of; None: it is none of ours."""
        name = self._name(address)
        return _PREFIX + name if name is not None else None


class AnswerPath(_Mailbox):
    """Whom calendars answer: an organiser of its own for each person and session, in every mail about their place the same, because a
    calendar takes changes of an entry from nobody else. Whoever has not been written to knows none."""

    _purpose = "calendar"

    def of(self, session_id: str, person_id: str) -> str:
        return self._address(entry_name(session_id, person_id))

    def entry_of(self, address: str) -> str | None:
        """Which entry an address is of, by its name; None: it is none of ours."""
        return self._name(address)


def entry_name(session_id: str, person_id: str) -> str:
    """What of an address names one person's entry for one session (in SQL: `tables.ENTRY_NAME`). Ids hold no slash, so two different pairs
    never spell the same."""
    return hashlib.sha256(f"{session_id}/{person_id}".encode()).hexdigest()[:_ENTRY_CHARACTERS]


def thread_of(recipient: str, key: str, domain: str) -> str:
    """What all mails to one recipient about one session refer to, so that a mail program shows them together. No mail has this Message-ID."""
    name = hashlib.blake2b(f"{recipient}\x1f{key}".encode(), digest_size=12).hexdigest()
    return f"<thread-{name}@{domain}>"
