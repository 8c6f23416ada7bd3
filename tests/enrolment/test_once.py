"""What follows from rows alone is worked out once while these stand, and anew for any others."""

from __future__ import annotations

from services.enrolment import once
from services.enrolment.once import of_these_rows
from services.enrolment.state import Line


def test_what_follows_from_the_same_rows_is_worked_out_once() -> None:
    asked = list[Line]()

    @of_these_rows
    def number(line: Line) -> int:
        asked.append(line)
        return line.last_number

    line = Line("session-0001", 7)
    assert [number(line), number(line)] == [7, 7]
    assert asked == [line]


def test_each_row_counts_and_not_the_first_alone() -> None:
    @of_these_rows
    def numbers(line: Line, other: Line | None) -> tuple[int, int | None]:
        return line.last_number, other.last_number if other else None

    line, first, second = (Line(f"session-{n}", n) for n in range(3))
    assert [numbers(line, None), numbers(line, first), numbers(line, second), numbers(line, first)] == [
        (0, None),
        (0, 1),
        (0, 2),
        (0, 1),
    ]


def test_rows_that_are_gone_are_never_taken_for_others() -> None:
    """A row that is forgotten leaves its identity to another one; while something is remembered of it, it stays."""

    @of_these_rows
    def number(line: Line) -> int:
        return line.last_number

    assert [number(Line("session-0001", n)) for n in range(3 * once.MOST)] == list(range(3 * once.MOST))


def test_no_more_is_remembered_than_the_bound() -> None:
    asked = list[int]()

    @of_these_rows
    def number(line: Line) -> int:
        asked.append(line.last_number)
        return line.last_number

    lines = [Line("session-0001", n) for n in range(once.MOST + 1)]
    for line in [*lines, lines[0]]:
        number(line)
    assert asked == [*range(once.MOST + 1), 0]
