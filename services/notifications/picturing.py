"""A ticket as a picture that travels with its mail: nothing is fetched from anywhere when the mail is opened. Pure."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from zxingcpp import BarcodeFormat, create_barcode

PICTURE = "the-ticket"
"""How the template names it; each mail has a name of its own for it."""
_MASK = 3
"""Any of the eight reads alike; looking for the best of them takes six times as long as all the rest."""
_PIXELS = 4
"""A side of a module: one hexadecimal digit of a row."""
_DIGITS = bytes.maketrans(b"\x00\xff", b"0f")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AS_IT_IS, _AS_ABOVE = b"\x00", b"\x02"


def pictured(ticket: str) -> bytes:
    """The ticket's QR code as PNG: the same for the same ticket."""
    image: Any = create_barcode(ticket, BarcodeFormat.QRCode, ec_level="L", data_mask=_MASK).to_image()
    modules, side = bytes(image), image.shape[0]  # A buffer, of which its stub does not speak.
    rows = [modules[begin : begin + side] for begin in range(0, side * side, side)]
    return _png(rows, side * _PIXELS)


def _png(rows: list[bytes], side: int) -> bytes:
    """Of rows of modules, black and white, one bit a pixel."""
    half = b"0" * (len(rows) % 2)
    same = (_AS_ABOVE + bytes((side + 7) // 8)) * (_PIXELS - 1)
    drawn = b"".join(_AS_IT_IS + bytes.fromhex((row.translate(_DIGITS) + half).decode()) + same for row in rows)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(drawn, 1)), (b"IEND", b"")
    return _SIGNATURE + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
