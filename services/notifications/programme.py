"""Whose programme it is, as the foot of every mail says: the project's number, who pays, who takes part, and their logos. Pure."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

from services.notifications.mime import one_line
from shared.values import immutable

MOST_BYTES = 100_000
"""Of all logos together: they travel with every mail."""
MOST_LOGOS = 8
_HIGH, _WIDE = 48, 536
"""As logos are shown at the most, in pixels of CSS: next to each other in a card of 600."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")


@immutable
class Logo:
    """A picture, as it is shown."""

    content: bytes
    shows: str
    """Read aloud to whoever does not see it."""
    width: int
    height: int

    @property
    def content_id(self) -> str:
        """Of what it is: the same picture in any mail."""
        return f"logo.{hashlib.sha256(self.content).hexdigest()[:16]}@rollcall"

    @property
    def source(self) -> str:
        return f"cid:{self.content_id}"


@immutable
class Programme:
    """What stands there, as far as there is anything."""

    project: str | None = None
    funding: str | None = None
    partners: tuple[str, ...] = ()
    logos: tuple[Logo, ...] = ()

    @property
    def digest(self) -> str:
        """Of all of it."""
        said = [self.project, self.funding, self.partners, [(logo.content_id, logo.shows) for logo in self.logos]]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:8]


NOBODYS = Programme()


def programme_of(project: str | None, funding: str | None, partners: Iterable[str], logos: Sequence[Logo]) -> Programme:
    """ValueError: no mail could carry it."""
    if len(logos) > MOST_LOGOS or sum(len(logo.content) for logo in logos) > MOST_BYTES:
        raise ValueError(f"logos travel with every mail: at most {MOST_LOGOS}, of {MOST_BYTES} bytes together")
    return Programme(
        project=one_line(project) if project else None,
        funding=one_line(funding) if funding else None,
        partners=tuple(map(_said, partners)),
        logos=tuple(logos),
    )


def logo_of(content: bytes, shows: str) -> Logo:
    """ValueError: it is no whole PNG, the one format that every mail program shows, or nobody knows what it shows."""
    width, height = _size_of(content)
    scale = min(1.0, _HIGH / height, _WIDE / width)
    return Logo(content, _said(shows), max(1, round(width * scale)), max(1, round(height * scale)))


def _said(text: str) -> str:
    line = one_line(text)
    if not line:
        raise ValueError("a partner's name, or what a logo shows, is missing")
    return line


def _size_of(content: bytes) -> tuple[int, int]:
    """Width and height, in its own pixels."""
    if not content.startswith(_SIGNATURE):
        raise ValueError("it is no PNG")
    chunks = list(_chunks(content))
    if not chunks or chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND" or len(chunks[0][1]) != 13:
        raise ValueError("it is not a whole PNG")
    width, height = struct.unpack(">II", chunks[0][1][:8])
    if not width or not height:
        raise ValueError("it is a PNG of nothing")
    return width, height


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(content):
        if at + _CHUNK.size > len(content):
            raise ValueError("it is a PNG that was cut off")
        length, name = _CHUNK.unpack_from(content, at)
        body, at = content[at + 8 : at + 8 + length], at + 12 + length
        if content[at - 4 : at] != struct.pack(">I", zlib.crc32(name + body)):
            raise ValueError("it is a PNG that was cut off or damaged")
        yield name, body
