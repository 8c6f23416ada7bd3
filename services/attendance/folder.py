"""The bytes of attached files in a folder, which all replicas share."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.attendance.filing import MOST_BYTES, as_attached, name_of, sha256_of
from services.attendance.paths import FILES_AWAY
from shared.problems import Problem
from shared.values import immutable


@immutable
class Folder:
    """The bytes of every file that was attached, as files."""

    root: Path

    async def put(self, session_id: str, content: bytes) -> str:
        return await asyncio.to_thread(self._put, session_id, content)

    async def get(self, session_id: str, sha256: str) -> bytes | None:
        return await asyncio.to_thread(self._get, session_id, sha256)

    async def drop(self, session_id: str, sha256: str) -> None:
        await asyncio.to_thread(self._drop, session_id, sha256)

    def _put(self, session_id: str, content: bytes) -> str:
        sha256 = sha256_of(content)
        path = self._path(session_id, sha256)
        with _reached():
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._get(session_id, sha256) is None:
                _write(path, content)
            where = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(where)
            finally:
                os.close(where)
        return sha256

    def _get(self, session_id: str, sha256: str) -> bytes | None:
        path = self._path(session_id, sha256)
        with _reached():
            try:
                content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
            except FileNotFoundError:
                self.root.stat()  # A folder that is away says nothing of what is in it.
                return None
        return as_attached(content, sha256)

    def _drop(self, session_id: str, sha256: str) -> None:
        with _reached():
            try:
                self._path(session_id, sha256).unlink()
            except FileNotFoundError:
                self.root.stat()  # A folder that is away has deleted nothing.

    def _path(self, session_id: str, sha256: str) -> Path:
        return self.root / name_of(session_id, sha256)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Problem(FILES_AWAY, f"the folder for files: {error.strerror}") from error


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
