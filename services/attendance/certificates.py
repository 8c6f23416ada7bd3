"""Certificates as rows: which there are, how far each series is numbered, what topics are called. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from services.attendance.state import Session
from shared.contracts.certificates import MOST_SERIAL, CertificateEnds, CertificateFact, CertificateSuperseded
from shared.contracts.model import members
from shared.contracts.rules import TopicDefined
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Derive, Working
from shared.values import immutable

ISSUED_IN = ZoneInfo("Europe/Warsaw")
"""By whose calendar a certificate is dated, and its series begins anew."""

ROOM = 1_000_000
"""So many numbers there have to be behind one that a series goes on from. Behind the last there is none, and whoever has earned a certificate
would be told a fault."""


@immutable
class Topic(FactRow):
    """A training topic's names."""

    KEY: ClassVar = ("rule_id",)

    rule_id: str
    topic: str
    name_pl: str
    name_en: str


@immutable
class Certificate(FactRow):
    """One certificate, by its number. What it said when it was issued stays; whether it is valid does not."""

    KEY: ClassVar = ("number",)

    number: str
    series: str
    serial: int
    session_id: str
    person_id: str
    city_id: str | None
    topic: str | None
    title_pl: str | None
    title_en: str | None
    days: tuple[dt.date, ...]
    minutes: int
    required_minutes: int
    issued_on: dt.date
    code: str | None
    supersedes: str | None
    superseded_by: str | None
    ended: CertificateEnds | None
    """Why it is valid no longer; None: it is."""
    decided_at: dt.datetime

    @property
    def is_valid(self) -> bool:
        return self.ended is None


@immutable
class Series(Row):
    """How far a series is numbered, by whomever: the next certificate has the number after it."""

    KEY: ClassVar = ("series",)

    series: str
    last: int


@immutable
class CertificateRules:
    """What a certificate takes where its session says nothing of it, and how certificates are numbered."""

    percent: int = 80
    """Of the minutes of all meetings of the session."""
    series: str = "RC-{year}"

    def required(self, session: Session) -> int:
        """For how many minutes somebody has to have been there. At least for one."""
        if session.certificate_minutes is not None:
            return session.certificate_minutes
        lasts = sum((one.ends_at - one.starts_at for one in session.meetings), dt.timedelta())
        return max(1, math.ceil(lasts / dt.timedelta(minutes=1) * self.percent / 100))

    def series_of(self, issued_on: dt.date) -> str:
        return self.series.format(year=issued_on.year)

    def number_of(self, series: str, serial: int) -> str:
        return f"{series}-{serial:04d}"


def issued_on(now: dt.datetime) -> dt.date:
    """The date of a certificate that is issued at this moment."""
    return now.astimezone(ISSUED_IN).date()


def topic_of(heard: Heard[TopicDefined]) -> Topic:
    return Topic(*meta(heard), heard.body.rule_id, heard.body.topic, heard.body.name_pl, heard.body.name_en)


def certificate_of(heard: Heard[CertificateFact]) -> Certificate:
    body = heard.body
    ended = body if isinstance(body, CertificateSuperseded) else None
    return Certificate(
        *meta(heard),
        body.number,
        body.series,
        body.serial,
        body.session_id,
        body.person_id,
        body.city_id,
        body.topic,
        body.title_pl,
        body.title_en,
        body.days,
        body.minutes,
        body.required_minutes,
        body.issued_on,
        body.code,
        body.supersedes,
        ended.superseded_by if ended else None,
        ended.reason if ended else None,
        body.decided_at,
    )


def derive_series(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """A series goes on behind the highest number that anybody has stated in it: of those that leave room for more behind them. A certificate
    that ends moves none: it may be of another year's, which nobody has loaded."""
    if isinstance(new, Certificate) and not _keeps_its_place(old, new) and new.serial <= MOST_SERIAL - ROOM:
        known = working[Series].get(new.series)
        if known is None or known.last < new.serial:
            working[Series].put(Series(new.series, new.serial))


def _keeps_its_place(old: FactRow | None, new: Certificate) -> bool:
    return isinstance(old, Certificate) and (old.series, old.serial) == (new.series, new.serial)


MAKE_CERTIFICATES: dict[Any, Any] = {
    TopicDefined: topic_of,
    **dict.fromkeys(members(CertificateFact), certificate_of),
}
DERIVE_SERIES: dict[type[FactRow], Derive] = {Certificate: derive_series}
