"""All that mails say, by what says it: our words, and those that an installation says otherwise. It holds no sentence itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from services.notifications.templates.frames import FOLDER
from services.notifications.templates.words import Notice, Words
from shared.contracts.model import Language
from shared.values import immutable

_KIND: TypeAdapter[dict[str, Notice]] = TypeAdapter(dict[str, Notice])


@immutable
class Wording:
    """The words of all mails, and the folder whose frames go before ours."""

    common: Mapping[Language, Words]
    kinds: Mapping[str, Mapping[Language, Mapping[str, Notice]]]
    folder: Path | None = None
    digest: str = ""
    """Of all that is said otherwise."""


class Notices:
    """The words of one kind's mails, whoever says them."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def of(self, wording: Wording, language: Language) -> Mapping[str, Notice]:
        """By situation."""
        return wording.kinds[self._kind][language]


def notices_of(kind: str, *names: str) -> Notices:
    """The words of a kind, from `<kind>.<language>.toml`: exactly these situations, in every language."""
    for language in Language:
        said = OURS.kinds[kind][language]
        if set(said) != set(names):
            raise ValueError(f"{kind}.{language}.toml says {sorted(said)}, and not {sorted(names)}")
    return Notices(kind)


def stem_of(file: str) -> tuple[str, Language]:
    """Of which kind, and in which language: `("offer", PL)` of `offer.pl.toml`, `("", PL)` of `pl.toml`."""
    *kind, language, _ = file.split(".")
    return "".join(kind), Language(language)


def words_in(file: str, said: Mapping[str, Any]) -> Words | dict[str, Notice]:
    """ValidationError: a word is missing, unknown, or not one."""
    return _KIND.validate_python(said) if stem_of(file)[0] else Words.model_validate(said)


def wording(files: Mapping[str, Mapping[str, Any]], folder: Path | None = None, digest: str = "") -> Wording:
    """Of words by their file."""
    common: dict[Language, Words] = {}
    kinds: dict[str, dict[Language, dict[str, Notice]]] = {}
    for file, said in files.items():
        (kind, language), words = stem_of(file), words_in(file, said)
        if isinstance(words, Words):
            common[language] = words
        else:
            kinds.setdefault(kind, {})[language] = words
    return Wording(common, kinds, folder, digest)


OUR_FILES = {file.name: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
OURS = wording(OUR_FILES)
"""Read once: a word of ours that is missing or unknown is noticed by whoever imports this, and not when a mail is due."""
