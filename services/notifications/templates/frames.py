"""The frames of mails: what stands around words and values, as text and as MJML. An installation's own go before ours."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from services.notifications.mime import (
    ITS_PICTURE,
    MUTE_PAGE,
    OTHER_PAGE,
    THEIR_CALENDAR,
    THEIR_CHECK_IN,
    THEIR_PAGE,
    THEIR_TASKS,
)
from services.notifications.picturing import PICTURE

FOLDER = Path(__file__).parent

_TIED = re.compile(r"(?<!\S)([aiouwzAIOUWZ]) ")
"""Polish words of one letter, which never end a line."""
_JOINED = re.compile(r"(?<![\w&#;/@.-])[\w./@-]*[-.][\w./@-]*\w")
_NUMBER = re.compile(r"(?=[^/@]{3,30}$)(?:.*\d.*|.*\.ics)")
"""Such as `RC-2026-0007`, `szkolenie-1.ics` or `10.12.2026`: programs break lines at what joins them. Not so of what is long."""
_ADDRESSES = (THEIR_PAGE, OTHER_PAGE, MUTE_PAGE, THEIR_CHECK_IN, THEIR_CALENDAR, *THEIR_TASKS.values())
_WRITTEN_OUT = {f'href="\\u{{{ord(mark):x}}}"': f'href="{mark}"' for mark in _ADDRESSES}
# Comments off keeps mails small; no fonts: nothing is fetched from anywhere when a mail is opened.
_MJML_OPTIONS = mrml.RenderOptions(disable_comments=True, fonts={})


def unbroken(text: str) -> Markup:
    """A text for HTML whose lines end where a reader would end them: not after a word of one letter, nor inside a number or a file's name."""
    tied = str(escape(_TIED.sub("\\1\u00a0", text)))
    return Markup(_JOINED.sub(_in_one_line, tied))  # noqa: S704  # Escaped above.


def _in_one_line(joined: re.Match[str]) -> str:
    return f'<span style="white-space:nowrap">{joined[0]}</span>' if _NUMBER.match(joined[0]) else joined[0]


def environment_of(folder: Path | None) -> Environment:
    """Frames by name, such as `notice.mjml`. What nobody gives one is an error, and not an empty place in a mail."""
    return _ours() if folder is None else _environment(folder, FOLDER)


@cache
def _ours() -> Environment:
    """Compiled once, for all who write mails."""
    return _environment(FOLDER)


def _environment(*folders: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(enabled_extensions=("mjml",), disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["unbroken"] = unbroken
    return environment


def html_of(mjml: str) -> str:
    """With the marks of what of one person goes there. OSError: it is no MJML."""
    html = mrml.to_html(mjml, None, _MJML_OPTIONS).content
    # mrml writes the mark out where it is an attribute; in a text nobody could write `href="`.
    for written, mark in _WRITTEN_OUT.items():
        html = html.replace(written, mark)
    return html.replace(f'src="{PICTURE}"', f'src="cid:{ITS_PICTURE}"')
