"""The mail to the office that a session is at risk: on its decision day too few people had confirmed.

Each statement of it is told once, while the session takes place and has not begun: what to do about it only the office can decide.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import LASTS, Facts
from services.notifications.ledger import Content, OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.sheets import CHANGED, Office, Sheet, brief
from services.notifications.state import SCHEDULED, Risk, Session
from services.notifications.tables import CONTACT, NOW, OFFICE, RISK, SESSION, SINCE, TOLD, digest, is_told
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference
from shared.contracts.enrolment import SessionAtRisk
from shared.contracts.model import members
from shared.contracts.notifications import RiskTold
from shared.contracts.planner import SessionFact
from shared.values import immutable

NAME = "risk"
AT_RISK = "at_risk"


@immutable
class AtRisk(Once):
    """That fewer people have confirmed than a session needs."""

    risk: Risk
    since: dt.datetime

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.facts.session.starts_at if self.facts.session is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session, risk = self.facts.session, self.risk
        if session is None or session.state != SCHEDULED or now >= session.starts_at or risk.heard_at < self.since:
            return None
        if session.decides_at is not None and risk.decided_at < session.decides_at:
            return None  # It was said of a decision day that was put off since.
        figures = {"minimum": risk.minimum, "confirmed": risk.confirmed, "enrolled": risk.enrolled}
        says = RiskTold(**dict(self.facts.true_now(None).says) | {"of": "risk"} | figures)
        return Difference(AT_RISK, Content(hash=risk.event_id, says=says))

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        risk = self.risk
        figures = (("minimum", risk.minimum), ("confirmed", risk.confirmed), ("enrolled", risk.enrolled))
        return replace(BriefMail.of(self.facts, notice, found), figures=figures)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, AT_RISK)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[AT_RISK], CHANGED)


# --- the same in SQL -----------------------------------------------------------------------

_recipient = sa.literal(OFFICE, sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + RISK.c.session_id
_of_session = RISK.c.session_id == SESSION.c.session_id
_is_ahead = sa.and_(SESSION.c.state == SCHEDULED, SESSION.c.starts_at > NOW)
IS_OF_ITS_DAY = sa.or_(SESSION.c.decides_at.is_(None), RISK.c.decided_at >= SESSION.c.decides_at)
"""Not of a decision day that was put off since: what was said of that says nothing of this one (0065)."""
_content = sa.case((sa.and_(_is_ahead, IS_OF_ITS_DAY), RISK.c.event_id))
RISKS = Scope(
    keys=RISK,
    recipient=_recipient,
    key=RISK.c.session_id,
    news={
        table: sa.select(_recipient.label("recipient"), RISK.c.session_id)
        .join(SESSION, _of_session)
        .where(sessions.is_news(table))
        for table in (RISK, SESSION)
    },
    soon={},
)


def _around(risks: sa.FromClause) -> sa.FromClause:
    """Nobody's contact: the office's address is a setting."""
    return (
        risks.join(SESSION, _of_session)
        .outerjoin(TOLD, is_told(TOLD, _recipient, _about))
        .outerjoin(CONTACT, sa.false())
    )


_columns = (*SESSION.c, sessions.CITY_NAME, *sessions.TOPIC_NAMES)


def _read(reading: Reading, rules: Rules) -> AtRisk:
    risk, session = reading.next(Risk), reading.next(Session)
    city_name, name_pl, name_en = reading.values(3)
    assert risk is not None
    return AtRisk(Facts(None, session, city_name, (name_pl, name_en) if name_pl else None), risk, rules.since)


RISK_KIND = Kind(
    name=NAME,
    letters=(AT_RISK,),
    scope=RISKS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_content.is_not(None), RISK.c.heard_at >= SINCE, TOLD.c.content.is_distinct_from(_content)),
    waits={},
    unknown=sessions.UNKNOWN,
    parts=(LASTS,),
    told_by_others=sa.false(),
    made_of=digest(
        sa.bindparam("office_email", type_=sa.Text()), sessions.CITY_NAME, *sessions.TOPIC_NAMES, sessions.RELEASE
    ),
    columns=(*RISK.c, *_columns),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset({SessionAtRisk, *members(SessionFact)}),
    yields_to=(RISK, SESSION),
    to_office=True,
)
