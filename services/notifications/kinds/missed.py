"""Mails to whoever had a place, of what the lists say of them: thanks to who came, that they were missed to who did not come to any day,
and that this was put right.

Told when every list is closed, and not to whom a list excuses; what was told to an id that has gone into theirs was told to them. An open
list says nothing yet, neither that somebody was missed nor that they were not. Who is told of a certificate, or that it is revoked, is not
told the same a second time here; so thanks wait until a certificate would have been heard of.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.certificate import ABSENT, THANKS, may_believe_missed, was_thanks
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, OfSession, known_of
from services.notifications.kinds.whoever import as_known, told_to_former
from services.notifications.ledger import OVERTAKEN, Content, OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, CHANGED, GOOD, Office, Sheet, brief
from services.notifications.state import SCHEDULED, Session
from services.notifications.tables import (
    CERTIFICATE,
    CERTIFIED,
    MEETING_LIST,
    NOW,
    OPEN,
    PERSON,
    PLACE,
    RECORD,
    SESSION,
    SINCE,
    TOLD,
)
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference, judged
from shared.contracts.attendance import ListFact, Presence, PresenceFact, Role
from shared.contracts.certificates import CertificateFact
from shared.contracts.model import members
from shared.contracts.notifications import ReminderTold
from shared.postgres.merged import paths_of
from shared.values import immutable
from shared.web.links import Purpose

NAME = sessions.MISSED_NAME
MISSED, MISSED_CORRECTED = "missed", "missed_corrected"
CAME, NOT_MISSED = "came", "not_missed"
"""Why it is put right: the list says now that they came, or only that they were not missed. CAME, too, in what was told to who came."""
AFTER_THANKS = "after_thanks"
"""Why somebody is told that they were missed: we had thanked them for coming."""
QUIET = dt.timedelta(hours=1)
"""For so long after the last list was closed nobody is thanked: by then it is heard who has a certificate."""
REACH = dt.timedelta(days=30)
"""For so long after the session somebody is told that they were missed."""
BELIEVED = dt.timedelta(days=180)
"""For so long whoever was told that is told that it was put right."""


@immutable
class Missed(OfSession):
    """What the lists of a session say of somebody who had a place."""

    is_absent: bool
    """Of some day, and of no day that they came or were excused."""
    came: bool
    lists_are_closed: bool
    lists_are_quiet: bool
    """Nothing was heard of them for a while."""
    is_certified: bool
    """Under any id of theirs."""
    told_certificate: Told | None
    """As the human knows it, under whichever id."""
    since: dt.datetime
    told_before: Told | None = None
    """What they were told of it under an id that went into this one."""

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self.lists_are_closed or self.is_certified:
            return None
        found = self._found(self._believed(told, now, session), now, session)
        return judged(found, told, told or TOLD_NOTHING, to, now=now) if found is not None else None

    def _believed(self, told: Told | None, now: dt.datetime, session: Session) -> Told:
        """As long as they may be told of it for the first time, or else what they know of it under this id."""
        return known_of(told, self.told_before if _is_soon(session, now) else None)

    def _found(self, told: Told, now: dt.datetime, session: Session) -> Difference | None:
        has_to_be_thanked = told.content is None or (told.content == OVERTAKEN and was_thanks(told))
        if self.is_absent or (self.came and has_to_be_thanked):
            return self._first(told, now, session)
        believes = may_believe_missed(told) and told.until is not None and now < told.until
        if not believes or sessions.was_told_since(told, self.told_certificate):
            return None
        if self.came:
            return Difference(MISSED_CORRECTED, self._says(CAME, session, MISSED_CORRECTED), because=CAME)
        return Difference(MISSED_CORRECTED, self._says(None, session, MISSED_CORRECTED), because=NOT_MISSED)

    def _first(self, told: Told, now: dt.datetime, session: Session) -> Difference | None:
        """What is told of them as long as it is new, unless a mail about a certificate has said it."""
        is_now = _is_soon(session, now) and session.ends_at >= self.since
        is_told = self.told_certificate is not None and self.told_certificate.said is not None
        if is_told or not is_now or session.state != SCHEDULED:
            return None
        if self.is_absent and told.content != ABSENT:
            because = AFTER_THANKS if told.content == CAME else None
            return Difference(MISSED, self._says(ABSENT, session, MISSED), because=because)
        return Difference(THANKS, self._says(CAME, session, THANKS)) if self.came and self.lists_are_quiet else None

    def _says(self, content: str | None, session: Session, letter: str) -> Content:
        fields = dict(self.facts.true_now(None).says) | {"of": "reminder"}
        says = ReminderTold(**fields, rule=letter, useful_until=session.ends_at + BELIEVED)
        return Content(hash=content, says=says)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        mail = BriefMail.of(self.facts, notice, found)
        return replace(mail, leads_to=Purpose.PAPERS) if found.says.hash == CAME else mail


def _is_soon(session: Session, now: dt.datetime) -> bool:
    """Whether it is of use to be told how it was."""
    return session.starts_at <= now < session.ends_at + REACH


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, THANKS, MISSED, AFTER_THANKS, CAME, NOT_MISSED)
_TONES = {THANKS: GOOD, MISSED: CALM, MISSED_CORRECTED: CHANGED}


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    sheet = brief(
        mail, office, _NOTICES.of(office.wording, mail.language)[mail.because or mail.letter], _TONES[mail.letter]
    )
    return replace(sheet, page=mail if mail.leads_to is Purpose.PAPERS else None)


# --- the same in SQL -----------------------------------------------------------------------

_own_certificate = sessions.told_of_another(sessions.CERTIFICATE_NAME)
_CAME = tuple(state for state in Presence if state.came)


def _is_recorded(*states: Presence) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        RECORD.c.session_id == PLACE.c.session_id,
        RECORD.c.person_id == PLACE.c.person_id,
        RECORD.c.with_place,
        RECORD.c.role == Role.PARTICIPANT,
        RECORD.c.state.in_(states),
    )


_came = _is_recorded(*_CAME)
_is_absent = sa.and_(_is_recorded(Presence.ABSENT), ~_is_recorded(*_CAME, Presence.EXCUSED))
_meeting = (
    sa.func.jsonb_array_elements(sa.type_coerce(SESSION.c.meetings, JSONB))
    .table_valued(sa.column("value", JSONB), name="meeting")
    .render_derived()
)
_is_closed = (
    sa.exists()
    .where(
        MEETING_LIST.c.session_id == SESSION.c.session_id,
        MEETING_LIST.c.meeting_id == _meeting.c.value["meeting_id"].astext,
        ~MEETING_LIST.c.is_open,
    )
    .correlate(SESSION, _meeting)  # Named: in a subquery of a subquery it would be any session otherwise.
)
LISTS_ARE_CLOSED = ~sa.exists(sa.select(sa.literal(1)).select_from(_meeting).where(~_is_closed).correlate(SESSION))
_are_quiet = ~sa.exists().where(
    MEETING_LIST.c.session_id == SESSION.c.session_id, MEETING_LIST.c.heard_at > NOW - QUIET
)


def _are_certified(certified: Any, person_id: sa.ColumnElement[str]) -> Any:
    return sa.exists().where(
        certified.c.session_id == PLACE.c.session_id, certified.c.person_id == person_id, certified.c.ended.is_(None)
    )


_formerly = paths_of(PERSON).alias("certified_formerly")
_is_certified = sa.or_(
    _are_certified(CERTIFIED, PLACE.c.person_id),
    _are_certified(CERTIFIED.alias("formerly_certified"), _formerly.c.person_id).where(
        _formerly.c.into_id == PLACE.c.person_id
    ),
)
_is_now = sa.and_(SESSION.c.ends_at > NOW - REACH, SESSION.c.starts_at <= NOW)
_certificate_before = told_to_former(
    PLACE.c.person_id,
    sessions.about(sessions.CERTIFICATE_NAME),
    sessions.nothing_told(_own_certificate),
    SESSION.c.starts_at <= NOW,
    name="certificate_before",
)
_told_certificate = as_known(_own_certificate, _certificate_before)
_before = told_to_former(PLACE.c.person_id, sessions.about(NAME), sessions.NOTHING_TOLD, _is_now)
_known = as_known(TOLD, _before).c  # `Missed._believed`.
_rule = sa.func.jsonb_extract_path_text(_known.said, "says", "rule")
_was_thanks = sa.func.coalesce(_rule == THANKS, sa.false())
_nobody_knows = sa.func.coalesce(_known.content == OVERTAKEN, sa.false())
_may_believe_missed = sa.or_(_known.content == ABSENT, sa.and_(_nobody_knows, ~_was_thanks))
_believes = sa.and_(_may_believe_missed, sa.func.coalesce(_known.until > NOW, sa.false()))
_has_to_be_thanked = sa.or_(_known.content.is_(None), sa.and_(_nobody_knows, _was_thanks))
_content = sa.case((_is_absent, sa.literal(ABSENT, sa.Text)), (_came, sa.literal(CAME, sa.Text)))
_begins = sa.and_(
    _is_now,
    SESSION.c.ends_at >= SINCE,
    SESSION.c.state == SCHEDULED,
    sessions.nothing_told(_told_certificate),
    sa.or_(
        sa.and_(_is_absent, _known.content.is_distinct_from(ABSENT)),
        sa.and_(_came, _has_to_be_thanked, _are_quiet),
    ),
)
_told_at = _known.told_at
_told_since = sa.and_(
    _told_certificate.c.told_at.is_not(None), sa.or_(_told_at.is_(None), _told_at < _told_certificate.c.told_at)
)
_ends = sa.and_(_believes, ~_told_since, ~_is_absent)
_pair = sa.select(PLACE.c.person_id, PLACE.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)


def _heard(table: sa.Table, *more: Any) -> sa.Select[Any]:
    return _pair.join(table, sa.and_(table.c.session_id == PLACE.c.session_id, *more)).where(sessions.is_news(table))


_of_person = RECORD.c.person_id == PLACE.c.person_id
PLACES = Scope(
    keys=PLACE,
    recipient=PLACE.c.person_id,
    key=PLACE.c.session_id,
    news={
        SESSION: _heard(SESSION),
        RECORD: _heard(RECORD, _of_person),
        MEETING_LIST: _heard(MEETING_LIST),
        CERTIFICATE: _heard(CERTIFIED, CERTIFIED.c.person_id == PLACE.c.person_id),
        **sessions.news_of_people(_pair, PLACE.c.person_id),
    },
    soon={
        RECORD: sa.exists().where(
            RECORD.c.person_id == OPEN.c.recipient, RECORD.c.session_id == _key, sessions.is_news(RECORD)
        )
    },
)


def _around(places: sa.FromClause) -> sa.FromClause:
    found = sessions.around(places, sessions.about(NAME), always=True)
    found = sessions.with_told(found, _own_certificate, sessions.CERTIFICATE_NAME)
    return found.outerjoin(_certificate_before, sa.true()).outerjoin(_before, sa.true())


def _read(reading: Reading, rules: Rules) -> Missed:
    facts = sessions.read(reading, known=False)
    is_absent, came, are_closed, are_quiet, is_certified = reading.values(5)
    its = (is_absent, came, are_closed, are_quiet, is_certified)
    return Missed(facts, *its, reading.next(Told), rules.since, reading.next(Told))


MISSED_KIND = Kind(
    name=NAME,
    letters=(MISSED, MISSED_CORRECTED, THANKS),
    scope=PLACES,
    around=_around,
    about=sessions.about(NAME),
    content=_content,
    differs=sa.and_(sa.or_(_begins, _ends), LISTS_ARE_CLOSED, ~_is_certified),
    waits={},
    unknown=sessions.UNKNOWN,
    parts=(_is_now, sa.and_(~_is_now, TOLD.c.until > NOW)),
    told_by_others=sa.false(),
    made_of=sessions.MADE_OF,
    columns=(
        *sessions.READ,
        *(_is_absent, _came, LISTS_ARE_CLOSED, _are_quiet, _is_certified),
        *_told_certificate.c,
        *_before.c,
    ),
    read=_read,
    sheet=_sheet,
    concerned_by=sessions.EVERY_MAIL
    | frozenset((*members(PresenceFact), *members(ListFact), *members(CertificateFact))),
    after=frozenset({sessions.CERTIFICATE_NAME}),
    yields_to=(PLACE, SESSION),
)
