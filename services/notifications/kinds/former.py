"""The mail that takes an entry out of somebody's calendar which was told to an id of theirs that has gone into another one.

Their place, or what they train, is told under the id that stays, as an entry of its own; nothing follows the old one any more. So it is called
off by itself, once mails have said how things stand: whoever has the place has one entry of it, and whoever has none does not come.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from services.notifications.calendar import as_trainer
from services.notifications.kinds import sessions
from services.notifications.kinds.entries import mail_of_entry
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, OfSession
from services.notifications.kinds.trainers import MADE_OF, is_named
from services.notifications.kinds.training import NAME as TRAINING_NAME
from services.notifications.ledger import Belief, OpenNotice, Told
from services.notifications.letters import CANCELLATION, PlaceMail
from services.notifications.place_sheet import entry_sheet
from services.notifications.sheets import CALM, Feed, Office, Sheet
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import (
    CONTACT,
    NOW,
    OPEN,
    PERSON,
    PLACE,
    REHEARSES,
    SESSION,
    SETTLED,
    TOLD,
    is_told,
    stands,
)
from services.notifications.templates.wording import notices_of
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT, Addressee, Difference, judged, standing
from shared.contracts.enrolment import SEATED, EnrolmentWithdrawn
from shared.postgres.merged import paths_of, survivors_of
from shared.state.rows import fields_of
from shared.values import immutable
from shared.web.links import Purpose

NAME = "former"
ENTRY_ENDED, ENTRY_GONE, ENTRY_CANCELLED = "entry_ended", "entry_gone", "entry_cancelled"
"""By what is so under the id that stays: they are in the training, they are not, it is called off."""


@immutable
class FormerEntry(OfSession):
    """That an id which went into this one was told of an entry, and nothing has taken it out since. `facts`: with the place under this id."""

    entry: Told | None
    """What that id was told; None: it is somebody of their own again."""
    is_theirs: bool
    """Whether it is so under this id what it tells of, in a session that takes place."""
    is_so_as_told: bool
    """Whether an id that went still has the place: enrolment has not been heard of the merge."""
    other_is_open: bool
    """Whether a mail about it is on its way to them."""

    @property
    def is_of_training(self) -> bool:
        return self.entry is not None and self.entry.about.partition("/")[0] == TRAINING_NAME

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        entry, session = self.entry, self.facts.session
        if entry is None or session is None or entry.said is None or entry.content is None or self.is_so_as_told:
            return None
        if entry.until is None or now >= entry.until or (told is not None and told.content == entry.notice_id):
            return None
        said = standing(entry.said) or standing(entry.certain) or entry.said
        found = Difference(
            self._letter,
            said.model_copy(update={"hash": entry.notice_id}),
            certain=standing(entry.certain),
            because=CANCELLED if self._letter == ENTRY_CANCELLED else None,
            waits_for=self._first,
        )
        found = judged(found, told, told or TOLD_NOTHING, to, now=now)
        return replace(found, in_doubt=found.in_doubt or entry.state == Belief.MAYBE)

    @property
    def _letter(self) -> str:
        if self.facts.session is not None and self.facts.session.state == CANCELLED:
            return ENTRY_CANCELLED
        return ENTRY_ENDED if self.is_theirs else ENTRY_GONE

    @property
    def _first(self) -> str | None:
        session = self.facts.session
        takes_place = session is not None and session.state == SCHEDULED
        if takes_place and not self.is_of_training and not self.facts.settled:
            return ENROLMENT
        return ANOTHER_MAIL if self.other_is_open else None

    def mail(self, notice: OpenNotice, found: Difference) -> PlaceMail:
        entry = self.entry
        if entry is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        mail = mail_of_entry(self.facts, notice, found, CANCELLATION, sequence=entry.sequence + 1)
        leads_to = Purpose.LISTS if self.is_of_training else Purpose.PLACE
        # Of a place it comes from where its answers go, as the invitation did.
        takes_answers = not self.is_of_training
        return replace(
            mail, whose=entry.recipient, stays=self.is_theirs, leads_to=leads_to, takes_answers=takes_answers
        )


# --- what it says --------------------------------------------------------------------------

_LETTERS = (ENTRY_ENDED, ENTRY_GONE, ENTRY_CANCELLED)
_NOTICES = notices_of(NAME, *_LETTERS)


def _sheet(mail: PlaceMail, office: Office) -> Sheet:
    letter = ENTRY_CANCELLED if mail.session_cancelled else ENTRY_ENDED if mail.stays else ENTRY_GONE
    sheet = entry_sheet(mail, office, lambda changed: _NOTICES.of(office.wording, mail.language)[letter])
    if letter == ENTRY_ENDED:
        sheet = replace(sheet, shown=replace(sheet.shown, tone=CALM))
    is_of_training = mail.leads_to is Purpose.LISTS
    session_id = as_trainer(mail.session_id) if is_of_training else mail.session_id
    return replace(sheet, letter=letter, session_id=session_id, entry_of=mail.whose, feed=Feed())


# --- the same in SQL -----------------------------------------------------------------------

_went, _goes = survivors_of(PERSON).alias("entry_went"), paths_of(PERSON).alias("entry_goes")
_its = TOLD.alias("told_of_entry")
_slash, _of = sa.literal("/", sa.Text), sa.func.split_part(_its.c.about, "/", 1)
_entry = (
    sa.select(
        *_its.c,
        _of.label("of"),
        sa.func.split_part(_its.c.about, "/", 2).label("session_id"),
        _went.c.into_id.label("person_id"),
    )
    .select_from(sa.join(_its, _went, _went.c.person_id == _its.c.recipient))
    .where(sa.or_(_of == sessions.PLACE_NAME, _of == TRAINING_NAME))
    .subquery("entry")
)
"""What was told to every id that has gone into another one, of what a calendar shows."""
_person, _session, _former = _entry.c.person_id, _entry.c.session_id, _entry.c.recipient
_about = sa.literal(f"{NAME}/", sa.Text) + _session + _slash + _entry.c.of + _slash + _former
_former_place, _also_went = PLACE.alias("former_place"), survivors_of(PERSON).alias("also_went")
_is_training = _entry.c.of == TRAINING_NAME
_takes_place = sa.func.coalesce(SESSION.c.state == SCHEDULED, sa.false())
_has_place = sa.func.coalesce(stands(PLACE, SEATED), sa.false())
_is_theirs = sa.and_(
    _takes_place, sa.or_(sa.and_(~_is_training, _has_place), sa.and_(_is_training, is_named(_person, SESSION, _entry)))
)
_had_formerly = (
    sa.exists()
    .where(_former_place.c.person_id == _also_went.c.person_id, _also_went.c.into_id == _person)
    .where(_former_place.c.session_id == _session, stands(_former_place, SEATED))
)
_is_so_as_told = sa.and_(_takes_place, ~_is_training, _had_formerly)
_counts = sa.or_(REHEARSES, _entry.c.state != Belief.REHEARSED)
_stands = sa.and_(
    _counts, ~sessions.nothing_told(_entry), _entry.c.content.is_not(None), SESSION.c.session_id.is_not(None)
)
_content = sa.case((sa.and_(_stands, ~_is_so_as_told), _entry.c.notice_id))
_other_is_open = sa.exists().where(OPEN.c.recipient == _person, OPEN.c.about == _entry.c.of + _slash + _session)
_for_enrolment = sa.and_(_takes_place, ~_is_training, sessions.UNSETTLED)
_lasts = sa.func.coalesce(_entry.c.until > NOW, sa.false())
_is_between = sa.exists().where(_goes.c.person_id == _former, _goes.c.into_id == PERSON.c.person_id)
_is_of_either = sa.or_(PLACE.c.person_id == _person, PLACE.c.person_id == _former)


def _news(table: sa.Table, *its: sa.ColumnElement[bool]) -> sa.Select[Any]:
    found = sa.select(_person, _session).select_from(sa.join(_entry, table, sa.and_(*its)))
    return found.where(sessions.is_news(table))


ENTRIES = Scope(
    keys=_entry,
    recipient=_person,
    key=_session,
    news={
        CONTACT: _news(CONTACT, CONTACT.c.person_id == _person),
        PERSON: _news(PERSON, sa.or_(PERSON.c.person_id.in_([_person, _former]), _is_between)),
        PLACE: _news(PLACE, PLACE.c.session_id == _session, _is_of_either),
        SESSION: _news(SESSION, SESSION.c.session_id == _session),
        SETTLED: _news(SETTLED, SETTLED.c.session_id == _session),
    },
    soon={},
)
"""What is put off is brought forward by what all mails about a session have in common."""


def _around(entries: sa.FromClause) -> sa.FromClause:
    own = sa.and_(PLACE.c.session_id == _session, PLACE.c.person_id == _person)
    return (
        entries.outerjoin(SESSION, SESSION.c.session_id == _session)
        .outerjoin(PLACE, own)
        .outerjoin(TOLD, is_told(TOLD, _person, _about))
        .outerjoin(CONTACT, CONTACT.c.person_id == _person)
        .outerjoin(SETTLED, sessions.IS_SETTLED)
    )


def _read(reading: Reading, rules: Rules) -> FormerEntry:
    facts, entry = sessions.read(reading, known=False), reading.next(Told)
    counts, is_theirs, is_so_as_told, other_is_open = reading.values(4)
    return FormerEntry(facts, entry if counts else None, bool(is_theirs), bool(is_so_as_told), bool(other_is_open))


FORMER_KIND = Kind(
    name=NAME,
    letters=_LETTERS,
    scope=ENTRIES,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_lasts, _content.is_not(None), TOLD.c.content.is_distinct_from(_content)),
    waits={ENROLMENT: _for_enrolment, ANOTHER_MAIL: sa.and_(~_for_enrolment, _other_is_open)},
    unknown=sessions.UNKNOWN,
    parts=(_lasts,),
    told_by_others=sa.false(),
    made_of=MADE_OF,
    columns=(
        *sessions.READ,
        *(_entry.c[name] for name in fields_of(Told)),
        _counts,
        _is_theirs,
        _is_so_as_told,
        _other_is_open,
    ),
    read=_read,
    sheet=_sheet,
    # Of a place that is given nobody asks here, nor once a mail has told of it: the look at the whole finds what waited for that.
    concerned_by=sessions.EVERY_MAIL | {EnrolmentWithdrawn},
    after_its_end=frozenset({sessions.PLACE_NAME, TRAINING_NAME}),
    needed_at=sa.func.least(sessions.begins_at_least(_entry.c.said), sessions.begins_at_least(_entry.c.certain)),
    settles=1.0,
)
