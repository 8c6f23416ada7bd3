"""What the office is told of a session that too few people have confirmed for, and where."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.notifications.kinds.risk import AT_RISK, AtRisk
from services.notifications.ledger import Told, told_after
from services.notifications.settings import NotificationsSettings
from services.notifications.state import CANCELLED, Session, risk_of
from services.notifications.untold import Difference, office_at
from shared.contracts.enrolment import SessionAtRisk
from shared.contracts.model import Language
from shared.contracts.notifications import RiskTold
from shared.testing import body_of, eventually, heard
from tests.notifications.building import LONG_AGO, NOW, content, facts, meeting, notice, risk, session, topic, town
from tests.notifications.mails import body, brief_mail, received
from tests.notifications.office import Office

TO = office_at("biuro@example.org", "Biuro", Language.PL)


def at_risk(its_session: Session | None = None, *, since: dt.datetime = LONG_AGO) -> AtRisk:
    return AtRisk(replace(facts(its_session=its_session), place=None), risk(), since)


def differs(its: AtRisk, told: Told | None = None) -> Difference | None:
    return its.difference(told, TO, now=NOW)


def test_it_is_of_its_day_by_the_clock_of_whoever_decided_it() -> None:
    its = at_risk(session(decides_at=NOW - dt.timedelta(hours=1)))
    late = replace(its.risk, heard_at=NOW - dt.timedelta(hours=1, seconds=1), decided_at=NOW - dt.timedelta(hours=1))
    assert differs(replace(its, risk=late)) is not None


def test_the_office_is_told_once_how_many_have_confirmed_and_how_many_are_needed() -> None:
    found = differs(at_risk())
    assert found is not None
    assert isinstance(found.says.says, RiskTold)
    figures = (found.says.says.minimum, found.says.says.confirmed, found.says.says.enrolled)
    assert (found.letter, figures) == (AT_RISK, (12, 9, 14))
    told = told_after(None, notice(about="risk/session-1", said=content().model_copy(update={"hash": "event-2"})))
    assert differs(at_risk(), told) is None
    assert differs(replace(at_risk(), risk=risk(event_id="event-3")), told) is not None


@pytest.mark.parametrize(
    "its_session",
    [
        session(state=CANCELLED),
        session(meeting("2026-11-20T08:00", "2026-11-20T15:00")),
        session(decides_at=NOW + dt.timedelta(days=1)),
    ],
    ids=["cancelled", "begun", "another decision day is still to come"],
)
def test_where_there_is_nothing_to_decide_the_office_is_told_of_no_risk(its_session: Session) -> None:
    assert differs(at_risk(its_session)) is None


def test_a_risk_of_before_go_live_was_told_by_others() -> None:
    assert differs(at_risk(since=NOW)) is None


def test_the_office_needs_no_contact_that_anybody_states() -> None:
    settings = NotificationsSettings(database_url="postgresql://x", office_email="decyzje@example.org")  # type: ignore[arg-type]
    to = settings.rules.office
    assert to is not None
    assert (to.waits_for, to.is_unreachable) == (None, False)
    assert to.contact is not None
    assert to.contact.email == "decyzje@example.org"
    other = NotificationsSettings(database_url="postgresql://x")  # type: ignore[arg-type]
    assert other.rules.office is not None
    assert other.rules.office.contact is not None
    assert other.rules.office.contact.email == other.organiser


def test_the_row_says_what_the_fact_said() -> None:
    row = risk_of(heard(body_of(SessionAtRisk)))
    assert (row.minimum, row.confirmed, row.enrolled) == (12, 9, 14)


async def test_a_session_at_risk_reaches_the_office_and_is_told_in_the_ledger_under_its_name(office: Office) -> None:
    office.settings.office_email = "decyzje@example.org"
    async with office.server.listening():
        async with office.sending():
            await office.hears(town(), topic(), session(), risk())
            await eventually(lambda: office.server.mails)
            await office.has_looked()
    assert [(to, kind) for to, kind, _ in office.server.mails] == [("decyzje@example.org", AT_RISK)]
    async with office.engine.connect() as connection:
        found = await connection.execute(sa.text("select recipient, about from projection.told"))
        assert [tuple(row) for row in found] == [("office", "risk/session-1")]
    assert (await office.books())["told_is_true"]


@pytest.mark.parametrize("language", Language)
def test_the_mail_to_the_office_shows_the_figures_and_nobodys_name(language: Language) -> None:
    figures = (("minimum", 12), ("confirmed", 9), ("enrolled", 14))
    text = body(received(brief_mail(AT_RISK, language, figures=figures)), "plain")
    label = {Language.PL: "Potrzeba potwierdzeń: 12", Language.EN: "Needed: 12"}[language]
    assert label in text
    assert "Wiśniewska" not in text
