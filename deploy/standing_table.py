"""The table of standings in docs/glossary.md, from what each says of itself and from the fact that says it. Written by `make generated`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import getdoc

from shared.contracts.enrolment import FACT_OF, Standing


def _standings() -> Iterator[str]:
    yield "| standing | said by | means | is awaited | takes a seat | waits for one |"
    yield "|---|---|---|---|---|---|"
    for one in Standing:
        said_by, means = _said(one)
        answers = ("yes" if each else "–" for each in (one.has_seat, one.takes_seat, one.waits))
        yield f"| `{one}` | {said_by} | {means} | {' | '.join(answers)} |"


def _said(standing: Standing) -> tuple[str, str]:
    fact = FACT_OF.get(standing)
    if fact is None:
        return "–", "Nothing was ever given here, as to somebody who was only refused."
    return f"`{fact.__name__}`", (getdoc(fact) or "").partition("\n\n")[0].replace("\n", " ")


PARTS: dict[str, dict[str, Callable[[], Iterator[str]]]] = {"docs/glossary.md": {"standings": _standings}}
