"""The mail to somebody whom their town nominated and who could not be given a place: what their coordinator asked, why it did not work out,
and who can do something about it.

Who came in by it hears that from the mail about the place, an offer or the waiting list; and nobody gets a refusal of what they did not ask.
"""

from __future__ import annotations

import datetime as dt
from typing import assert_never

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import LASTS
from services.notifications.kinds.whoever import ids_of, is_for, news_of_ids, under_every_id, with_ids
from services.notifications.ledger import Content, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import OFF, Office, Sheet, brief
from services.notifications.state import SCHEDULED, Place
from services.notifications.tables import ANSWERED, NOMINATED, NOW, OPEN, PLACE, SESSION, SINCE, TOLD
from services.notifications.templates.wording import notices_of
from services.notifications.towns import Nominated
from services.notifications.untold import ANOTHER_MAIL, Addressee, Difference
from shared.contracts.enrolment import ACTIVE, EnrolmentWithdrawn, NominationAnswered, RefusalReason, Standing
from shared.contracts.notifications import RefusalTold
from shared.values import immutable

NAME = "nominated"
NOT_PLACED = "nominated"


def is_mailed(reason: RefusalReason) -> bool:
    """Whether it is of use to who was nominated to hear why they have no place."""
    match reason:
        case (
            RefusalReason.NOT_IN_TEAM
            | RefusalReason.NOT_OF_TOWN
            | RefusalReason.TOWN_NOT_QUALIFIED
            | RefusalReason.NOT_ADMITTED
            | RefusalReason.OVERLAPS
            | RefusalReason.REMOVED_BY_OFFICE
            | RefusalReason.DOES_NOT_FIT
        ):
            return True
        case (
            RefusalReason.ALREADY_PLACED  # They have one.
            | RefusalReason.WITHDRAWN_SINCE
            | RefusalReason.SESSION_MOVED  # The mail about the change says what is so.
            | RefusalReason.ASKED_SINCE  # They said so themselves.
            | RefusalReason.PERSON_ERASED  # Nobody writes to them.
            | RefusalReason.NOMINATIONS_CLOSED
            | RefusalReason.NOT_OPEN_YET
            | RefusalReason.ENROLMENT_CLOSED
            | RefusalReason.FROZEN
            | RefusalReason.SESSION_CANCELLED
            | RefusalReason.SESSION_STARTED
            | RefusalReason.TEAM_BY_RULE
            | RefusalReason.NOT_BY_ONESELF
            | RefusalReason.NEVER_KNOWN
            | RefusalReason.NO_PLACE
            | RefusalReason.NO_OFFER
            | RefusalReason.OFFER_EXPIRED  # About the nomination, and not about them: their coordinator is told.
        ):
            return False
        case never:
            assert_never(never)


MAILED = tuple(reason for reason in RefusalReason if is_mailed(reason))


@immutable
class NotPlaced(Once):
    """That a person's town nominated them in vain. Told as long as they have nothing in the session that takes place."""

    nominated: Nominated
    told_place: Told | None
    other_is_open: bool
    since: dt.datetime
    is_for_them: bool = True
    """Whether it is to be told under this id of theirs."""

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.facts.session.starts_at if self.facts.session is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session, its, place = self.facts.session, self.nominated, self.facts.place
        if session is None or session.state != SCHEDULED or now >= session.starts_at or its.heard_at < self.since:
            return None
        if not self.is_for_them or its.reason is None or not is_mailed(its.reason) or _has_something(place):
            return None
        fields = dict(self.facts.true_now(None).says) | {"of": "refusal", "reason": its.reason}
        is_first = self.other_is_open or sessions.is_to_hear_of_its_end(self.told_place, to, now)
        return Difference(
            NOT_PLACED,
            Content(hash=its.nomination_id, says=RefusalTold(**fields)),
            because=its.reason,
            waits_for=ANOTHER_MAIL if is_first else None,
        )


def _has_something(place: Place | None) -> bool:
    return place is not None and Standing(place.state).is_active


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, *MAILED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    assert mail.because is not None
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[mail.because], OFF)


# --- the same in SQL -----------------------------------------------------------------------

_about = sessions.about(NAME, of=NOMINATED)
_ids = ids_of(NOMINATED, "session_id", "person_id", newest=["heard_at"], last_word=True)
_recipient = _ids.c.person_id
_is_for_them = is_for(_ids, _about, NOMINATED.c.nomination_id)
_of_session = NOMINATED.c.session_id == SESSION.c.session_id
_told_place = sessions.told_of_another(sessions.PLACE_NAME)
_other_is_open = sessions.is_open(sessions.PLACE_NAME, sessions.OFFER_NAME, sessions.WAITING_NAME)
_is_ahead = sa.and_(SESSION.c.state == SCHEDULED, SESSION.c.starts_at > NOW)
_is_to_be_said = sa.and_(
    NOMINATED.c.reason.in_(MAILED), sa.or_(PLACE.c.session_id.is_(None), PLACE.c.state.not_in(ACTIVE))
)
_content = sa.case((sa.and_(_is_ahead, _is_to_be_said), NOMINATED.c.nomination_id))


def _around(nominated: sa.FromClause) -> sa.FromClause:
    found = sessions.beside_place(nominated, NOMINATED, _recipient, _about)
    return sessions.with_told(found, _told_place, sessions.PLACE_NAME, of=NOMINATED, whose=_recipient)


_said = sa.select(NOMINATED)
_whose = (NOMINATED.c.person_id, NOMINATED.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)
_heard = sessions.is_news(NOMINATED)
_place = sa.select(PLACE.c.person_id, PLACE.c.session_id).where(sessions.is_news(PLACE))
_SCOPE = Scope(
    keys=with_ids(NOMINATED, "session_id", _ids, "person_id"),
    recipient=_recipient,
    key=NOMINATED.c.session_id,
    news={
        ANSWERED: under_every_id(_said.where(_heard), *_whose),
        PLACE: _place,
        SESSION: under_every_id(_said.join(SESSION, _of_session).where(sessions.is_news(SESSION)), *_whose),
        **news_of_ids(NOMINATED, "session_id", "person_id"),
    },
    soon={
        ANSWERED: sa.exists().where(NOMINATED.c.person_id == OPEN.c.recipient, NOMINATED.c.session_id == _key, _heard)
    },
)


def _read(reading: Reading, rules: Rules) -> NotPlaced:
    nominated = reading.next(Nominated)
    facts = sessions.read(reading, known=False)
    other_is_open, is_for_them = reading.values(2)
    assert nominated is not None
    return NotPlaced(facts, nominated, reading.next(Told), other_is_open, rules.since, is_for_them)


NOMINATED_KIND = Kind(
    name=NAME,
    letters=(NOT_PLACED,),
    scope=_SCOPE,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(
        _content.is_not(None), _is_for_them, NOMINATED.c.heard_at >= SINCE, TOLD.c.content.is_distinct_from(_content)
    ),
    waits={ANOTHER_MAIL: sa.or_(_other_is_open, sessions.to_hear_of_its_end(_told_place))},
    unknown=sessions.UNKNOWN,
    parts=(LASTS,),
    told_by_others=sa.false(),
    made_of=sessions.MADE_OF,
    columns=(*NOMINATED.c, *sessions.READ, _other_is_open, _is_for_them, *_told_place.c),
    read=_read,
    sheet=_sheet,
    settles=1.0,
    concerned_by=sessions.EVERY_MAIL | {NominationAnswered, EnrolmentWithdrawn},
    after=frozenset({sessions.OFFER_NAME, sessions.WAITING_NAME}),
    after_its_end=frozenset({sessions.PLACE_NAME}),
    yields_to=(NOMINATED, SESSION),
)
