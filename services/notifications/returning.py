"""The way back of a mail that could not be delivered: an address of its own for each notice, which nobody else can make. Pure.

`bounce+<notice>-<mac>@domain` (VERP): whatever comes back there is about that notice, however the server that returns it words it. Who does not
have our key makes none that is believed; so a bounce for a mail that we never sent is nothing, whoever sends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_PREFIX = "notice-"
_MAC_CHARACTERS = 16
"""80 bits: what can be tried against a listener of ours, one at a time."""
_PARTS = re.compile(r"([^+@]+)\+([a-z0-9._:-]{1,40})-([a-z2-7]{16})@([^@]+)")
LONGEST_LOCAL = 10
"""With a notice's id and a MAC a local part has 64 characters at most (RFC 5321)."""


class ReturnPath:
    """Makes and knows the return addresses of one installation, under the key of its database."""

    def __init__(self, mailbox: str, key: str) -> None:
        """`mailbox`: such as `bounce@rollcall.example.org`."""
        self._local, _, self._domain = mailbox.lower().rpartition("@")
        self._key = key.encode()

    def of(self, notice_id: str) -> str:
        """The envelope's sender of this notice's mail, the same at every attempt."""
        name = notice_id.removeprefix(_PREFIX)
        return f"{self._local}+{name}-{self._mac(name)}@{self._domain}"

    def notice_of(self, address: str) -> str | None:
        """Which notice an address is of; None: it is none of ours. Servers on the way may have written it in capitals."""
        parts = _PARTS.fullmatch(address.lower())
        if parts is None or (parts[1], parts[4]) != (self._local, self._domain):
            return None
        return _PREFIX + parts[2] if hmac.compare_digest(parts[3], self._mac(parts[2])) else None

    def _mac(self, name: str) -> str:
        mac = hmac.digest(self._key, f"return-path\x1f{name}".encode(), hashlib.sha256)
        return base64.b32encode(mac).decode().lower()[:_MAC_CHARACTERS]


def thread_of(recipient: str, key: str, domain: str) -> str:
    """What all mails to one recipient about one session refer to, so that a mail program shows them together. No mail has this Message-ID."""
    name = hashlib.blake2b(f"{recipient}\x1f{key}".encode(), digest_size=12).hexdigest()
    return f"<thread-{name}@{domain}>"
