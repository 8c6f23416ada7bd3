"""Tables as files for a spreadsheet: CSV as Polish Excel opens it, and XLSX. Pure: no SQL, no clock.

A text that a spreadsheet would take for a formula is shown as text; numbers stay numbers.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import xlsxwriter

Cell = str | int | float | dt.datetime | dt.date | None
WALL = ZoneInfo("Europe/Warsaw")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text may begin that a spreadsheet, in whatever language, takes for a formula."""


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8 with its mark, so that Excel knows it; `;` between cells and a comma in numbers, as its Polish one expects."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([harmless(one) for one in head])
    writer.writerows([_written(one) for one in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """One sheet, row by row: memory follows the longest row and not how many there are."""
    content = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,  # A name is a name, also one that begins with "=".
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": False,
    }
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet(name)
        bold, moment = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(head) - 1, 18)
        for column, title in enumerate(head):
            sheet.write_string(0, column, title, bold)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                match cell:
                    case None:
                        continue
                    case str():
                        sheet.write_string(number, column, cell)
                    case dt.datetime():
                        sheet.write_datetime(number, column, _wall(cell), moment)
                    case dt.date():
                        sheet.write_datetime(number, column, dt.datetime.combine(cell, dt.time()), day)
                    case _:
                        sheet.write_number(number, column, cell)
    return content.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with an apostrophe before it where one would."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return harmless(cell)
        case dt.datetime():
            return _wall(cell).strftime("%Y-%m-%d %H:%M")
        case dt.date():
            return cell.isoformat()
        case float():
            return f"{cell}".replace(".", ",")
        case _:
            return str(cell)


def _wall(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(WALL).replace(tzinfo=None)
