"""What an installation says otherwise, in a folder of its own: files named as ours, with only what is another.

All of it is held to ours when the service starts: what would be missed in a mailbox is refused here, with file and line.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.notifications.templates.shown import FORMS, FRAMES
from services.notifications.templates.trying import faults_of_frame
from services.notifications.templates.wording import OUR_FILES, OURS, Wording, stem_of, wording, words_in
from services.notifications.templates.words import names_in
from shared.contracts.model import Language
from shared.values import immutable

Place = tuple[str, ...]
"""Where an entry stands in a file: its tables, and its name."""
OUR_FRAMES = tuple(f"{frame}.{form}" for frame in FRAMES for form in FORMS)
_FREE = ("greeting", "subject")
"""Texts that say enough without what ours fill in."""
_NAMED_BY_OTHERS = ("figures", "fates", "standings")
"""Tables whose entries are called by what they are about."""
_OF_ONE_LANGUAGE = ("locale",)
"""What may be another in one language alone."""
_AT_LINE = re.compile(r"(.*) \(at line (\d+), column \d+\)")


class BrokenWords(ValueError):
    """What an installation says otherwise, and no mail could say so: each fault in a line, with its file and where it stands there."""


@immutable
class Own:
    """One file of an installation's words."""

    file: str
    text: str
    said: Mapping[str, Any]

    @property
    def entries(self) -> dict[Place, Any]:
        return dict(_entries(self.said))

    def fault(self, what: str, place: Place) -> str:
        return f"{self.file}:{line_of(self.text, place)}: {what}"


def wording_of(folder: Path | None) -> Wording:
    """What mails say in this installation. BrokenWords: not with this folder; it names every fault."""
    if folder is None:
        return OURS
    if not folder.is_dir():
        raise BrokenWords(f"{folder} is no folder")
    found, faults = _read(folder)
    if not faults:
        faults = [fault for own in found.values() for fault in _faults_of(own, found)]
    if not faults:
        files = OUR_FILES | {own.file: _merged(OUR_FILES[own.file], own.said) for own in found.values()}
        frames = [frame for frame in OUR_FRAMES if (folder / frame).exists()]
        said = wording(files, folder, _digest(folder, (*found, *frames)))
        faults = [fault for frame in frames for fault in faults_of_frame(said, frame)]
        if not faults:
            return said
    raise BrokenWords("\n".join(f"{folder}/{fault}" for fault in faults))


def _digest(folder: Path, files: Iterable[str]) -> str:
    """Equal for equal files. They are small, and were just read."""
    return hashlib.sha256(repr([(file, (folder / file).read_bytes()) for file in files]).encode()).hexdigest()[:8]


def line_of(text: str, place: Place) -> int:
    """Where this entry begins, or what of it is there. As TOML reads it: it is there from a line on, and what stands before was whole."""
    lines, begins = text.splitlines(), 1
    for number in range(1, len(lines) + 1):
        try:
            read = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:  # In the middle of an entry of several lines.
            continue
        if _is_there(read, place):
            return begins
        begins = number + 1
    return 1


def _is_there(said: Any, place: Place) -> bool:
    """What is no table has no entries: it is there as a whole."""
    return not place or not isinstance(said, dict) or (place[0] in said and _is_there(said[place[0]], place[1:]))


# --- reading -------------------------------------------------------------------------------


def _read(folder: Path) -> tuple[dict[str, Own], list[str]]:
    found, faults = {}, []
    for file in sorted(folder.iterdir()):
        if file.name.startswith("."):  # What belongs to whoever mounts it.
            continue
        if file.name not in OUR_FILES and file.name not in OUR_FRAMES:
            faults.append(f"{file.name}: no mail reads such a file; there are {', '.join((*OUR_FILES, *OUR_FRAMES))}")
        elif file.name in OUR_FILES:
            try:
                text = file.read_text("utf-8")
                found[file.name] = Own(file.name, text, tomllib.loads(text))
            except tomllib.TOMLDecodeError as error:
                said = _AT_LINE.fullmatch(str(error))
                faults.append(f"{file.name}:{said[2]}: {said[1]}" if said else f"{file.name}: {error}")
            except (OSError, UnicodeError) as error:
                faults.append(f"{file.name}: {error}")
    return found, faults


def _merged(ours: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Ours, but for what is said otherwise."""
    both = {
        name: _merged(ours[name], said) if _are_tables(ours.get(name), said) else said for name, said in own.items()
    }
    return {**ours, **both}


def _are_tables(*values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


def _entries(said: Mapping[str, Any], before: Place = ()) -> Iterator[tuple[Place, Any]]:
    for name, value in said.items():
        place = (*before, name)
        if isinstance(value, dict):
            yield from _entries(value, place)
        else:
            yield place, value


# --- judging -------------------------------------------------------------------------------


def _faults_of(own: Own, found: Mapping[str, Own]) -> Iterator[str]:
    unknown = [place for place in own.entries if not _may_be_said(own, place)]
    for place in unknown:
        yield own.fault(f"{'.'.join(place)} is not known", place)
    if unknown:
        return
    try:
        words_in(own.file, _merged(OUR_FILES[own.file], own.said))
    except ValidationError as error:
        for one in error.errors():
            place = tuple(str(part) for part in one["loc"])
            what = "is not known" if one["type"] == "extra_forbidden" else f"– {one['msg']}"
            yield own.fault(f"{'.'.join(place)} {what}", place)
        return
    ours = dict(_entries(OUR_FILES[own.file]))
    for place, said in own.entries.items():
        for fault in _held_to(ours.get(place), said, place):
            yield own.fault(f"{'.'.join(place)} {fault}", place)
    yield from _not_in_every_language(own, found)


def _may_be_said(own: Own, place: Place) -> bool:
    """Whether a table has an entry of this name. Of tables whose entries have names of their own the rest is asked by their models."""
    said: Any = OUR_FILES[own.file]
    of_kind = bool(stem_of(own.file)[0])
    for depth, name in enumerate(place):
        named_by_others = (of_kind and depth == 0) or (depth > 0 and place[depth - 1] in _NAMED_BY_OTHERS)
        if named_by_others and name not in (said or {}):
            return False
        said = said.get(name) if isinstance(said, dict) else None
    return True


def _held_to(ours: Any, said: Any, place: Place) -> Iterator[str]:
    """What it lacks beside ours, or says too much."""
    filled_in, known = _names_in(said), _names_in(ours)
    for name in sorted(filled_in - known):
        yield f"names {{{name}}}, and nothing fills that in; there is {_listed(known)}"
    if place[-1] not in _FREE:
        for name in sorted(known - filled_in):
            yield f"lacks {{{name}}}"


def _names_in(said: Any) -> set[str]:
    texts = [said] if isinstance(said, str) else said or ()
    return {name for text in texts for name in names_in(text)}


def _listed(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "nothing to fill in"


def _not_in_every_language(own: Own, found: Mapping[str, Own]) -> Iterator[str]:
    """Half of its readers would be told otherwise than the other half."""
    kind, language = stem_of(own.file)
    for other in Language:
        file = f"{kind}.{other}.toml".removeprefix(".")
        said = found[file].entries if file in found else {}
        for place in own.entries:
            if other != language and place not in said and place[-1] not in _OF_ONE_LANGUAGE:
                yield own.fault(f"{'.'.join(place)} is said otherwise in {language}, and {file} lacks it", place)
