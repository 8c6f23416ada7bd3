"""What a file is, and where its bytes lie: under a name made of its session and its hash. No name of anybody is in it.

Content decides what a file is: what somebody calls it is only a name. Where the bytes lie is a setting: a folder, or a bucket.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

MOST_BYTES = 20 * 1024 * 1024
"""Twenty pages scanned in colour."""
_BEGINNINGS = (
    (b"%PDF-", "application/pdf", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"II*\x00", "image/tiff", "tiff"),
    (b"MM\x00*", "image/tiff", "tiff"),
)
ENDINGS = {kind: ending for _, kind, ending in _BEGINNINGS} | {"application/json": "json", "text/csv": "csv"}


class Store(Protocol):
    """The bytes of every file that was attached. Problem (FILES_AWAY), from each verb: it cannot be reached, is full, or refuses; then nothing
    is known of what is there."""

    async def put(self, session_id: str, content: bytes) -> str:
        """Keeps these bytes for a session, and says their hash. There as a whole once this returns, whatever happens then, and not at all
        if it does not; kept twice they are there once."""
        ...

    async def get(self, session_id: str, sha256: str) -> bytes | None:
        """The bytes; None: they are not there, or are others by now."""
        ...

    async def drop(self, session_id: str, sha256: str) -> None:
        """Deletes them. What is not there is deleted."""
        ...


def media_type_of(content: bytes) -> str | None:
    """What these bytes are, if it is something that may be attached: a page that cannot do anything."""
    return next((kind for start, kind, _ in _BEGINNINGS if content.startswith(start)), None)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def name_of(session_id: str, sha256: str) -> str:
    """Made of both: an id may hold dots, and what is taken away from one session stays at another."""
    name = sha256_of(f"{session_id}/{sha256}".encode())
    return f"{name[:2]}/{name}"


def as_attached(content: bytes, sha256: str) -> bytes | None:
    """What was read, if it is what was attached."""
    return content if sha256_of(content) == sha256 else None
