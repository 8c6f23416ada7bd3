"""Mails about a place: that somebody has one, what changed, and that it is gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import ClassVar

import sqlalchemy as sa

from services.notifications.kinds import filling, sessions
from services.notifications.kinds.entries import Entries, InCalendar
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.sessions import UNSETTLED
from services.notifications.ledger import OpenNotice, Told
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, PlaceMail
from services.notifications.place_sheet import place_sheet
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import PLACE, SESSION, stands
from services.notifications.untold import ENROLMENT, Addressee, Difference
from shared.contracts.enrolment import SEATED, PlaceChange
from shared.contracts.model import members
from shared.contracts.notifications import SessionTold
from shared.contracts.planner import OutsideTask
from shared.values import immutable

NAME = "place"


@immutable
class Place(InCalendar):
    """A person's place in a session."""

    pre_test_done: bool = False

    LETTERS: ClassVar = {CONFIRMATION: CONFIRMATION, CHANGE: CHANGE, CANCELLATION: CANCELLATION}

    @property
    def is_so(self) -> bool:
        return self.facts.stands(SEATED)

    def differs(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        """With what is to be known and filled in before: the mail says it, so other mails know what was told."""
        found, session = InCalendar.differs(self, told, to, now), self.facts.session
        if found is None or found.says.hash is None or session is None:
            return found
        is_asked = session.pre_test is not None and filling.is_open(session.pre_test, self.pre_test_done, now)
        more = {
            "note": session.note.name if session.note is not None else None,
            "pre_test": session.pre_test.name if session.pre_test is not None and is_asked else None,
        }
        says = found.says.says.model_copy(update=more)
        return replace(found, says=found.says.model_copy(update={"says": says}))

    def mail(self, notice: OpenNotice, found: Difference) -> PlaceMail:
        now = notice.stated_at or notice.planned_at
        asks_for_reply = found.is_ahead and self.facts.asks_for_reply(now)
        is_frozen = found.is_ahead and self.facts.is_frozen(now)
        goes_to_nobody = found.is_ahead and self.facts.goes_to_nobody(now)
        mail, session = InCalendar.mail(self, notice, found), self.facts.session
        its = session.pre_test if session is not None else None
        asks = its is not None and isinstance(found.says.says, SessionTold) and found.says.says.pre_test == its.name
        tasks = (filling.as_given(OutsideTask.PRE_TEST, its),) if its is not None and asks else ()
        note = session.note.text if session is not None and session.note is not None and found.says.hash else None
        return replace(
            mail,
            asks_for_reply=asks_for_reply,
            is_frozen=is_frozen,
            goes_to_nobody=goes_to_nobody,
            takes_answers=True,
            tasks=tasks,
            note=note if found.is_ahead else None,
        )

    @property
    def begins_because(self) -> str | None:
        """Whoever comes instead of somebody is told so, where a mail tells them the whole."""
        place = self.facts.place
        return sessions.SUBSTITUTED if place is not None and place.substitute_for is not None else None

    @property
    def ends_because(self) -> str | None:
        if self.is_called_off:
            return CANCELLED
        return sessions.SUBSTITUTED if self.facts.is_substituted else None


# --- the same in SQL -----------------------------------------------------------------------

_known = sessions.known_before(SEATED)
_has_place = sa.and_(stands(PLACE, SEATED), SESSION.c.state == SCHEDULED)
_entries = Entries(_has_place, _known)


def _around(places: sa.FromClause) -> sa.FromClause:
    return sessions.around(places, sessions.about(NAME)).outerjoin(_known, sa.true())


def _read(reading: Reading, rules: Rules) -> Place:
    facts = sessions.read(reading, known=True)
    (pre_test_done,) = reading.values(1)
    return Place(facts, pre_test_done)


PLACE_KIND = Kind(
    name=NAME,
    letters=(CONFIRMATION, CHANGE, CANCELLATION),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME),
    content=_entries.content,
    differs=_entries.differs,
    waits={ENROLMENT: sa.and_(_has_place, UNSETTLED)},
    unknown=sessions.UNKNOWN,
    parts=sessions.PARTS,
    told_by_others=sa.and_(_entries.known_content.is_not(None), _has_place),
    made_of=sessions.MADE_OF,
    columns=(*sessions.READ, *_known.c, filling.is_done(OutsideTask.PRE_TEST, PLACE.c.person_id)),
    read=_read,
    sheet=place_sheet,
    needed_at=sessions.needed_at(_known),
    settles=1.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(PlaceChange)),
    missed_at=_entries.missed_at,
    missed=_entries.missed(PLACE, SESSION),
)
