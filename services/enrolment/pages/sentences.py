"""What the lines of a chain say in each language: from the same templates and codes as the pages."""

from __future__ import annotations

import datetime as dt
import functools
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.enrolment.eligibility import may_ask
from services.enrolment.fates import Verdict
from services.enrolment.why import Step
from shared.contracts.enrolment import EnrolmentRefused, EnrolmentWithdrawn, WithdrawalReason, standing_after
from shared.contracts.model import Language
from shared.contracts.planner import SessionFact, gives_until, session_standing_after
from shared.contracts.selection import outcome_after
from shared.web.pages.kit import KIT, environment

_HERE = Path(__file__).parent


@functools.cache
def _template(language: Language) -> Any:
    made = environment(language, (_HERE, KIT))
    made.globals["outcome"] = lambda body: outcome_after(body).value
    made.globals["may_ask"] = _may_ask
    return made.get_template("why.html").module


def line(step: Step, towns: Mapping[str, str], steps: Sequence[Step]) -> dict[str, str]:
    """The sentence of one line of the chain, by language."""
    by = step, _town(step.city_id, towns), _stated(step, steps), _announced_at(steps)
    return {one.value: _text(_template(one).line(*by)) for one in Language}


def verdict(found: Verdict, towns: Mapping[str, str]) -> dict[str, str]:
    """How it stood, by language."""
    return {one.value: _text(_template(one).verdict(found, _town(found.city_id, towns), None)) for one in Language}


def _stated(step: Step, steps: Sequence[Step]) -> SessionFact | None:
    """The statement of the session that something was decided by; where that is not said, the newest known then."""
    stated = [one for one in steps if one.what.value.startswith("session_") and one.heard_at <= step.heard_at]
    by = [one for one in stated if (one.event_id, one.version) == (step.statement, step.statement_version)]
    newest = (by or stated)[-1:]
    return newest[0].body if newest else None


def _announced_at(steps: Sequence[Step]) -> dt.datetime | None:
    """When the session was first heard of: a draft announces nothing."""
    stated = (one for one in steps if one.what.value.startswith("session_"))
    return min((one.heard_at for one in stated if session_standing_after(one.body).takes_place), default=None)


def _town(city_id: str | None, towns: Mapping[str, str]) -> str:
    return towns.get(city_id, city_id) if city_id else "–"


def _may_ask(
    place: EnrolmentWithdrawn | EnrolmentRefused, session: SessionFact | None, announced_at: dt.datetime | None
) -> bool:
    """Whether the person reads that they may ask, or ask again, as the session was when that was said of them, and by when it was first heard
    of."""
    if session is None or announced_at is None:
        return True
    reason = place.withdrawn_for if isinstance(place, EnrolmentRefused) else place.reason
    if reason is None or standing_after(place).is_active:  # As their page takes it: once they have given it back.
        reason = WithdrawalReason.REQUESTED
    until = gives_until(session.starts_at, session.ends_at, session.terms.freeze_hours, announced_at)
    return may_ask(session.terms, session.kind, place, reason, place.decided_at, until=until)


def _text(rendered: object) -> str:
    return " ".join(html.unescape(str(rendered)).split())
