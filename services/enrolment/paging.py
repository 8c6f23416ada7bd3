"""Pages of lists that stand in an order of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import Field

from shared.web.asking import MOST_LISTED, Page

L = TypeVar("L")


def part_of(whole: Sequence[L], page: Page, id_of: Callable[[L], str]) -> list[L]:
    """One page of a list that is in an order of its own, which is not that of its ids; nothing after who is not in it."""
    begins = 0
    if page.after:
        begins = next((number for number, one in enumerate(whole, 1) if id_of(one) == page.after), len(whole))
    return list(whole[begins : begins + page.limit])


class LongPage(Page):
    """A part of a list that most people want whole."""

    limit: int = Field(MOST_LISTED, ge=1, le=MOST_LISTED, description="How many at most.")
