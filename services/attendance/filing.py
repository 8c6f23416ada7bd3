"""Where the bytes of files lie: in a folder, each under a name made of its session and its hash. No name of anybody is in it.

Content decides what a file is: what somebody calls it is only a name.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from shared.values import immutable

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


def media_type_of(content: bytes) -> str | None:
    """What these bytes are, if it is something that may be attached: a page that cannot do anything."""
    return next((kind for start, kind, _ in _BEGINNINGS if content.startswith(start)), None)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@immutable
class Folder:
    """The bytes of every file that was attached."""

    root: Path

    def put(self, session_id: str, content: bytes) -> str:
        """Keeps these bytes for a session, and says their hash. There once this returns, whatever happens then; kept twice they are
        there once. OSError: they cannot be kept."""
        sha256 = sha256_of(content)
        path = self._path(session_id, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.get(session_id, sha256) is None:
            _write(path, content)
        where = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(where)
        finally:
            os.close(where)
        return sha256

    def get(self, session_id: str, sha256: str) -> bytes | None:
        """The bytes; None: they are not there, or are others by now."""
        try:
            content = self._path(session_id, sha256).read_bytes()
        except FileNotFoundError:
            return None
        return content if sha256_of(content) == sha256 else None

    def drop(self, session_id: str, sha256: str) -> None:
        self._path(session_id, sha256).unlink(missing_ok=True)

    def _path(self, session_id: str, sha256: str) -> Path:
        """Made of both: an id may hold dots, and what is taken away from one session stays at another."""
        name = sha256_of(f"{session_id}/{sha256}".encode())
        return self.root / name[:2] / name


def _write(path: Path, content: bytes) -> None:
    """All of it under this name, or nothing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as half:
        try:
            half.write(content)
            half.flush()
            os.fsync(half.fileno())
            Path(half.name).replace(path)
        finally:  # Once it has its name, there is none of this one.
            Path(half.name).unlink(missing_ok=True)
