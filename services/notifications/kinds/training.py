"""Mails to a trainer about a training of theirs: that it is theirs, with an entry for their calendar, what changed, and that it is not any more.

Nothing of it waits for enrolment: who trains, and when, the planner alone says.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import ClassVar

import sqlalchemy as sa

from services.notifications.calendar import as_trainer
from services.notifications.kinds import sessions, trainers
from services.notifications.kinds.entries import Entries, InCalendar
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.trainers import TRAINER, TRAINERS, TRAINS
from services.notifications.ledger import OpenNotice
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, PlaceMail
from services.notifications.place_sheet import entry_sheet
from services.notifications.sheets import Feed, Office, Sheet
from services.notifications.state import CANCELLED, SessionSaid
from services.notifications.tables import SESSION, SESSION_SAID, SINCE, TOLD
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference
from shared.values import immutable
from shared.web.links import Purpose

NAME = "training"
TRAINING, TRAINING_CHANGE, TRAINING_ENDED = "training", "training_change", "training_ended"
PAST = "past"
_LETTERS = {CONFIRMATION: TRAINING, CHANGE: TRAINING_CHANGE, CANCELLATION: TRAINING_ENDED}


@immutable
class Trains(InCalendar):
    """That somebody trains a session."""

    trains: bool

    LETTERS: ClassVar = _LETTERS

    @property
    def is_so(self) -> bool:
        return self.trains

    @property
    def heard(self) -> tuple[dt.datetime, ...] | None:
        return (self.facts.session.heard_at,) if self.facts.session is not None else None

    def first(self, found: Difference, to: Addressee, now: dt.datetime) -> str | None:
        return None

    def mail(self, notice: OpenNotice, found: Difference) -> PlaceMail:
        return replace(InCalendar.mail(self, notice, found), leads_to=Purpose.LISTS)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, *_LETTERS.values(), CANCELLED, PAST)


def _sheet(mail: PlaceMail, office: Office) -> Sheet:
    name = _LETTERS[mail.letter]
    if mail.letter == CANCELLATION and mail.session_cancelled:
        name = CANCELLED
    if mail.letter == CHANGE and not mail.is_ahead:
        name = PAST
    sheet = entry_sheet(mail, office, lambda changed: _NOTICES.of(office.wording, mail.language)[name])
    # Whoever has a place in what they train has two entries, and each is called off by itself.
    return replace(sheet, letter=_LETTERS[mail.letter], session_id=as_trainer(mail.session_id), feed=Feed())


# --- the same in SQL -----------------------------------------------------------------------

_known = (
    sa.select(SESSION_SAID)
    .where(SESSION_SAID.c.session_id == SESSION.c.session_id, SESSION_SAID.c.heard_at < SINCE)
    .where(sessions.nothing_told(TOLD))
    .order_by((SESSION_SAID.c.source == SESSION.c.source).desc(), SESSION_SAID.c.version.desc())
    .limit(1)
    .correlate(SESSION, TOLD)
    .lateral("known")
)
"""The session as it was known at go-live: whoever trained it then was told by others."""
_about = trainers.about(NAME)
_entries = Entries(TRAINS, _known)


def _around(found: sa.FromClause) -> sa.FromClause:
    knew = trainers.is_named(TRAINER.c.person_id, _known, TRAINER)
    return trainers.around(found, _about).outerjoin(_known, knew)


def _read(reading: Reading, rules: Rules) -> Trains:
    facts, trains = trainers.read(reading)
    return Trains(replace(facts, known_before=reading.next(SessionSaid)), trains)


TRAINING_KIND = Kind(
    name=NAME,
    letters=tuple(_LETTERS.values()),
    scope=TRAINERS,
    around=_around,
    about=_about,
    content=_entries.content,
    differs=_entries.differs,
    waits={},
    unknown=sessions.UNKNOWN,
    parts=sessions.PARTS,
    told_by_others=sa.and_(_entries.known_content.is_not(None), TRAINS),
    made_of=trainers.MADE_OF,
    columns=(*trainers.READ, *_known.c),
    read=_read,
    sheet=_sheet,
    concerned_by=sessions.EVERY_MAIL,
    missed_at=_entries.missed_at,
    missed=_entries.missed(SESSION),
    yields_to=(SESSION,),
    needed_at=sessions.needed_at(_known),
    settles=1.0,
)
