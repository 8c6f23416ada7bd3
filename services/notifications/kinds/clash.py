"""The mail to somebody who has places in two trainings at the same time of day: which, and how to give one of them back.

Told once each time that it comes about, and nothing when it goes: whoever gave a place back hears of that, and of a training that moved
away. It waits until both places were told as they are: nobody hears of a clash with a place that they have not heard of.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import pairs, sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import Once, missed_until
from services.notifications.kinds.pairs import OTHER_PLACE, OTHER_SESSION, OTHER_SETTLED
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CHANGED, Office, Sheet, brief
from services.notifications.tables import (
    CONTACT,
    NOW,
    OPEN,
    PLACE,
    PLACE_SAID,
    SESSION,
    SETTLED,
    SINCE,
    TOLD,
    digest,
    is_told,
)
from services.notifications.templates.wording import notices_of
from services.notifications.untold import (
    ANOTHER_MAIL,
    ENROLMENT,
    Addressee,
    Difference,
)
from shared.contracts.enrolment import SEATED
from shared.contracts.model import Language
from shared.values import immutable

NAME = "clash"
CLASH = "clash"


@immutable
class Known:
    """What somebody was told of one of the two places."""

    told: Told | None
    had_before: bool
    """Whether they had it at go-live: others told them."""

    def is_as(self, facts: Facts) -> bool:
        """Whether they were told of it as it is."""
        if self.told is None or self.told.said is None:
            return self.had_before
        return facts.session is not None and self.told.content == facts.session.content


@immutable
class Clash(Once):
    """That a person has two places at the same time of day."""

    other: Facts
    since: int
    """Which time it is."""
    began_at: dt.datetime
    """When it was first heard."""
    known: tuple[Known, Known]
    other_is_open: bool
    """Whether a mail about one of the places is on its way to them."""
    go_live: dt.datetime

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for or self.other.waits_for

    @property
    def ends_at(self) -> dt.datetime | None:
        return pairs.begins_at(self.facts, self.other)

    @property
    def has_both(self) -> bool:
        one, other = self.facts, self.other
        if one.place is None or other.place is None:
            return False
        have = one.stands(SEATED) and other.stands(SEATED)
        say = other.place.session_id in one.place.clashes_with and one.place.session_id in other.place.clashes_with
        return have and say

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        end = self.ends_at
        if end is None or now >= end or not self.has_both or self.began_at < self.go_live:
            return None
        return Difference(CLASH, pairs.told_of(self.facts, self.other, str(self.since)), waits_for=self._first)

    @property
    def _first(self) -> str | None:
        if not (self.facts.settled and self.other.settled):
            return ENROLMENT
        of_each = zip(self.known, (self.facts, self.other), strict=True)
        know = all(known.is_as(facts) for known, facts in of_each)
        return ANOTHER_MAIL if self.other_is_open or not know else None

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        end = self.ends_at
        if end is None or max(self._heard) >= end:
            return None
        return missed_until(end, self, told, to, now=now, since=since)

    @property
    def _heard(self) -> tuple[dt.datetime, ...]:
        rows = (self.facts.place, self.facts.session, self.other.place, self.other.session)
        return self.began_at, *(row.heard_at for row in rows if row is not None)

    def named(self, content: Content, language: Language) -> Content:
        return pairs.named(self.facts, self.other, content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return pairs.mail_of(self.facts, self.other, notice, found)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, CLASH)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return replace(brief(mail, office, _NOTICES.of(office.wording, mail.language)[CLASH], CHANGED), page=mail)


# --- the same in SQL -----------------------------------------------------------------------

_slash = sa.literal("/", sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + PLACE.c.session_id + _slash + OTHER_PLACE.c.session_id
_of_places = [sessions.about(sessions.PLACE_NAME, of=place) for place in (PLACE, OTHER_PLACE)]
_told, _told_other = TOLD.alias("told_place"), TOLD.alias("told_other_place")
_has_both = sa.and_(pairs.have_both(PLACE, OTHER_PLACE), pairs.TAKE_PLACE)
_since = pairs.since_of(PLACE, OTHER_PLACE)
_began_at = pairs.began_at(PLACE, OTHER_PLACE)
_is_new = _began_at >= SINCE
_is_ahead = pairs.BEGINS_AT > NOW
_content = sa.case((sa.and_(_has_both, _is_ahead), sa.cast(_since, sa.Text)))
_had_before, _had_other_before = (
    sa.func.coalesce(sa.or_(*(sessions.stood(PLACE_SAID.c.state, of=place) == one for one in SEATED)), sa.false())
    for place in (PLACE, OTHER_PLACE)
)
_other_is_open = sa.exists().where(OPEN.c.recipient == PLACE.c.person_id, OPEN.c.about.in_(_of_places))


def _knows(told: sa.FromClause, session: sa.FromClause, had_before: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """`Known.is_as`."""
    as_it_is = sa.func.coalesce(told.c.content == session.c.content, sa.false())
    return sa.case((sessions.nothing_told(told), had_before), else_=as_it_is)


_know = sa.and_(_knows(_told, SESSION, _had_before), _knows(_told_other, OTHER_SESSION, _had_other_before))
_unsaid = TOLD.c.content.is_distinct_from(sa.cast(_since, sa.Text))
_tables = (PLACE, SESSION, OTHER_PLACE, OTHER_SESSION)
PAIRS = Scope(
    keys=sa.join(PLACE, OTHER_PLACE, pairs.are_a_pair(PLACE, OTHER_PLACE)),
    recipient=PLACE.c.person_id,
    key=PLACE.c.session_id,
    news={},
    soon={},
)
"""Found by the look at the whole: a session moves seldom, and may move on before anybody is told."""


def _around(found: sa.FromClause) -> sa.FromClause:
    recipient, (about_place, about_other) = PLACE.c.person_id, _of_places
    return (
        found.outerjoin(SESSION, sessions.of_session)
        .outerjoin(OTHER_SESSION, OTHER_SESSION.c.session_id == OTHER_PLACE.c.session_id)
        .outerjoin(TOLD, is_told(TOLD, recipient, _about))
        .outerjoin(CONTACT, CONTACT.c.person_id == recipient)
        .outerjoin(SETTLED, sessions.IS_SETTLED)
        .outerjoin(OTHER_SETTLED, sessions.is_settled(OTHER_SESSION, OTHER_SETTLED))
        .outerjoin(_told, is_told(_told, recipient, about_place))
        .outerjoin(_told_other, is_told(_told_other, recipient, about_other))
    )


def _read(reading: Reading, rules: Rules) -> Clash:
    one, other = sessions.read(reading, known=False), sessions.read(reading, known=False)
    since, began_at, had_before, had_other_before, other_is_open = reading.values(5)
    known = (Known(reading.next(Told), had_before), Known(reading.next(Told), had_other_before))
    return Clash(one, other, since, began_at, known, other_is_open, rules.since)


CLASH_KIND = Kind(
    name=NAME,
    letters=(CLASH,),
    scope=PAIRS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_content.is_not(None), _is_new, _unsaid),
    waits={
        ENROLMENT: pairs.UNSETTLED,
        ANOTHER_MAIL: sa.and_(~pairs.UNSETTLED, sa.or_(_other_is_open, ~_know)),
    },
    unknown=pairs.UNKNOWN,
    parts=(_is_ahead,),
    told_by_others=sa.and_(_content.is_not(None), ~_is_new, sessions.NOTHING_TOLD),
    made_of=digest(sessions.MADE_OF, *pairs.OTHER_NAMES),
    columns=(
        *sessions.READ,
        *pairs.OTHER_READ,
        _since,
        _began_at,
        _had_before,
        _had_other_before,
        _other_is_open,
        *_told.c,
        *_told_other.c,
    ),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset(),
    needed_at=pairs.BEGINS_AT,
    settles=1.0,
    missed_at=pairs.BEGINS_AT,
    missed=sa.and_(
        _has_both,
        pairs.BEGINS_AT <= NOW,
        pairs.BEGINS_AT > SINCE,
        _is_new,
        _began_at < pairs.BEGINS_AT,
        *(table.c.heard_at < pairs.BEGINS_AT for table in _tables),
        _unsaid,
        TOLD.c.given_up.is_distinct_from(sa.cast(_since, sa.Text)),
    ),
)
