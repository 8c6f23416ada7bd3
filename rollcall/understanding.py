"""What came back from a service or an inbox, as what it says, or as the reason why it says nothing. Pure."""

from __future__ import annotations

from rollcall.books import Books, Mails, equations
from rollcall.open_matters import open_matters


def understood(service: str, said: object) -> tuple[Books | None, str | None]:
    """A service's answer as books, or why it is none: what another version says, or another program in its place, is that
    service's problem and nobody else's."""
    if not isinstance(said, dict):
        return None, "what answers for its books is no object"
    if said.get("service") != service:
        return None, f"{said.get('service') or 'another program'} answers in its place"
    try:
        equations({service: said}, requests_published=0, mails=Mails(0, 0))
        list(open_matters({service: said}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return None, f"its books are those of another version ({type(error).__name__}: {error})"
    return said, None


def mails_of(summary: object) -> Mails:
    """What an inbox says of itself; where it says something else, nothing is known."""
    names = ("accepted", "distinct_message_ids", "without_message_id")
    numbers = [summary.get(name) if isinstance(summary, dict) else None for name in names]
    accepted, distinct, without = (number if isinstance(number, int) else None for number in numbers)
    return Mails(accepted, None if distinct is None or without is None else distinct + without)
