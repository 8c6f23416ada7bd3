"""The kit of all pages: its parts escape what they are given, its words are complete, its files are its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jinja2 import Environment

from deploy import texts
from shared.contracts.model import Language
from shared.web.pages.kit import KIT, OF_OTHERS, Office, Pages
from shared.web.pages.words import filters, preferred, translations

OFFICE = Office("Biuro <i>", "biuro@rollcall.example.org")
HOSTILE = "<b>'\"&"
PARTS = """{% import "parts.html" as parts %}
{{ parts.badge(text, "good") }}
{{ parts.heading(text, over=text, state=text) }}
{{ parts.facts([(text, [text, ""]), (text, ["", none])]) }}
{% call parts.notice(text, "bad", text) %}{{ text }}{% endcall %}
{{ parts.notice(text) }}
{{ parts.button_form(text, {text: text}) }}
{% call parts.second_thought(text) %}{{ text }}{% endcall %}
{{ parts.table(text, [text, text], [[text, text], [text, text]]) }}
{{ parts.timeline([(text, text)]) }}
"""


def environment(assets: Path | None = None) -> Environment:
    return Pages("services.enrolment.pages", OFFICE, assets=assets)._environments[Language.PL]


def test_every_part_shows_what_it_is_given_as_text() -> None:
    made = environment().from_string(PARTS).render(text=HOSTILE)
    assert made.count("&lt;b&gt;") == 25 and "<b>" not in made
    assert HOSTILE[3:] not in made  # Nor does a quotation mark end an attribute.


def test_no_template_and_no_stylesheet_holds_anything_inline_or_of_another_site() -> None:
    for folder in texts.folders():
        for file in folder.glob("*.html"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"<style|style=|\son[a-z]+=|javascript:|https?://|\|\s*safe", text), file
    assert "url(" not in (KIT / "pages.css").read_text(encoding="utf-8")


def test_nothing_of_others_is_committed() -> None:
    for file in (script for folder in texts.folders() for script in folder.rglob("*.js")):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert file.name not in OF_OTHERS and lines[0].startswith("/* "), file  # What it is for, as every file says.
        assert len(lines) < 450 and max(map(len, lines)) <= 160, file  # Written by hand, to be read.


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("pl", Language.PL),
        ("en-GB,en;q=0.9", Language.EN),
        ("de,fr;q=0.8", None),
        ("de, en;q=0.3, pl;q=0.7", Language.PL),
        ("en;q=0", None),
        ("en;q=x, pl", Language.PL),
        (",;q=,;;", None),
        ("", None),
        ("x" * 10_000 + ",en", None),
    ],
)
def test_a_browsers_first_language_of_ours_is_taken(accepted: str, language: Language | None) -> None:
    assert preferred(accepted) is language


@pytest.mark.parametrize(
    ("value", "polish", "english"),
    [
        (75.0, "75,0", "75.0"),
        (12345.67, "12\N{NO-BREAK SPACE}345,7", "12,345.7"),
        (12345, "12\N{NO-BREAK SPACE}345", "12,345"),
        (7, "7", "7"),
    ],
)
def test_numbers_are_written_as_a_reader_of_the_language_writes_them(value: float, polish: str, english: str) -> None:
    assert [filters(language)["number"](value) for language in (Language.PL, Language.EN)] == [polish, english]


def test_every_text_is_translated_and_none_is_left_over() -> None:
    for folder in texts.folders():
        assert list(texts.wrong(folder, Language.PL)) == []
        assert texts.renewed(folder, Language.PL) == (folder / "pl.po").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page with two texts, both translated."""
    shutil.copytree(KIT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "*.html", "*.po"))
    (tmp_path / "one.html").write_text(
        '{{ _("Hello %(name)s", name=name) }} {% trans num=n %}One{% pluralize num %}{{ num }} of them{% endtrans %}'
    )
    (tmp_path / "pl.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n#, python-format\nmsgid "Hello %(name)s"\n'
        'msgstr "Witaj %(name)s"\n\n#, python-format\nmsgid "One"\nmsgid_plural "%(num)s of them"\n'
        'msgstr[0] "Jeden"\nmsgstr[1] "%(num)s z nich"\nmsgstr[2] "%(num)s z nich"\n'
    )
    return tmp_path


def edited(folder: Path, before: str, after: str) -> list[str]:
    file = folder / "pl.po"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    return list(texts.wrong(folder, Language.PL))


def test_a_complete_catalogue_is_right(folder: Path) -> None:
    assert edited(folder, "Jeden", "Jedno") == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('msgstr "Witaj %(name)s"', 'msgstr ""', "nothing for 'Hello %(name)s'"),
        ('msgstr[2] "%(num)s z nich"', 'msgstr[2] ""', "nothing for 'One'"),
        ('#, python-format\nmsgid "One"', '#, python-format, fuzzy\nmsgid "One"', "in doubt about 'One'"),
        ("Witaj %(name)s", "Witaj %(nam)s", "'Hello %(name)s': "),
        ('msgid "Hello %(name)s"', 'msgid "Good day %(name)s"', "no template says 'Good day %(name)s'"),
    ],
)
def test_a_text_that_is_missing_doubtful_wrong_or_left_over_is_named(
    folder: Path, before: str, after: str, says: str
) -> None:
    assert any(says in one for one in edited(folder, before, after))


def test_bringing_it_in_step_keeps_what_was_translated(folder: Path) -> None:
    (folder / "one.html").write_text('{{ _("New") }} {{ _("Hello %(name)s", name=name) }}')
    (folder / "pl.po").write_bytes(texts.renewed(folder, Language.PL))
    made = (folder / "pl.po").read_text(encoding="utf-8")
    assert 'msgstr "Witaj %(name)s"' in made and "Jeden" not in made
    assert [one.rpartition(": ")[2] for one in texts.wrong(folder, Language.PL)] == ["nothing for 'New'"]


def test_the_words_of_a_service_go_before_the_kits(tmp_path: Path) -> None:
    (tmp_path / "pl.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Language"\nmsgstr "Mowa"\n'
    )
    found = translations(Language.PL, [tmp_path, KIT])
    assert (found.gettext("Language"), found.gettext("Questions?")) == ("Mowa", "Pytania?")
    assert translations(Language.PL, [KIT]).gettext("Language") == "Język"


def test_htmx_is_loaded_only_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "htmx.min.js").write_text("var htmx;")
    shown: dict[str, Any] = {"language": "pl", "languages": {}, "office": OFFICE, "about": "ours"}
    for folder, scripts in ((tmp_path, 1), (tmp_path / "nowhere", 0), (None, 0)):
        pages = Pages("services.enrolment.pages", OFFICE, assets=folder)
        assets = {name: served for name, (served, _, _) in pages._assets.items()}
        made = pages._environments[Language.PL].get_template("message.html").render(shown | {"assets": assets})
        assert made.count("<script") == scripts and "Biuro &lt;i&gt;" in made


# --- adding one ------------------------------------------------------------------------------

HELLO_PY = """
def add(routes, pages, runtime):
    @routes.get("/hello/{name}")
    async def hello(request: Request, name: str):
        if name == "nobody":
            raise LookupError("a fault of ours")
        return pages.answer(request, "hello.html", pages.language(request), name=name)

    @routes.post("/hello/{name}")
    async def greeted(request: Request, name: str):
        return pages.again(request)
"""
HELLO_HTML = '{% extends "base.html" %}{% block page %}<h1>{{ _("Language") }} {{ name }}</h1>{% endblock %}'


@pytest.fixture
async def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A service with one page, made of two files."""
    package = tmp_path / f"pages_of_{tmp_path.name}"  # A module is loaded once in a process.
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hello.py").write_text("from fastapi import Request\n" + HELLO_PY)
    (package / "hello.html").write_text(HELLO_HTML)
    (package / "pl.po").write_bytes(texts.renewed(tmp_path, Language.PL))
    monkeypatch.syspath_prepend(str(tmp_path))
    app = FastAPI()
    runtime: Any = None
    Pages(package.name, OFFICE).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://greeting") as client:
        yield client


async def test_two_files_are_a_page_with_all_that_the_kit_brings(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/hello/<b>", headers={"Accept-Language": "de"})
    assert page.status_code == 200 and "Język &lt;b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Language" in (await browser.get("/hello/x?lang=en")).text
    done = await browser.post("/hello/x?lang=en")
    assert (done.status_code, done.headers["location"]) == (303, "x?lang=en")
    assert (await browser.post("/hello/x?lang=//evil.example")).headers["location"] == "x"


async def test_what_goes_wrong_on_a_page_is_said_as_a_page(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/hello/nobody")
    assert page.status_code == 500 and "To nasza wina" in page.text and "LookupError" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
