"""Mails about the waiting list: that somebody waits, that the session moved meanwhile, and that waiting ended without a place.

Who gets a place is told so by the mail about the place, and not twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.sessions import LASTS, NOTHING_TOLD, SAID_FOR_LATER, UNSETTLED, Facts
from services.notifications.ledger import NOTHING, Content, OpenNotice, Told, nothing_yet
from services.notifications.letters import BriefMail, arranged
from services.notifications.sheets import CALM, CHANGED, OFF, Office, Sheet, brief
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import MAILBOX, NOW, PLACE, SESSION, SINCE, TOLD, is_another
from services.notifications.templates.words import notices_of
from services.notifications.untold import (
    ANOTHER_MAIL,
    ENROLMENT,
    JUST_BEFORE,
    Addressee,
    Difference,
    Matter,
    judged,
    never_told,
    standing,
)
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.model import Language
from shared.values import immutable

NAME = sessions.WAITING_NAME
WAITING, WAITING_CHANGE, WAITING_ENDED = "waiting", "waiting_change", "waiting_ended"
BEGUN, WITHDRAWN, UNHEARD = "begun", "withdrawn", "unheard"
"""Why waiting ended, beside CANCELLED. UNHEARD: a place was offered, and the time to answer was over before any mail could say so."""
AGAIN = "again"
"""Why somebody is told that they wait: a place that was held for them is not any more."""


@immutable
class Waiting(Matter):
    """A person's waiting for a place in a session; it ends when the session begins, at the latest."""

    facts: Facts
    life: int
    """Which waiting it is: who lost a place since waits anew."""
    life_before: int | None
    """Which it was at go-live."""
    told_place: Told | None
    """What they were told of a place."""
    told_offer: Told | None
    """What they were told of a place that is held for them."""
    other_is_open: bool
    """Whether a mail about a place, or about the offer of one, is on its way to them."""

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        if self.facts.place is None or self.facts.session is None:
            return None
        believed = self._believed(told)
        found = self._found(believed, to, now)
        if found is None:
            return None
        waits_for = None
        if found.letter != WAITING_ENDED and not self.facts.settled:
            waits_for = ENROLMENT
        elif self.other_is_open or (
            found.letter != WAITING_ENDED and sessions.is_to_hear_of_its_end(self.told_place, now)
        ):
            waits_for = ANOTHER_MAIL
        by_others = (told is None or told.said is None) and found.before is not None
        return judged(replace(found, waits_for=waits_for, told_by_others=by_others), told, believed, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        place, session = self.facts.place, self.facts.session
        if place is None or session is None:
            return None
        believed = self._believed(told)
        end = session.starts_at if believed.until is None else max(session.ends_at, believed.until)
        if not since < end <= now or place.heard_at >= end or session.heard_at >= end:
            return None
        return never_told(self.difference(told, to, now=end - JUST_BEFORE), believed)

    def named(self, content: Content, language: Language) -> Content:
        return self.facts.named(content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return BriefMail.of(self.facts, notice, found, arranged(found.before, found.says.says))

    def _believed(self, told: Told | None) -> Told:
        place, known = self.facts.place, self.facts.known_before
        assert place is not None
        told = told or nothing_yet(place.person_id, f"{NAME}/{place.session_id}")
        if told.said is not None or known is None or known.state != SCHEDULED:
            return told
        return sessions.by_others(told, known, _named(known.content, self.life_before or 0))

    def _found(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        assert session is not None
        waits = self.facts.stands(Standing.WAITLISTED) and now < session.starts_at
        content = _named(session.content, self.life) if waits else None
        believes = told.content is not None and told.until is not None and now < max(told.until, session.ends_at)
        before = standing(told.said) or standing(told.certain)
        if content is not None:
            elsewhere = has_another(told, to)
            if told.content == content and not elsewhere:
                return None
            moved = believes and before is not None and not elsewhere and _life_of(told.content) == self.life
            says = self.facts.true_now(content)
            if moved:
                return Difference(WAITING_CHANGE, says, before=before)
            was_offered = self.told_offer is not None and self.told_offer.until is not None
            return Difference(WAITING, says, because=AGAIN if was_offered else None)
        if not believes or self._is_told_of_a_place(told):
            return None
        says = (before or self.facts.true_now(None)).model_copy(update={"hash": None})
        return Difference(WAITING_ENDED, says, because=self._because)

    @property
    def _because(self) -> str:
        place, session = self.facts.place, self.facts.session
        if session is not None and session.state == CANCELLED:
            return CANCELLED
        if self.facts.stands(Standing.WAITLISTED):
            return BEGUN
        has_lapsed = place is not None and place.reason == WithdrawalReason.OFFER_EXPIRED
        return UNHEARD if has_lapsed else WITHDRAWN

    def _is_told_of_a_place(self, told: Told) -> bool:
        """Or will be, or was since: then mails about the place say how it stands."""
        if self.facts.stands(Standing.ENROLLED) or self.facts.stands(Standing.OFFERED):
            return True
        return sessions.was_told_since(told, self.told_place, self.told_offer)


def _named(content: str, life: int) -> str:
    return f"{content}/{life}"


def _life_of(content: str | None) -> int | None:
    life = (content or "").rpartition("/")[2]
    return int(life) if life.isdecimal() else None


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, WAITING, AGAIN, WAITING_CHANGE, CANCELLED, BEGUN, WITHDRAWN, UNHEARD)
_TONES = {WAITING: CALM, WAITING_CHANGE: CHANGED, WAITING_ENDED: OFF}


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES[mail.language][mail.because or mail.letter], _TONES[mail.letter])


# --- the same in SQL -----------------------------------------------------------------------

_known = sessions.known_before(Standing.WAITLISTED)
_told_place, _told_offer = sessions.told_of_another(sessions.PLACE_NAME), sessions.told_of_another(sessions.OFFER_NAME)
_life = sa.func.coalesce(sessions.LIFE, 0)


def _content_of(content: sa.ColumnElement[str], life: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return content + "/" + sa.cast(life, sa.Text)


_life_before = sessions.life_before()
_is_listed = sa.and_(PLACE.c.state == Standing.WAITLISTED, SESSION.c.state == SCHEDULED)
_would_say = _content_of(SESSION.c.content, _life)
_content = sa.case((sa.and_(_is_listed, SESSION.c.starts_at > NOW), _would_say))
_is_known = sa.and_(NOTHING_TOLD, _known.c.state == SCHEDULED)
_believed = sa.case((_is_known, _content_of(_known.c.content, _life_before)), else_=TOLD.c.content)
_until = sa.case((_is_known, _known.c.ends_at), else_=TOLD.c.until)
_believes = sa.and_(_believed.is_not(None), _until.is_not(None))
_is_told_of_a_place = sa.or_(
    sa.and_(PLACE.c.state.in_([Standing.ENROLLED, Standing.OFFERED]), SESSION.c.state == SCHEDULED),
    sessions.told_since(_told_place),
    sessions.told_since(_told_offer),
)
_other_is_open = sessions.is_open(sessions.PLACE_NAME, sessions.OFFER_NAME)
_may_wait = sa.or_(
    PLACE.c.state == Standing.WAITLISTED, TOLD.c.recipient.is_not(None), sessions.ever_stood(Standing.WAITLISTED)
)
"""Nearly everybody never waits: that is seen before anything else is looked for."""
_waits_for_enrolment = sa.and_(_content.is_not(None), UNSETTLED)
_end = sa.case((_until.is_(None), SESSION.c.starts_at), else_=sa.func.greatest(SESSION.c.ends_at, _until))


def _around(places: sa.FromClause) -> sa.FromClause:
    found = sessions.around(places, sessions.about(NAME), always=True)
    found = sessions.with_told(found, _told_place, sessions.PLACE_NAME)
    return sessions.with_told(found, _told_offer, sessions.OFFER_NAME).outerjoin(_known, sa.true())


def _read(reading: Reading, rules: Rules) -> Waiting:
    facts = sessions.read(reading, known=True)
    life, life_before, other_is_open = reading.values(3)
    return Waiting(facts, life, life_before, reading.next(Told), reading.next(Told), other_is_open)


WAITING_KIND = Kind(
    name=NAME,
    letters=(WAITING, WAITING_CHANGE, WAITING_ENDED),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME),
    content=_content,
    differs=sa.and_(
        _may_wait,
        sa.or_(
            sa.and_(
                _content.is_not(None),
                sa.or_(_believed.is_distinct_from(_content), is_another(TOLD.c.mailbox, MAILBOX)),
            ),
            sa.and_(
                _content.is_(None),
                _believes,
                sa.func.greatest(_until, SESSION.c.ends_at) > NOW,
                ~_is_told_of_a_place,
            ),
        ),
    ),
    waits={
        ENROLMENT: _waits_for_enrolment,
        ANOTHER_MAIL: sa.and_(
            ~_waits_for_enrolment,
            sa.or_(_other_is_open, sa.and_(_content.is_not(None), sessions.to_hear_of_its_end(_told_place))),
        ),
    },
    unknown=sessions.UNKNOWN,
    parts=(
        LASTS,
        sa.and_(~LASTS, ~NOTHING_TOLD, TOLD.c.until > NOW),
        sa.and_(~LASTS, NOTHING_TOLD, SESSION.c.session_id.in_(SAID_FOR_LATER)),
    ),
    told_by_others=sa.and_(_is_known, _content.is_not(None)),
    made_of=sessions.MADE_OF,
    columns=(*sessions.READ, *_known.c, _life, _life_before, _other_is_open, *_told_place.c, *_told_offer.c),
    read=_read,
    sheet=_sheet,
    missed_at=_end,
    missed=sa.and_(
        _may_wait,
        _end <= NOW,
        _end > SINCE,
        PLACE.c.heard_at < _end,
        SESSION.c.heard_at < _end,
        sa.or_(
            sa.and_(_until.is_(None), _is_listed, TOLD.c.given_up.is_distinct_from(_would_say)),
            sa.and_(_believes, ~_is_told_of_a_place, TOLD.c.given_up.is_distinct_from(NOTHING)),
        ),
    ),
    yields_to=(PLACE, SESSION),
)
