"""The order of the Polish alphabet: what every list that a person reads is sorted by; and what names are compared by where accents do not
count.

Here and not in SQL: the Postgres of `make demo` is built without ICU, whose `pl` this follows, and a binding to ICU brings 40 MB
of data for nine letters. What stands beside letters counts as ICU counts it: spaces and signs first, then digits, then letters;
other accents and capitals only where all else is equal.
"""

from __future__ import annotations

import re
import unicodedata

_LETTERS = "aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż"
_PLACE = {letter: number for number, letter in enumerate(_LETTERS)}
_LIKE = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
"""Letters that Unicode does not take apart."""
_WITHOUT_ACCENT = _LIKE | str.maketrans({"ł": "l"})
_SIGNS = {sign: number for number, sign in enumerate(" _-,;:!?.'’\"()@*/&")}
_SIGN, _DIGIT, _LETTER, _OTHER = range(4)

Key = tuple[list[tuple[int, int]], list[str], str]


def polish(text: str) -> Key:
    """What a text is sorted by: `sorted(names, key=polish)`."""
    letters: list[tuple[int, int]] = []
    accents: list[str] = []
    for given in unicodedata.normalize("NFC", text).casefold():
        for one in given if given in _PLACE else unicodedata.normalize("NFKD", given.translate(_LIKE)):
            if unicodedata.combining(one):
                accents[-1:] = [accents[-1] + one] if accents else [one]
            else:
                letters.append(_weight(one))
                accents.append("")
    return letters, accents, text.swapcase()  # Small letters before capitals.


def folded(text: str) -> str:
    """Small letters without accents: what two texts are compared by of which somebody typed one in a hurry."""
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_WITHOUT_ACCENT)
    return "".join(one for one in apart if not unicodedata.combining(one))


def by_name(family_name: str | None, given_name: str | None, person_id: str) -> tuple[bool, Key, Key, str]:
    """What a person stands by in a list of people: whoever has no name stands last."""
    return family_name is None, polish(family_name or ""), polish(given_name or ""), person_id


def _weight(one: str) -> tuple[int, int]:
    if one in _PLACE:
        return _LETTER, _PLACE[one]
    if one.isdecimal():
        return _DIGIT, unicodedata.decimal(one)
    return (_OTHER if one.isalpha() else _SIGN), _SIGNS.get(one, ord(one))


def is_named(name: str, text: str) -> bool:
    """Whether a text holds this name as words of its own: "ul. Radomska" does not name Radom."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
