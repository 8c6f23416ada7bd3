"""The mail about a refusal: why somebody who asked for a place did not get one, and what they can do.

A refusal changes no place, so it is a row of its own beside it. It is told once, as long as nothing newer was said about the place, and to
whoever they turned out to be since, unless those have one; of what several ids of a human were told in vain the newest.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import assert_never

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import LASTS
from services.notifications.kinds.whoever import ids_of, is_for, news_of_ids, under_every_id, with_ids
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, OFF, Office, Sheet, brief
from services.notifications.state import CANCELLED, Refusal
from services.notifications.tables import OPEN, PLACE, REFUSAL, SESSION, SINCE, TOLD
from services.notifications.templates.wording import notices_of
from services.notifications.untold import ANOTHER_MAIL, Addressee, Difference
from shared.contracts.enrolment import AskedFor, EnrolmentRefused, RefusalReason, Standing
from shared.contracts.notifications import RefusalTold
from shared.values import immutable

NAME = "refusal"
REFUSED = "refused"
OPEN_NOW = "open_now"
"""Why somebody was refused whose request came before enrolment opened, when it is open by now."""


def is_mailed(reason: RefusalReason) -> bool:
    """Whether it is of use to who asked for a place to hear why they have none."""
    match reason:
        case (
            RefusalReason.NOT_IN_TEAM
            | RefusalReason.TOWN_NOT_QUALIFIED
            | RefusalReason.NOT_ADMITTED
            | RefusalReason.NOT_BY_ONESELF
            | RefusalReason.NOT_OPEN_YET
            | RefusalReason.ENROLMENT_CLOSED
            | RefusalReason.FROZEN
            | RefusalReason.SESSION_CANCELLED
            | RefusalReason.SESSION_STARTED
            | RefusalReason.NEVER_KNOWN
            | RefusalReason.NO_PLACE
            | RefusalReason.NO_OFFER
            | RefusalReason.OFFER_EXPIRED
            | RefusalReason.REMOVED_BY_OFFICE
            | RefusalReason.OVERLAPS
        ):
            return True
        case (
            RefusalReason.ALREADY_PLACED  # They have what they asked for.
            | RefusalReason.WITHDRAWN_SINCE
            | RefusalReason.SESSION_MOVED  # The mail about the change says what is so.
            | RefusalReason.ASKED_SINCE  # Their newer word counts, and its answer is told.
            | RefusalReason.PERSON_ERASED  # Nobody writes to them.
            | RefusalReason.NOMINATIONS_CLOSED
            | RefusalReason.TEAM_BY_RULE
            | RefusalReason.NOT_OF_TOWN
            | RefusalReason.DOES_NOT_FIT  # Their coordinator asked, and is answered.
        ):
            return False
        case never:
            assert_never(never)


_ASK_AGAIN = (RefusalReason.NO_PLACE, RefusalReason.NO_OFFER, RefusalReason.OFFER_EXPIRED)
"""Whoever reads these may ask for a place, as long as anybody may."""
CLOSED = "_closed"
"""Of these where nobody may any more: another text."""
MAILED = tuple(reason for reason in RefusalReason if is_mailed(reason))
WITHOUT_PLACE = tuple(standing for standing in Standing if not standing.is_active)


@immutable
class Refused(Once):
    """That a person asked for a place in a session and did not get one. Who asked to be out and was refused is out, or keeps a place: both are
    told by the mails about the place, if anything has to be."""

    refusal: Refusal
    told_place: Told | None
    other_is_open: bool
    """Whether a mail about their place, an offer or their waiting is on its way to them."""
    since: dt.datetime
    is_for_them: bool = True
    """Whether it is to be told under this id of theirs."""

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.facts.session.ends_at if self.facts.session is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or now >= session.ends_at or not self.is_for_them or not self._is_to_be_said:
            return None
        because = self._because(now)
        reason = OPEN_NOW if because == OPEN_NOW else self.refusal.reason
        fields = dict(self.facts.true_now(None).says) | {"of": "refusal", "reason": reason}
        says = RefusalTold(**fields, opens_at=session.opens_at)
        is_first = self.other_is_open or sessions.is_to_hear_of_its_end(self.told_place, to, now)
        return Difference(
            REFUSED,
            Content(hash=self.refusal.event_id, says=says),
            because=because,
            waits_for=ANOTHER_MAIL if is_first else None,
        )

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        # A second try is the same mail: what one can do is told as it was at the first.
        if found.because not in _TOO_EARLY:
            found = replace(found, because=self._because(notice.stated_at or notice.planned_at))
        mail = BriefMail.of(self.facts, notice, found)
        session = self.facts.session
        is_to_come = found.because == RefusalReason.NOT_OPEN_YET and session is not None
        return replace(mail, moment=session.opens_at) if is_to_come and session is not None else mail

    @property
    def _is_to_be_said(self) -> bool:
        refusal, place = self.refusal, self.facts.place
        if refusal.heard_at < self.since:  # Whoever answered then told them, too.
            return False
        if (
            refusal.asked_for != AskedFor.PLACE
            or refusal.standing not in WITHOUT_PLACE
            or not is_mailed(refusal.reason)
        ):
            return False
        if place is None:
            return True
        # A merge has enrolment say a place anew that was given back long before.
        if place.withdrawn_at is not None and place.withdrawn_at < refusal.decided_at:
            return True
        if (place.source, place.person_id) == (refusal.source, refusal.person_id):
            return place.version < refusal.version
        # Of somebody else's word no version tells, nor of what was said to another id: then they may have a place there all the time.
        is_so = place.person_id == refusal.person_id or Standing(place.state) in WITHOUT_PLACE
        return is_so and place.heard_at <= refusal.heard_at

    def _because(self, now: dt.datetime) -> str:
        """As it is now: what somebody is told to do has to be possible."""
        session = self.facts.session
        if session is not None and session.state == CANCELLED:
            return RefusalReason.SESSION_CANCELLED
        if session is not None and now >= session.starts_at:
            return RefusalReason.SESSION_STARTED
        if self.refusal.reason == RefusalReason.NOT_OPEN_YET:
            opens_at = session.opens_at if session is not None else None
            return RefusalReason.NOT_OPEN_YET if opens_at is not None and now < opens_at else OPEN_NOW
        is_closed = self.refusal.reason in _ASK_AGAIN and not self.facts.may_be_asked_for(now)
        return self.refusal.reason + (CLOSED if is_closed else "")


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, *MAILED, OPEN_NOW, *(reason + CLOSED for reason in _ASK_AGAIN))
_TOO_EARLY = (RefusalReason.NOT_OPEN_YET, OPEN_NOW)
"""Nothing is lost."""
_ON_ITS_PAGE = (RefusalReason.OFFER_EXPIRED,)
"""Where whoever reads it can ask again themselves: they had a place on the list, so there is a page of it."""


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    assert mail.because is not None
    sheet = brief(
        mail,
        office,
        _NOTICES.of(office.wording, mail.language)[mail.because],
        CALM if mail.because in _TOO_EARLY else OFF,
    )
    return replace(sheet, page=mail if mail.because in _ON_ITS_PAGE else None)


# --- the same in SQL -----------------------------------------------------------------------

_about = sessions.about(NAME, of=REFUSAL)
_ids = ids_of(REFUSAL, "session_id", "person_id", newest=["heard_at"], last_word=True)
_recipient = _ids.c.person_id
_is_for_them = is_for(_ids, _about, REFUSAL.c.event_id)
_told_place = sessions.told_of_another(sessions.PLACE_NAME)
_other_is_open = sessions.is_open(sessions.PLACE_NAME, sessions.OFFER_NAME, sessions.WAITING_NAME)
_of_session = REFUSAL.c.session_id == SESSION.c.session_id
_is_same = PLACE.c.person_id == REFUSAL.c.person_id
_is_newest = sa.or_(
    PLACE.c.session_id.is_(None),
    sa.func.coalesce(PLACE.c.withdrawn_at < REFUSAL.c.decided_at, sa.false()),
    sa.case(
        (sa.and_(_is_same, PLACE.c.source == REFUSAL.c.source), PLACE.c.version < REFUSAL.c.version),
        else_=sa.and_(sa.or_(_is_same, PLACE.c.state.in_(WITHOUT_PLACE)), PLACE.c.heard_at <= REFUSAL.c.heard_at),
    ),
)
_is_to_be_said = sa.and_(
    REFUSAL.c.asked_for == AskedFor.PLACE,
    REFUSAL.c.standing.in_(WITHOUT_PLACE),
    REFUSAL.c.reason.in_(MAILED),
    _is_newest,
)
_content = sa.case((sa.and_(_is_to_be_said, LASTS), REFUSAL.c.event_id))


def _around(refusals: sa.FromClause) -> sa.FromClause:
    found = sessions.beside_place(refusals, REFUSAL, _recipient, _about)
    return sessions.with_told(found, _told_place, sessions.PLACE_NAME)


_said = sa.select(REFUSAL)
_whose = (REFUSAL.c.person_id, REFUSAL.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)
_of_open = sa.and_(REFUSAL.c.person_id == OPEN.c.recipient, REFUSAL.c.session_id == _key)
REFUSALS = Scope(
    keys=with_ids(REFUSAL, "session_id", _ids, "person_id"),
    recipient=_recipient,
    key=REFUSAL.c.session_id,
    news={
        REFUSAL: under_every_id(_said.where(sessions.is_news(REFUSAL)), *_whose),
        SESSION: under_every_id(_said.join(SESSION, _of_session).where(sessions.is_news(SESSION)), *_whose),
        **news_of_ids(REFUSAL, "session_id", "person_id"),
    },
    soon={REFUSAL: sa.exists().where(_of_open, sessions.is_news(REFUSAL))},
)
"""Of most of them there is no place: it is not where they are found."""


def _read(reading: Reading, rules: Rules) -> Refused:
    refusal = reading.next(Refusal)
    facts = sessions.read(reading, known=False)
    other_is_open, is_for_them = reading.values(2)
    assert refusal is not None
    return Refused(facts, refusal, reading.next(Told), other_is_open, rules.since, is_for_them)


REFUSAL_KIND = Kind(
    name=NAME,
    letters=(REFUSED,),
    scope=REFUSALS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(
        _content.is_not(None), _is_for_them, REFUSAL.c.heard_at >= SINCE, TOLD.c.content.is_distinct_from(_content)
    ),
    waits={ANOTHER_MAIL: sa.or_(_other_is_open, sessions.to_hear_of_its_end(_told_place))},
    unknown=sessions.UNKNOWN,
    parts=(LASTS,),
    told_by_others=sa.false(),
    made_of=sessions.MADE_OF,
    columns=(*REFUSAL.c, *sessions.READ, _other_is_open, _is_for_them, *_told_place.c),
    read=_read,
    sheet=_sheet,
    concerned_by=sessions.EVERY_MAIL | {EnrolmentRefused},
    after=frozenset({sessions.OFFER_NAME, sessions.WAITING_NAME}),
    after_its_end=frozenset({sessions.PLACE_NAME}),
    yields_to=(REFUSAL, SESSION),
)
