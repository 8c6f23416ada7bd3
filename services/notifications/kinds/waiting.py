"""Mails about the waiting list: that somebody waits, that the session moved meanwhile, and that waiting ended without a place: at the latest
when the session freezes, for from then on nobody gets one any more.

Who gets a place is told so by the mail about the place, and not twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import BesidePlace
from services.notifications.kinds.sessions import NOTHING_TOLD
from services.notifications.ledger import NOTHING, Content, OpenNotice, Told
from services.notifications.letters import BriefMail, arranged
from services.notifications.sheets import CALM, CHANGED, OFF, Office, Sheet, brief
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import NOW, PLACE, SESSION, SINCE, TOLD, stands
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference
from shared.contracts.enrolment import IN_LINE, SEAT_TAKING, PlaceChange, WithdrawalReason, changes_to
from shared.contracts.model import members
from shared.values import immutable

NAME = sessions.WAITING_NAME
WAITING, WAITING_CHANGE, WAITING_ENDED = "waiting", "waiting_change", "waiting_ended"
FROZEN, BEGUN, WITHDRAWN, UNHEARD = "frozen", "begun", "withdrawn", "unheard"
"""Why waiting ended, beside CANCELLED. FROZEN: the training begins so soon that nobody gets a place any more. UNHEARD: a place was offered, and the time to answer was over before any mail could say so."""
AGAIN = "again"
"""Why somebody is told that they wait: a place that was held for them is not any more."""


@immutable
class Waiting(BesidePlace):
    """A person's waiting for a place in a session; it ends when the session freezes, or else begins, at the latest."""

    life: int
    """Which waiting it is: who lost a place since waits anew."""
    life_before: int | None
    """Which it was at go-live."""
    told_offer: Told | None
    """What they were told of a place that is held for them."""

    BEGINS, CHANGES, ENDS = WAITING, WAITING_CHANGE, WAITING_ENDED

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        session, moves_until = self.facts.session, self.facts.list_moves_until
        if self.facts.place is None or session is None or moves_until is None:
            return None
        until = self.believed(told).until
        end = moves_until if until is None else max(session.ends_at, until)
        return self.missed_by(end, told, to, now, since)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        # A second try is the same mail: that the session has begun meanwhile the first one did not say.
        if found.letter == WAITING_ENDED:
            found = replace(found, because=self.ends_because(notice.stated_at or notice.planned_at))
        return BriefMail.of(self.facts, notice, found, arranged(found.before, found.says.says))

    def known(self) -> Content | None:
        known = self.facts.known_before
        if known is None:
            return None
        return Content(hash=_named(known.content, self.life_before or 0), says=sessions.told_of(known))

    def says(self, now: dt.datetime) -> Content | None:
        session = self.facts.session
        if session is None or not self.facts.waits(now):
            return None
        return self.facts.true_now(_named(session.content, self.life))

    def begins_because(self, told: Told) -> str | None:
        offer = self.told_offer
        if offer is not None and offer.until is not None and not sessions.was_told_since(offer, told, self.told_place):
            return AGAIN
        return self.facts.substitutes

    def ends_because(self, now: dt.datetime) -> str:
        place, session = self.facts.place, self.facts.session
        if session is not None and session.state == CANCELLED:
            return CANCELLED
        if self.facts.stands(IN_LINE):
            return FROZEN if session is not None and now < session.starts_at else BEGUN
        if self.facts.is_substituted:
            return sessions.SUBSTITUTED
        has_lapsed = place is not None and place.reason == WithdrawalReason.OFFER_EXPIRED
        return UNHEARD if has_lapsed else WITHDRAWN

    def is_told_otherwise(self, told: Told, now: dt.datetime) -> bool:
        if self.facts.stands(SEAT_TAKING):
            return True
        return sessions.was_told_since(told, self.told_place, self.told_offer)


def _named(content: str, life: int) -> str:
    return f"{content}/{life}"


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(
    NAME,
    WAITING,
    AGAIN,
    WAITING_CHANGE,
    CANCELLED,
    FROZEN,
    BEGUN,
    WITHDRAWN,
    UNHEARD,
    sessions.SUBSTITUTE,
    sessions.SUBSTITUTED,
)
_TONES = {WAITING: CALM, WAITING_CHANGE: CHANGED, WAITING_ENDED: OFF}


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(
        mail, office, _NOTICES.of(office.wording, mail.language)[mail.because or mail.letter], _TONES[mail.letter]
    )


# --- the same in SQL -----------------------------------------------------------------------

_known = sessions.known_before(IN_LINE)
_told_place, _told_offer = sessions.told_of_another(sessions.PLACE_NAME), sessions.told_of_another(sessions.OFFER_NAME)
_life = sa.func.coalesce(sessions.LIFE, 0)


def _content_of(content: sa.ColumnElement[str], life: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return content + "/" + sa.cast(life, sa.Text)


_life_before = sessions.life_before()
_is_listed = sa.and_(stands(PLACE, IN_LINE), SESSION.c.state == SCHEDULED)
_would_say = _content_of(SESSION.c.content, _life)
_content = sa.case((sessions.WAITS, _would_say))
_is_known = sa.and_(NOTHING_TOLD, _known.c.state == SCHEDULED)
_believed = sa.case((_is_known, _content_of(_known.c.content, _life_before)), else_=TOLD.c.content)
_until = sa.case((_is_known, _known.c.ends_at), else_=TOLD.c.until)
_believes = sa.and_(_believed.is_not(None), _until.is_not(None))
_is_told_of_a_place = sa.or_(
    sa.and_(stands(PLACE, SEAT_TAKING), SESSION.c.state == SCHEDULED),
    sessions.told_since(_told_place),
    sessions.told_since(_told_offer),
)
_other_is_open = sessions.is_open(sessions.PLACE_NAME, sessions.OFFER_NAME)
_may_wait = sa.or_(stands(PLACE, IN_LINE), TOLD.c.recipient.is_not(None), sessions.ever_stood(IN_LINE))
"""Nearly everybody never waits: that is seen before anything else is looked for."""
_end = sa.case((_until.is_(None), sessions.LIST_MOVES_UNTIL), else_=sa.func.greatest(SESSION.c.ends_at, _until))


def _around(places: sa.FromClause) -> sa.FromClause:
    found = sessions.around(places, sessions.about(NAME), always=True)
    found = sessions.with_told(found, _told_place, sessions.PLACE_NAME)
    return sessions.with_told(found, _told_offer, sessions.OFFER_NAME).outerjoin(_known, sa.true())


def _read(reading: Reading, rules: Rules) -> Waiting:
    facts = sessions.read(reading, known=True)
    life, life_before, other_is_open = reading.values(3)
    told_place, told_offer = reading.next(Told), reading.next(Told)
    return Waiting(facts, told_place, other_is_open, life, life_before, told_offer)


WAITING_KIND = Kind(
    name=NAME,
    letters=(WAITING, WAITING_CHANGE, WAITING_ENDED),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME),
    content=_content,
    differs=sa.and_(_may_wait, sessions.beside_differs(_content, _believed, _until, sa.true(), _is_told_of_a_place)),
    waits=sessions.waits_of(_content, _told_place, _other_is_open),
    unknown=sessions.UNKNOWN,
    parts=sessions.PARTS,
    told_by_others=sa.and_(_is_known, _content.is_not(None)),
    made_of=sessions.MADE_OF,
    columns=(*sessions.READ, *_known.c, _life, _life_before, _other_is_open, *_told_place.c, *_told_offer.c),
    read=_read,
    sheet=_sheet,
    needed_at=sessions.needed_at(_known),
    settles=1.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(PlaceChange)) - changes_to(*SEAT_TAKING),
    after=frozenset({sessions.OFFER_NAME}),
    after_its_end=frozenset({sessions.PLACE_NAME}),
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
