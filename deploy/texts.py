"""What pages say in other languages than their templates: written from the templates, and held to them in `make check`.

`python -m deploy.texts write` puts new texts into the catalogues and takes out what no template says any more; `check` refuses a text
that is missing, empty or marked as doubtful, and one whose placeholders differ from the original's.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from shared.contracts.model import Language
from shared.web.pages.words import SOURCE

ROOT = Path(__file__).resolve().parents[1]
METHODS = [("**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
WIDTH = 120


def folders(root: Path = ROOT) -> list[Path]:
    """Every folder with templates of pages: the kit's, and each service's."""
    return [root / "shared" / "web" / "pages", *sorted(root.glob("services/*/pages"))]


def said(folder: Path) -> Catalog:
    """Every text that the templates of this folder say, with where."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    for name, _line, text, comments, context in extract_from_dir(folder, METHODS, OPTIONS):
        catalog.add(text, None, [(name, 0)], auto_comments=comments, context=context)
    return catalog


def translated(folder: Path, language: Language) -> Catalog:
    file = folder / f"{language}.po"
    if not file.is_file():
        return Catalog(locale=language, charset="utf-8", fuzzy=False)
    with file.open("rb") as content:
        return read_po(content, locale=language)


def renewed(folder: Path, language: Language) -> bytes:
    """The catalogue with exactly the texts that the templates say, in their order; what it had for them is kept."""
    known, made = translated(folder, language), Catalog(locale=language, charset="utf-8", fuzzy=False)
    for message in _messages(said(folder)):
        old = known.get(message.id, message.context)
        files = [(name, 0) for name, _ in message.locations]
        flags = {"fuzzy"} & set(old.flags if old else ())
        made.add(message.id, old.string if old else None, files, flags, context=message.context)
    content = io.BytesIO()
    write_po(content, made, width=WIDTH, sort_by_file=True, omit_header=True, include_lineno=False)
    header = (
        "# What these pages say in another language. `make texts` keeps it in step; a person fills in `msgstr`.\n"
        f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {made.plural_forms}\\n"\n\n'
    )
    return header.encode() + content.getvalue()


def wrong(folder: Path, language: Language) -> Iterator[str]:
    """A sentence for each text that the catalogue lacks, or has and should not."""
    known = translated(folder, language)
    where = f"{folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}/{language}.po"
    wanted = said(folder)
    for message in _messages(wanted):
        found = known.get(message.id, message.context)
        text = message.id if isinstance(message.id, str) else message.id[0]
        if found is None or not _is_filled(found):
            yield f"{where}: nothing for {text!r}"
        elif found.fuzzy:
            yield f"{where}: in doubt about {text!r}"
        else:
            yield from (f"{where}: {text!r}: {error}" for error in _errors(found, known))
    for message in _messages(known):
        if wanted.get(message.id, message.context) is None:
            yield f"{where}: no template says {message.id!r}"


def _messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def _is_filled(message: Message) -> bool:
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return bool(strings) and all(strings)


def _errors(message: Message, catalog: Catalog) -> list[TranslationError]:
    # Without the flag Babel looks at no placeholders; newstyle gettext always fills them in.
    checked = Message(message.id, message.string, flags={"python-format"} if message.python_format else set())
    return list(checked.check(catalog))


def main(action: str) -> int:
    """Returns 0 when every catalogue is complete; `write` brings them in step first."""
    languages = [language for language in Language if language is not SOURCE]
    if action == "write":
        for folder in folders():
            for language in languages:
                (folder / f"{language}.po").write_bytes(renewed(folder, language))
    sentences = [one for folder in folders() for language in languages for one in wrong(folder, language)]
    for one in sentences:
        print(one, file=sys.stderr)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
