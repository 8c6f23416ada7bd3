"""Mails about an offer: that a free place is held for somebody until a deadline, that it is another one now, and that it is held no longer.

Who takes the place, or waits again, is told so by the mail about the place or about the waiting list, and not twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import BesidePlace
from services.notifications.kinds.sessions import NOTHING_TOLD
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail, arranged
from services.notifications.sheets import CHANGED, GOOD, OFF, Office, Sheet, brief
from services.notifications.state import CANCELLED, SCHEDULED, Place, PlaceSaid, Session
from services.notifications.tables import MAILBOX, NOW, PLACE, PLACE_SAID, SESSION, SINCE, TOLD, is_another, stands
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference
from shared.contracts.enrolment import (
    SEATED,
    PlaceChange,
    Standing,
    WithdrawalReason,
    changes_to,
)
from shared.contracts.model import members
from shared.contracts.notifications import OfferTold
from shared.contracts.planner import SessionKind
from shared.values import immutable

NAME = sessions.OFFER_NAME
OFFERED = (Standing.OFFERED,)
OFFER, OFFER_CHANGE, OFFER_ENDED = "offer", "offer_change", "offer_ended"
EXPIRED, DECLINED, FROZEN, BEGUN, ENDED = "expired", "declined", "frozen", "begun", "ended"
"""Why an offer ended, beside CANCELLED."""
CLOSED = "_closed"
"""Of these where nobody may ask for a place any more: another text."""
Held = tuple[dt.datetime | None, dt.datetime | None]
"""When an offer was made, and until when it may be accepted."""


@immutable
class Offer(BesidePlace):
    """That a place in a session is held for a person, until they answer or the deadline passes.

    Whether an answer came in time only enrolment knows: between the deadline and its word nothing is told.
    """

    held_before: Held
    """The offer that was open at go-live."""
    lapsed: PlaceSaid | None
    """What was said of the offer that nobody answered, if that is how the place ended."""
    told_waiting: Told | None

    BEGINS, CHANGES, ENDS = OFFER, OFFER_CHANGE, OFFER_ENDED

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """An offer that ended because nobody answered, and that nobody had been told of. That one has ended harms nobody not to know: whoever
        would still answer finds on its page how the place stands."""
        session, lapsed = self.facts.session, self.lapsed
        if session is None or lapsed is None or lapsed.offered_until is None:
            return None
        then = replace(self, facts=replace(self.facts, place=lapsed))
        found = then.missed_by(min(lapsed.offered_until, session.starts_at), told, to, now, since)
        return found if found is not None and found.says.hash is not None else None

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        # A second try is the same mail: what one can do is told as it was at the first.
        if found.letter == OFFER_ENDED:
            found = replace(found, because=self.ends_because(notice.stated_at or notice.planned_at))
        mail = BriefMail.of(self.facts, notice, found, arranged(found.before, found.says.says))
        says = found.says.says
        return replace(mail, moment=says.offered_until) if found.says.hash and isinstance(says, OfferTold) else mail

    def known(self) -> Content | None:
        known = self.facts.known_before
        if known is None or self.held_before[1] is None:
            return None
        content = _named(known.content, self.held_before)
        return _says(Content(hash=content, says=sessions.told_of(known)), self.held_before)

    def says(self, now: dt.datetime) -> Content | None:
        place, session = self.facts.place, self.facts.session
        if place is None or session is None or not self.facts.stands(OFFERED):
            return None
        if not _is_held(place, session, now):
            return None
        held = (place.offered_at, place.offered_until)
        return _says(self.facts.true_now(_named(session.content, held)), held)

    def is_over(self, now: dt.datetime) -> bool:
        return not self.facts.stands(OFFERED)

    def begins_because(self, told: Told) -> str | None:
        return self.facts.substitutes

    def ends_because(self, now: dt.datetime) -> str:
        place, session = self.facts.place, self.facts.session
        if session is not None and session.state == CANCELLED:
            return CANCELLED
        if session is not None and now >= session.starts_at:
            return BEGUN
        if self.facts.is_substituted:
            return sessions.SUBSTITUTED
        if self.facts.stands((Standing.WAITLISTED,)):
            return FROZEN  # As long as the list moves, its mail tells it.
        reason = place.reason if place is not None else None
        # Who gave back what their town's team has is in with it whenever they ask.
        is_of_team = (
            reason == WithdrawalReason.REQUESTED and session is not None and session.kind == SessionKind.SUPPLEMENTARY
        )
        closed = "" if is_of_team or self.facts.may_be_asked_for(now) else CLOSED
        match reason:
            case WithdrawalReason.OFFER_EXPIRED:
                return EXPIRED + closed
            case WithdrawalReason.OFFER_DECLINED | WithdrawalReason.REQUESTED:
                return DECLINED + closed
        return ENDED

    def is_told_otherwise(self, told: Told, now: dt.datetime) -> bool:
        if self.facts.stands(SEATED) or self.facts.waits(now):
            return True
        return sessions.was_told_since(told, self.told_place, self.told_waiting)


def _is_held(place: Place, session: Session, now: dt.datetime) -> bool:
    return place.offered_until is not None and now < place.offered_until and now < session.starts_at


def _says(content: Content, held: Held) -> Content:
    """With the offer, beside the session that it is for."""
    offered_at, offered_until = held
    fields = dict(content.says) | {"of": "offer", "offered_at": offered_at, "offered_until": offered_until}
    return content.model_copy(update={"says": OfferTold(**fields)})


def _named(content: str, held: Held) -> str:
    """Another offer with the same deadline is another one: whoever let the first pass is asked again."""
    return "/".join((content, *(str(sessions.microseconds(moment)) for moment in reversed(held))))


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(
    NAME,
    OFFER,
    OFFER_CHANGE,
    CANCELLED,
    EXPIRED,
    EXPIRED + CLOSED,
    DECLINED,
    DECLINED + CLOSED,
    FROZEN,
    BEGUN,
    ENDED,
    sessions.SUBSTITUTE,
    sessions.SUBSTITUTED,
)
_TONES = {OFFER: GOOD, OFFER_CHANGE: CHANGED, OFFER_ENDED: OFF}
_ON_ITS_PAGE = (OFFER, OFFER_CHANGE, sessions.SUBSTITUTE, EXPIRED, DECLINED)
"""Where there is something to do on the page of the place."""


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    situation = mail.because or mail.letter
    sheet = brief(mail, office, _NOTICES.of(office.wording, mail.language)[situation], _TONES[mail.letter])
    return replace(sheet, page=mail if situation in _ON_ITS_PAGE else None)


# --- the same in SQL -----------------------------------------------------------------------

_known = sessions.known_before(OFFERED)
_told_place, _told_waiting = (
    sessions.told_of_another(sessions.PLACE_NAME),
    sessions.told_of_another(sessions.WAITING_NAME),
)


def _content_of(
    content: sa.ColumnElement[str], at: sa.ColumnElement[dt.datetime], until: sa.ColumnElement[dt.datetime]
) -> sa.ColumnElement[str]:
    return content + "/" + sessions.microseconds_of(until) + "/" + sessions.microseconds_of(at)


_at_before, _until_before = sessions.stood(PLACE_SAID.c.offered_at), sessions.stood(PLACE_SAID.c.offered_until)
_stands = sa.and_(stands(PLACE, OFFERED), SESSION.c.state == SCHEDULED)
_is_open = sa.and_(_stands, sa.func.coalesce(PLACE.c.offered_until > NOW, sa.false()), SESSION.c.starts_at > NOW)
_content = sa.case((_is_open, _content_of(SESSION.c.content, PLACE.c.offered_at, PLACE.c.offered_until)))
_is_known = sa.and_(NOTHING_TOLD, _known.c.state == SCHEDULED, _until_before.is_not(None))
_believed = sa.case((_is_known, _content_of(_known.c.content, _at_before, _until_before)), else_=TOLD.c.content)
_until = sa.case((_is_known, _known.c.ends_at), else_=TOLD.c.until)
_is_told_otherwise = sa.or_(
    sa.and_(stands(PLACE, SEATED), SESSION.c.state == SCHEDULED),
    sessions.WAITS,
    sessions.told_since(_told_place),
    sessions.told_since(_told_waiting),
)
_other_is_open = sessions.is_open(sessions.PLACE_NAME, sessions.WAITING_NAME)
_may_be_offered = sa.or_(stands(PLACE, OFFERED), TOLD.c.recipient.is_not(None), sessions.ever_stood(OFFERED))
_lapsed = (
    sa.select(PLACE_SAID)
    .where(PLACE.c.reason == WithdrawalReason.OFFER_EXPIRED)
    .where(PLACE_SAID.c.session_id == PLACE.c.session_id, PLACE_SAID.c.person_id == PLACE.c.person_id)
    .where(PLACE_SAID.c.source == PLACE.c.source, stands(PLACE_SAID, OFFERED))
    .order_by(PLACE_SAID.c.version.desc())
    .limit(1)
    .correlate(PLACE)
    .lateral("lapsed")
)
_end = sa.case((_lapsed.c.offered_until.is_not(None), sa.func.least(_lapsed.c.offered_until, SESSION.c.starts_at)))
_said_then = _content_of(SESSION.c.content, _lapsed.c.offered_at, _lapsed.c.offered_until)


def _around(places: sa.FromClause) -> sa.FromClause:
    found = sessions.around(places, sessions.about(NAME), always=True)
    found = sessions.with_told(found, _told_place, sessions.PLACE_NAME)
    found = sessions.with_told(found, _told_waiting, sessions.WAITING_NAME)
    return found.outerjoin(_known, sa.true()).outerjoin(_lapsed, sa.true())


def _read(reading: Reading, rules: Rules) -> Offer:
    facts = sessions.read(reading, known=True)
    at_before, until_before, other_is_open = reading.values(3)
    lapsed, told_place, told_waiting = reading.next(PlaceSaid), reading.next(Told), reading.next(Told)
    return Offer(facts, told_place, other_is_open, (at_before, until_before), lapsed, told_waiting)


OFFER_KIND = Kind(
    name=NAME,
    letters=(OFFER, OFFER_CHANGE, OFFER_ENDED),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME),
    content=_content,
    differs=sa.and_(
        _may_be_offered, sessions.beside_differs(_content, _believed, _until, ~_stands, _is_told_otherwise)
    ),
    waits=sessions.waits_of(_content, _told_place, _other_is_open),
    unknown=sessions.UNKNOWN,
    parts=sessions.PARTS,
    told_by_others=sa.and_(_is_known, _content.is_not(None)),
    made_of=sessions.MADE_OF,
    columns=(
        *sessions.READ,
        *_known.c,
        _at_before,
        _until_before,
        _other_is_open,
        *_lapsed.c,
        *_told_place.c,
        *_told_waiting.c,
    ),
    read=_read,
    sheet=_sheet,
    needed_at=sa.func.least(
        SESSION.c.starts_at,
        PLACE.c.offered_until,
        sa.case((_is_known, sa.func.least(_known.c.starts_at, _until_before))),
    ),
    settles=1.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(PlaceChange)) - changes_to(*SEATED),
    after=frozenset({sessions.WAITING_NAME}),
    after_its_end=frozenset({sessions.PLACE_NAME}),
    missed_at=_end,
    missed=sa.and_(
        sa.func.coalesce(_end <= NOW, sa.false()),
        _end > SINCE,
        SESSION.c.state == SCHEDULED,
        _lapsed.c.heard_at < _end,
        SESSION.c.heard_at < _end,
        sa.or_(_believed.is_distinct_from(_said_then), is_another(TOLD.c.mailbox, MAILBOX)),
        TOLD.c.given_up.is_distinct_from(_said_then),
    ),
    yields_to=(PLACE, SESSION),
)
