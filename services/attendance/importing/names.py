"""Whether two names are of one person: the same words, whatever their order, capitals and accents. Initials are no names. Pure."""

from __future__ import annotations

import re

from shared.alphabet import folded

_BRACKETS = re.compile(r"\s*[(\[（]([^()\[\]（）]*)[)\]）]\s*")
_SIGNS = (
    *("guest", "gosc", "external", "zewnetrzny", "zewnetrzna", "unverified", "niezweryfikowany", "niezweryfikowana"),
    *("host", "co-host", "me", "ja", "gospodarz", "organizer", "organizator", "presenter", "attendee"),
)
"""What programs put behind a name. It says nothing of who that is."""


def plain(text: str) -> str:
    """Small letters without accents, one blank between words."""
    return " ".join(folded(text).split())


def without_signs(text: str) -> tuple[str, str | None]:
    """A name as a report writes it, and what they were called before they renamed themselves: that stands behind it in brackets."""
    text = " ".join(text.split())
    inside = [one for one in _BRACKETS.findall(text) if plain(one) not in _SIGNS and not plain(one).startswith("host,")]
    name = " ".join(_BRACKETS.sub(" ", text).split())
    return name, (inside[-1].strip() or None) if inside and name else None


def words_of(*names: str | None) -> tuple[str, ...]:
    """What names are compared by. Empty: there is nothing to compare, or only initials."""
    words = re.findall(r"[^\W\d_]+", plain(" ".join(one for one in names if one)))
    return () if len(words) < 2 or any(len(one) < 2 for one in words) else tuple(sorted(words))
