"""The weekly digest for the office: how the sessions of the coming two weeks stand, and what waits for somebody.

It leaves on the day and from the hour that the settings name, by Polish clocks, until midnight of that day; what could not leave by then is
dropped, for the next one says all of it anew. It leaves also when nothing stands open, and says so: silence would be that of a mail server,
too. What it says is counted when it leaves.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.figures import (
    FIGURES,
    SESSIONS_AHEAD,
    STANDING_OPEN,
    Figure,
    SessionAhead,
    figures_of,
    session_ahead,
)
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, missed_until
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import DigestMail
from services.notifications.sheets import digest_sheet
from services.notifications.tables import CONTACT, NOW, OFFICE, TOLD, digest, is_told
from services.notifications.templates.wording import OURS
from services.notifications.towns import PROGRAMME_ZONE
from services.notifications.untold import Addressee, Difference, Matter, judged
from shared.contracts.model import Language
from shared.contracts.notifications import DigestTold, Mutable
from shared.values import immutable

NAME = "digest"
DIGEST = "digest"


@immutable
class Weekly(Matter):
    """That a week has begun of which the office has no digest."""

    week: str | None
    """None: it lies so far back that nobody asks for it."""
    ahead: tuple[SessionAhead, ...]
    figures: tuple[Figure, ...]
    rules: Rules

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        """When it leaves. None: the settings want none."""
        if self.week is None or self.rules.digest_day is None:
            return None
        zone = ZoneInfo(PROGRAMME_ZONE)
        day = dt.date.fromisoformat(f"{self.week}-1") + dt.timedelta(days=self.rules.digest_day)
        at = dt.datetime.combine(day, dt.time(self.rules.digest_hour), zone)
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
        return at.astimezone(dt.UTC), midnight.astimezone(dt.UTC)

    @property
    def waits_for(self) -> str | None:
        return None

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        window = self.window
        if window is None or not window[0] <= now < window[1] or (told is not None and told.content == self.week):
            return None
        numbers = {one.name: one.number for one in self.figures}
        says = DigestTold(week=str(self.week), open=numbers, useful_until=window[1])
        return judged(Difference(DIGEST, Content(hash=self.week, says=says)), told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way."""
        end = self.window[1] if self.window is not None else None
        return missed_until(end, self, told, to, now=now, since=since)

    def mail(self, notice: OpenNotice, found: Difference) -> DigestMail:
        if notice.language is None or self.window is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        return DigestMail(DIGEST, notice.language, self.window[0], self.ahead, self.figures)


# --- what it says --------------------------------------------------------------------------


if any(set(OURS.common[language].digest.figures) != set(FIGURES) for language in Language):
    raise ValueError(f"each language has words for these figures: {sorted(FIGURES)}")

# --- the same in SQL -----------------------------------------------------------------------

_back = sa.func.generate_series(0, 1).table_valued(sa.column("weeks", sa.Integer), name="back").render_derived()
_monday = sa.func.date_trunc("week", sa.func.timezone(PROGRAMME_ZONE, NOW)) - sa.func.make_interval(0, 0, _back.c.weeks)


def _moment(days: Any, hours: Any) -> Any:
    local = _monday + sa.func.make_interval(0, 0, 0, days, hours)
    return sa.func.timezone(PROGRAMME_ZONE, local, type_=sa.DateTime(timezone=True))


_day = sa.bindparam("digest_day", type_=sa.Integer)
_hour = sa.bindparam("digest_hour", type_=sa.Integer)
WEEK = sa.select(
    sa.func.to_char(_monday, 'IYYY-"W"IW').label("week"),
    _moment(_day, _hour).label("at"),
    _moment(_day + 1, 0).label("until"),
).select_from(_back).subquery("week")  # fmt: skip
"""This week and the last one, of which something may still be on its way."""
_recipient = sa.literal(OFFICE, sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + WEEK.c.week
_is_now = sa.func.coalesce(sa.and_(WEEK.c.at <= NOW, WEEK.c.until > NOW), sa.false())
WEEKS = Scope(keys=WEEK, recipient=_recipient, key=WEEK.c.week, news={}, soon={})


def _around(weeks: sa.FromClause) -> sa.FromClause:
    return weeks.outerjoin(TOLD, is_told(TOLD, _recipient, _about)).outerjoin(CONTACT, sa.false())


def _read(reading: Reading, rules: Rules) -> Weekly:
    week, ahead, figures = reading.values(3)
    return Weekly(week, tuple(map(session_ahead, ahead)), figures_of(figures), rules)


DIGEST_KIND = Kind(
    name=NAME,
    letters=(DIGEST,),
    scope=WEEKS,
    around=_around,
    about=_about,
    content=WEEK.c.week,
    differs=sa.and_(_is_now, TOLD.c.content.is_distinct_from(WEEK.c.week)),
    waits={},
    unknown={},
    parts=(_is_now,),
    told_by_others=sa.false(),
    made_of=digest(sa.bindparam("office_email", type_=sa.Text()), sessions.RELEASE),
    columns=(WEEK.c.week, SESSIONS_AHEAD, STANDING_OPEN),
    read=_read,
    sheet=digest_sheet,
    concerned_by=frozenset(),
    needed_at=WEEK.c.until,
    may_wait=True,
    mutes=Mutable.DIGESTS,
    to_office=True,
)
