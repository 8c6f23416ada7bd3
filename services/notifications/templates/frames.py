"""The frames of mails: what stands around words and values, as text and as MJML. An installation's own go before ours."""

from __future__ import annotations

import re
from pathlib import Path

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from services.notifications.mime import ITS_PICTURE, MUTE_PAGE, THEIR_CHECK_IN, THEIR_PAGE, THEIR_TASKS
from services.notifications.picturing import PICTURE

FOLDER = Path(__file__).parent

_TIED = re.compile(r"(?<!\S)([aiouwzAIOUWZ]) ")
"""Polish words of one letter, which never end a line."""
_FILE_NAME = re.compile(r"[a-z]+(?:-\d+)?\.ics")
_ADDRESSES = (THEIR_PAGE, MUTE_PAGE, THEIR_CHECK_IN, *THEIR_TASKS.values())
_WRITTEN_OUT = {f'href="\\u{{{ord(mark):x}}}"': f'href="{mark}"' for mark in _ADDRESSES}
# Comments off keeps mails small; no fonts: nothing is fetched from anywhere when a mail is opened.
_MJML_OPTIONS = mrml.RenderOptions(disable_comments=True, fonts={})


def unbroken(text: str) -> Markup:
    """A text for HTML whose lines end where a reader would end them: not after a word of one letter, nor inside a file's name."""
    tied = str(escape(_TIED.sub("\\1\u00a0", text)))
    return Markup(_FILE_NAME.sub(r'<span style="white-space:nowrap">\g<0></span>', tied))  # noqa: S704  # Escaped above.


def environment_of(folder: Path | None) -> Environment:
    """Frames by name, such as `notice.mjml`. What nobody gives one is an error, and not an empty place in a mail."""
    environment = Environment(
        loader=FileSystemLoader([folder, FOLDER] if folder is not None else FOLDER),
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
