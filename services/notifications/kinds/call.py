"""Mails to a town's coordinators about the call to nominate people for a session: how many, until when and whom they have; what changed;
and that the call has ended before the deadline.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import field, replace
from typing import Any

import sqlalchemy as sa

from services.notifications.kinds import coordinators, sessions
from services.notifications.kinds.coordinators import (
    COORDINATED_AT_GO_LIVE,
    COORDINATES,
    COORDINATOR,
    MOST_NAMED,
    OfTown,
)
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import TOLD_NOTHING
from services.notifications.kinds.sessions import NOTHING_TOLD, UNSETTLED
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail, Named, arranged
from services.notifications.sheets import CALM, CHANGED, OFF, Feed, Office, Sheet, brief
from services.notifications.state import CANCELLED, SCHEDULED, SessionSaid
from services.notifications.tables import CALL, CALL_SAID, MAILBOX, NOW, SESSION, SINCE, TOLD, is_another
from services.notifications.templates.wording import notices_of
from services.notifications.towns import Call, CallSaid
from services.notifications.untold import ENROLMENT, Addressee, Difference, judged, standing
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import CallEnd, CallFact
from shared.contracts.model import members
from shared.contracts.notifications import CallTold
from shared.values import immutable

NAME = sessions.CALL_NAME
CALLED, CALL_CHANGE, CALL_ENDED = "call", "call_change", "call_ended"


@immutable
class Called(OfTown):
    """That a town may nominate people for a session, for so many places and until then. Whoever coordinated a town that was called at go-live was
    told by others."""

    call: Call
    team: tuple[str, ...]
    called_before: CallSaid | None = field(default=None, kw_only=True)
    """As the town was called at go-live, if they coordinated it then: whoever came to it since was told nothing by others."""

    @property
    def content(self) -> str | None:
        """What it is known by: whatever would have a coordinator act otherwise."""
        return _named(self.facts.session.content, self.call) if self.facts.session is not None else None

    def believed(self, told: Told | None) -> Told:
        """What they were told, by us, or else by others before go-live."""
        told, session, call = told or TOLD_NOTHING, self.facts.known_before, self.called_before
        if told.said is not None or session is None or session.state != SCHEDULED or call is None or call.ended:
            return told
        content = Content(hash=_named(session.content, call), says=sessions.told_of(session))
        return sessions.by_others(told, _says(content, call, self.town_name))

    def is_open(self, now: dt.datetime) -> bool:
        session, call = self.facts.session, self.call
        takes_place = session is not None and session.state == SCHEDULED and now < session.starts_at
        return takes_place and call.ended is None and now < call.until

    def says(self, content: str | None) -> Content:
        return _says(self.facts.true_now(content), self.call, self.town_name)

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self.coordinates:
            return None
        believed = self.believed(told)
        found = self._found(believed, to, now)
        return judged(found, told, believed, to, now=now) if found is not None else None

    def _found(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        believes = told.content is not None and told.until is not None and now < told.until
        before = standing(told.said) or standing(told.certain)
        if self.is_open(now):
            elsewhere = has_another(told, to)
            if told.content == self.content and not elsewhere:
                return None
            changed = believes and before is not None and not elsewhere
            found = Difference(
                CALL_CHANGE if changed else CALLED, self.says(self.content), before=before if changed else None
            )
            return replace(found, waits_for=None if self.facts.settled else ENROLMENT)
        if not believes:
            return None
        ended = (before or self.says(None)).model_copy(update={"hash": None})
        return Difference(CALL_ENDED, ended, because=self._because)

    @property
    def _because(self) -> str:
        session = self.facts.session
        if session is not None and session.state == CANCELLED:
            return CANCELLED
        return self.call.ended or CallEnd.CLOSED

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        mail = BriefMail.of(self.facts, notice, found, arranged(found.before, found.says.says))
        mail = replace(mail, town=self.town_name, town_id=self.call.city_id)
        told, before = found.says.says, found.before.says if found.before is not None else None
        if found.letter == CALL_ENDED or not isinstance(told, CallTold):
            return mail
        if isinstance(before, CallTold):
            moved = before.nominate_until if before.nominate_until != told.nominate_until else None
            mail = replace(mail, moment_before=moved, figures_before=(("places", before.places),))
        people, are_more = tuple(map(Named, self.team[:MOST_NAMED])), len(self.team) > MOST_NAMED
        mail = replace(mail, people=people, are_more=are_more)
        return replace(mail, moment=told.nominate_until, figures=(("places", told.places),))


def _named(content: str, call: Call) -> str:
    return f"{content}/{call.places}/{sessions.microseconds(call.until)}"


def _says(content: Content, call: Call, town_name: str | None) -> Content:
    """With the call, beside the session that it is to."""
    fields = dict(content.says) | {"of": "call", "town_id": call.city_id, "town_name": town_name}
    return content.model_copy(update={"says": CallTold(**fields, places=call.places, nominate_until=call.until)})


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, CALLED, CALL_CHANGE, CANCELLED, *CallEnd)
_TONES = {CALLED: CALM, CALL_CHANGE: CHANGED, CALL_ENDED: OFF}


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    notice = _NOTICES.of(office.wording, mail.language)[mail.because or mail.letter]
    sheet = brief(mail, office, notice, _TONES[mail.letter])
    return replace(sheet, feed=Feed(mail.town_id) if mail.town_id is not None else None)


# --- the same in SQL -----------------------------------------------------------------------

ABOUT = sa.literal(f"{NAME}/", sa.Text) + CALL.c.session_id + sa.literal("/", sa.Text) + CALL.c.city_id
IS_OPEN = sa.and_(
    CALL.c.ended.is_(None),
    CALL.c.until > NOW,
    SESSION.c.state == SCHEDULED,
    SESSION.c.starts_at > NOW,
)
_slash = sa.literal("/", sa.Text)


def _content_of(content: sa.ColumnElement[str], call: Any) -> sa.ColumnElement[str]:
    """`_named`."""
    until = sessions.microseconds_of(call.c.until)
    return content + _slash + sa.cast(call.c.places, sa.Text) + _slash + until


WOULD_SAY = _content_of(SESSION.c.content, CALL)
_content = sa.case((IS_OPEN, WOULD_SAY))
_of_call = sa.and_(CALL_SAID.c.session_id == CALL.c.session_id, CALL_SAID.c.city_id == CALL.c.city_id)
_before = (
    sa.select(CALL_SAID)
    .where(_of_call, CALL_SAID.c.heard_at < SINCE, COORDINATED_AT_GO_LIVE)
    .order_by((CALL_SAID.c.source == CALL.c.source).desc(), CALL_SAID.c.version.desc())
    .limit(1)
    .correlate(CALL, COORDINATOR)
    .lateral("called_before")
)
_known = sessions.session_before(NOTHING_TOLD)
_is_known = sa.and_(NOTHING_TOLD, _known.c.state == SCHEDULED, _before.c.until.is_not(None), _before.c.ended.is_(None))
_believed = sa.case((_is_known, _content_of(_known.c.content, _before)), else_=TOLD.c.content)
_until = sa.case((_is_known, _before.c.until), else_=TOLD.c.until)
_believes = sa.and_(_believed.is_not(None), sa.func.coalesce(_until > NOW, sa.false()))
_is_ahead = CALL.c.until > NOW
_was_ahead = sa.exists().where(_of_call, CALL_SAID.c.until > NOW)


def _around(calls: sa.FromClause) -> sa.FromClause:
    found = coordinators.around(calls, CALL, ABOUT)
    return found.outerjoin(_before, sa.true()).outerjoin(_known, sa.true())


def _read(reading: Reading, rules: Rules) -> Called:
    call = reading.next(Call)
    facts, coordinates, town_name = coordinators.read(reading)
    (team,) = reading.values(1)
    before, known = reading.next(CallSaid), reading.next(SessionSaid)
    assert call is not None
    facts = replace(facts, known_before=known)
    return Called(facts, coordinates, town_name, call, coordinators.team_of(team), called_before=before)


CALL_KIND = Kind(
    name=NAME,
    letters=(CALLED, CALL_CHANGE, CALL_ENDED),
    scope=coordinators.CALLS,
    around=_around,
    about=ABOUT,
    content=_content,
    differs=sa.and_(
        COORDINATES,
        sa.or_(
            sa.and_(
                _content.is_not(None),
                sa.or_(_believed.is_distinct_from(_content), is_another(TOLD.c.mailbox, MAILBOX)),
            ),
            sa.and_(_content.is_(None), _believes),
        ),
    ),
    waits={ENROLMENT: sa.and_(_content.is_not(None), UNSETTLED)},
    unknown=coordinators.UNKNOWN,
    parts=(
        _is_ahead,
        sa.and_(~_is_ahead, ~NOTHING_TOLD, TOLD.c.until > NOW),
        sa.and_(~_is_ahead, NOTHING_TOLD, _was_ahead),
    ),
    told_by_others=sa.and_(_is_known, _content.is_not(None)),
    made_of=coordinators.MADE_OF,
    columns=(*CALL.c, *coordinators.READ, coordinators.TEAM, *_before.c, *_known.c),
    read=_read,
    sheet=_sheet,
    needed_at=sa.func.least(
        SESSION.c.starts_at, CALL.c.until, sa.case((_is_known, sa.func.least(_known.c.starts_at, _before.c.until)))
    ),
    settles=4.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(CallFact)),
    yields_to=(CALL, SESSION),
)
