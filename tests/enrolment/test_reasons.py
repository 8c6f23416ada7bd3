"""Why a request was refused: every code has a sentence with what to do, in both languages, and integrators read the same."""

from __future__ import annotations

import datetime as dt
import html
from pathlib import Path
from typing import Any

import pytest

from services.notifications.kinds.refusal import is_mailed
from shared.contracts.enrolment import RefusalReason
from shared.contracts.model import Language
from shared.web.pages.kit import Office, Pages

DOCS = Path(__file__).parents[2] / "docs" / "integrators.md"
PAGES = Pages("services.enrolment.pages", Office("Biuro", "biuro@example.org"))
OPENS_AT = dt.datetime(2026, 9, 1, 6, tzinfo=dt.UTC)
HEAD = "| code | mailed | what the person reads | po polsku |"


def sentence(reason: RefusalReason, language: Language, opens_at: dt.datetime | None = OPENS_AT) -> str:
    module: Any = PAGES._environments[language].get_template("reasons.html").module
    return html.unescape(str(module.refused(reason, opens_at))).strip()


def row(reason: RefusalReason) -> str:
    said = (sentence(reason, language) for language in (Language.EN, Language.PL))
    return f"| `{reason}` | {'yes' if is_mailed(reason) else '–'} | {' | '.join(said)} |"


def test_the_table_of_codes_names_every_one_with_what_people_read() -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    begin = lines.index(HEAD) + 2
    assert lines[begin : begin + len(RefusalReason)] == [row(reason) for reason in RefusalReason]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", RefusalReason)
def test_every_reason_says_what_happened_and_what_to_do(reason: RefusalReason, language: Language) -> None:
    for opens_at in (OPENS_AT, None):
        text = sentence(reason, language, opens_at)
        assert text.count(". ") >= 1 or "; " in text, text
    others = [sentence(other, language) for other in RefusalReason if other is not reason]
    assert sentence(reason, language) not in others
