"""Mails to a town's coordinators about the call to nominate people for a session: how many, until when and whom they have; what changed;
and that the call has ended before the deadline.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import coordinators, sessions
from services.notifications.kinds.coordinators import COORDINATES, OfTown
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import TOLD_NOTHING
from services.notifications.kinds.sessions import UNSETTLED
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail, Named, arranged
from services.notifications.sheets import CALM, CHANGED, OFF, Feed, Office, Sheet, brief
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import CALL, MAILBOX, NOW, SESSION, SINCE, TOLD, is_another
from services.notifications.templates.wording import notices_of
from services.notifications.towns import Call
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
    """That a town may nominate people for a session, for so many places and until then. Whoever was called before go-live was told by
    others."""

    call: Call
    team: tuple[str, ...]
    since: dt.datetime

    @property
    def content(self) -> str | None:
        """What it is known by: whatever would have a coordinator act otherwise."""
        session, call = self.facts.session, self.call
        return f"{session.content}/{call.places}/{sessions.microseconds(call.until)}" if session is not None else None

    def is_open(self, now: dt.datetime) -> bool:
        session, call = self.facts.session, self.call
        takes_place = session is not None and session.state == SCHEDULED and now < session.starts_at
        return takes_place and call.ended is None and now < call.until and call.heard_at >= self.since

    def says(self, content: str | None) -> Content:
        call = self.call
        town = {"of": "call", "town_id": call.city_id, "town_name": self.town_name}
        fields = dict(self.facts.true_now(None).says) | town
        told = CallTold(**fields, places=call.places, nominate_until=call.until)
        return Content(hash=content, says=told)

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self.coordinates:
            return None
        found = self._found(told or TOLD_NOTHING, to, now)
        return judged(found, told, told or TOLD_NOTHING, to, now=now) if found is not None else None

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
        people = tuple(map(Named, self.team))
        return replace(mail, moment=told.nominate_until, figures=(("places", told.places),), people=people)


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
    CALL.c.heard_at >= SINCE,
)
_slash = sa.literal("/", sa.Text)
WOULD_SAY = (
    SESSION.c.content + _slash + sa.cast(CALL.c.places, sa.Text) + _slash + sessions.microseconds_of(CALL.c.until)
)
_content = sa.case((IS_OPEN, WOULD_SAY))
_believes = sa.and_(TOLD.c.content.is_not(None), sa.func.coalesce(TOLD.c.until > NOW, sa.false()))
_is_ahead = CALL.c.until > NOW


def _around(calls: sa.FromClause) -> sa.FromClause:
    return coordinators.around(calls, CALL, ABOUT)


def _read(reading: Reading, rules: Rules) -> Called:
    call = reading.next(Call)
    facts, coordinates, town_name = coordinators.read(reading)
    (team,) = reading.values(1)
    assert call is not None
    return Called(facts, coordinates, town_name, call, tuple(team or ()), rules.since)


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
                sa.or_(TOLD.c.content.is_distinct_from(_content), is_another(TOLD.c.mailbox, MAILBOX)),
            ),
            sa.and_(_content.is_(None), _believes),
        ),
    ),
    waits={ENROLMENT: sa.and_(_content.is_not(None), UNSETTLED)},
    unknown=coordinators.UNKNOWN,
    parts=(_is_ahead, sa.and_(~_is_ahead, TOLD.c.until > NOW)),
    told_by_others=sa.false(),
    made_of=coordinators.MADE_OF,
    columns=(*CALL.c, *coordinators.READ, coordinators.TEAM),
    read=_read,
    sheet=_sheet,
    needed_at=sa.func.least(SESSION.c.starts_at, CALL.c.until),
    settles=4.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(CallFact)),
    yields_to=(CALL, SESSION),
)
