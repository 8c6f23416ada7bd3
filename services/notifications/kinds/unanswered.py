"""The reminder to a town's coordinators that nobody has been nominated yet, two days before the town no longer may.

It leaves from the hour that the settings name, by Polish clocks, and is of use until the deadline. Once for each deadline; not to whom the
call was told within a day before that hour, or since, nor before that mail says what is true. Any answer to a nomination of the town
makes it void.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from services.notifications.kinds import call, coordinators, sessions
from services.notifications.kinds.call import ABOUT as ABOUT_CALL
from services.notifications.kinds.call import Called
from services.notifications.kinds.coordinators import COORDINATES, COORDINATOR
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import TOLD_NOTHING, missed_until
from services.notifications.kinds.sessions import UNSETTLED
from services.notifications.ledger import OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CHANGED, Office, Sheet, brief
from services.notifications.tables import ANSWERED, CALL, MAILBOX, NOW, SESSION, TOLD, is_another, is_told
from services.notifications.templates.wording import notices_of
from services.notifications.towns import Call
from services.notifications.untold import ENROLMENT, Addressee, Difference, judged
from services.notifications.untold import is_another as has_another
from shared.contracts.notifications import Mutable
from shared.values import immutable

NAME = "unanswered"
AWAITED = "nominations_awaited"


@immutable
class Unanswered(Called):
    """That a town that is called has nominated nobody, and may soon no longer."""

    told_call: Told | None
    is_answered: bool
    rules: Rules

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime]:
        call = self.call
        return call.noon_before_at + dt.timedelta(hours=self.rules.reminder_hour - 12), call.until

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        at, until = self.window
        if not self.coordinates or self.is_answered or not self.is_open(now) or not at <= now < until:
            return None
        if not self._knows_by(to, at) or (told is not None and told.content == self._deadline):
            return None
        waits_for = None if self.facts.settled else ENROLMENT
        found = Difference(AWAITED, self.says(self._deadline), waits_for=waits_for)
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way: who was not reminded was called all the same."""
        return missed_until(self.window[1], self, told, to, now=now, since=since)

    @property
    def _deadline(self) -> str:
        return str(sessions.microseconds(self.call.until))

    def _knows_by(self, to: Addressee, at: dt.datetime) -> bool:
        told = self.told_call
        if told is None or told.content != self.content or has_another(told, to):
            return False
        return told.told_at is not None and told.told_at <= at - self.rules.reminder_quiet

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return Called.mail(self, notice, found)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, AWAITED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[AWAITED], CHANGED)


# --- the same in SQL -----------------------------------------------------------------------

_slash = sa.literal("/", sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + CALL.c.session_id + _slash + CALL.c.city_id
_at = CALL.c.noon_before_at + sa.bindparam("reminder_after_noon", type_=sa.Interval())
_is_now = sa.and_(_at <= NOW, CALL.c.until > NOW)
_told_call = TOLD.alias("told_call")
_is_answered = sa.exists().where(ANSWERED.c.session_id == CALL.c.session_id, ANSWERED.c.city_id == CALL.c.city_id)
_knows = sa.and_(
    _told_call.c.content == call.WOULD_SAY,
    ~is_another(_told_call.c.mailbox, MAILBOX),
    _told_call.c.told_at <= _at - sa.bindparam("reminder_quiet", type_=sa.Interval()),
)
_content = sa.case((call.IS_OPEN, sessions.microseconds_of(CALL.c.until)))


def _around(calls: sa.FromClause) -> sa.FromClause:
    found = coordinators.around(calls, CALL, _about)
    return found.outerjoin(_told_call, is_told(_told_call, COORDINATOR.c.person_id, ABOUT_CALL))


def _read(reading: Reading, rules: Rules) -> Unanswered:
    its = reading.next(Call)
    facts, coordinates, town_name = coordinators.read(reading)
    team, is_answered = reading.values(2)
    assert its is not None
    return Unanswered(
        facts, coordinates, town_name, its, coordinators.team_of(team), reading.next(Told), is_answered, rules
    )


UNANSWERED_KIND = Kind(
    name=NAME,
    letters=(AWAITED,),
    scope=coordinators.CALLS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(
        COORDINATES,
        ~_is_answered,
        _content.is_not(None),
        sa.func.coalesce(_knows, sa.false()),
        TOLD.c.content.is_distinct_from(_content),
        _is_now,
    ),
    waits={ENROLMENT: UNSETTLED},
    unknown=coordinators.UNKNOWN,
    parts=(_is_now,),
    told_by_others=sa.false(),
    made_of=coordinators.MADE_OF,
    columns=(*CALL.c, *coordinators.READ, coordinators.TEAM, _is_answered, *_told_call.c),
    read=_read,
    sheet=_sheet,
    may_wait=True,
    concerned_by=frozenset(),
    mutes=Mutable.REMINDERS,
    yields_to=(CALL, SESSION),
)
