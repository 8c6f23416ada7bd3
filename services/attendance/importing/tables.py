"""Bytes of a report to its tables of people: encodings, line ends, signs between columns, sections. Pure: no SQL, no clock."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field

from services.attendance.importing.moments import is_time
from services.attendance.importing.names import plain
from services.attendance.importing.report import Unreadable, Why

MOST_BYTES = 10 * 1024 * 1024
MOST_LINES = 20_000
_SECTION = re.compile(r"^\s*(\d)\.\s+\S")
_NAMES = (
    "name",
    "full name",
    "imie",
    "nazwa",
    "nazwisko",
    "participant name",
    "uczestnik",
    "user name",
    "display name",
)


@dataclass(slots=True)
class Table:
    """Rows under one row of headings."""

    section: int | None
    headings: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """The columns in which times stand."""

    def column(self, words: tuple[str, ...]) -> int | None:
        return next((at for at, one in enumerate(self.headings) if any(word in one for word in words)), None)

    def find_times(self) -> None:
        self.times = [
            at
            for at in range(1, len(self.headings))
            if any(at < len(cells) and is_time(cells[at]) for _, cells in self.rows)
        ]


def lines_of(content: bytes) -> tuple[list[str], str]:
    """The lines, and as what they were read."""
    text, encoding = decoded(content)
    lines = re.split(r"\r\n|\n|\r", text)
    if len(lines) > MOST_LINES:
        raise Unreadable(Why.TOO_LONG, f"it has {len(lines)} lines; the limit is {MOST_LINES}")
    return lines, encoding


def decoded(content: bytes) -> tuple[str, str]:
    """The text, and as what it was read. What some program has saved anew is read as well."""
    if len(content) > MOST_BYTES:
        raise Unreadable(Why.TOO_LONG, f"it has {len(content)} bytes; the limit is {MOST_BYTES}")
    if content.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0")):
        raise Unreadable(Why.NOT_TEXT, "this is a workbook or a PDF: send the CSV file as it was downloaded")
    encoding = _encoding(content)
    try:
        # An odd byte at the end of UTF-16 is what is left of a letter: the file was cut off there.
        text = codecs.getincrementaldecoder(encoding)(errors="strict").decode(content)
    except UnicodeDecodeError:
        encoding = "cp1250"
        text = content.decode(encoding, errors="replace")
    text = text.removeprefix("\ufeff")
    if "\x00" in text or not text.strip():
        raise Unreadable(Why.NOT_TEXT, "this is no text")
    return text, encoding


def _encoding(content: bytes) -> str:
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = content[:2000]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > len(start) // 8 and odd > even:
        return "utf-16-le"
    if even > len(start) // 8:
        return "utf-16-be"
    return "utf-8"


def tables_of(lines: list[str]) -> list[Table]:
    """The tables of people: each begins with a row of headings, the first of which is a name, and goes on until a section or other
    headings begin. An empty line ends none: whoever has saved the file anew may have left one, and behind it people stand all the same."""
    found: list[Table] = []
    section: int | None = None
    table: Table | None = None
    before: Table | None = None
    sign = "\t"
    for number, line in enumerate(lines, 1):
        cells = _cells(line, sign)
        said = [one for one in cells if one]
        if not said or (len(said) == 1 and _SECTION.match(said[0])):
            before, table = table or before, None
            if said:
                before, section = None, int(said[0].lstrip()[0])
            continue
        if table is None:
            its = max("\t,;", key=line.count)
            headings = [plain(one) for one in _cells(line, its)]
            if len(headings) > 1 and headings[0].startswith(_NAMES):
                table, before, sign = Table(section, headings), None, its
                found.append(table)
                continue
            if before is None:
                continue
            table = before
        table.rows.append((number, cells))
    for one in found:
        one.find_times()
    return found


def _cells(line: str, sign: str) -> list[str]:
    """Line by line, so that a quote that nobody closed swallows one line and not the rest of the file."""
    if sign == "\t" and '"' not in line:
        return [one.strip() for one in line.split(sign)]
    try:
        return [one.strip() for one in next(csv.reader([line], delimiter=sign), [])]
    except csv.Error:
        return [line]
