"""The mail that the practical note of a session is another one now: where to park, what to bring.

To whoever has a place and knows of it as it is, with another note or none; whoever is yet to be told of the place reads the note there. A
note that is taken away says nothing: what somebody brings in vain harms nobody.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import knowing, sessions
from services.notifications.kinds.knowing import KNOWN, TOLD_PLACE, Reminding, reminder_kind, standing_place
from services.notifications.kinds.matters import TOLD_NOTHING
from services.notifications.ledger import OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CHANGED, Office, Sheet, brief
from services.notifications.tables import NOW, SESSION, TOLD
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference, judged
from shared.contracts.notifications import SessionTold
from shared.values import immutable

NAME = "note"
NOTE_CHANGED = "note_changed"


@immutable
class NoteChanged(Reminding):
    """That a person who comes has another practical note, or none."""

    RULE, LETTER = "practical-note", NOTE_CHANGED

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        session = self.facts.session
        return (self.rules.since, session.starts_at) if session is not None else None

    @property
    def content(self) -> str | None:
        note = self.facts.session.note if self.facts.session is not None else None
        return note.name if note is not None else None

    @property
    def is_void(self) -> bool:
        return self.content is None

    def knows(self, to: Addressee, at: dt.datetime) -> bool:
        return knowing.knows_since(self.facts, self.told_place, to, self.rules) is not None

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        """From the last that they read, here or in the mail about their place."""
        found = self.found(to, now)
        if found is None or self._read_last(told) == self.content:
            return None
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def _read_last(self, told: Told | None) -> str | None:
        place = self.told_place
        if place is None or place.said is None:
            known = self.facts.known_before
            before = known.note.name if known is not None and known.note is not None else None
            return told.content if told is not None and told.content is not None else before
        if (
            told is not None
            and told.told_at is not None
            and place.told_at is not None
            and told.told_at >= place.told_at
        ):
            return told.content
        says = place.said.says
        return says.note if isinstance(says, SessionTold) else None

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        session = self.facts.session
        note = session.note.text if session is not None and session.note is not None else None
        return replace(BriefMail.of(self.facts, notice, found), note=note)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, NOTE_CHANGED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    notice = _NOTICES.of(office.wording, mail.language)[NOTE_CHANGED]
    return standing_place(mail, brief(mail, office, notice, CHANGED))


# --- the same in SQL -----------------------------------------------------------------------

_name = sa.type_coerce(SESSION.c.note, JSONB)["name"].astext
_before = sa.type_coerce(KNOWN.c.note, JSONB)["name"].astext
_of_place = sa.type_coerce(TOLD_PLACE.c.said, JSONB)["says"]["note"].astext
_read_last = sa.case(
    (sessions.nothing_told(TOLD_PLACE), sa.func.coalesce(TOLD.c.content, _before)),
    (TOLD.c.told_at >= TOLD_PLACE.c.told_at, TOLD.c.content),
    else_=_of_place,
)
_is_ahead = SESSION.c.starts_at > NOW
_kind = reminder_kind(
    NoteChanged,
    NAME,
    is_now=_is_ahead,
    at=SESSION.c.starts_at,
    besides=sa.true(),
    sheet=_sheet,
    says=_name,
    knows=sa.true(),
)
NOTE_KIND = replace(
    _kind,
    differs=sa.and_(
        _is_ahead,
        _kind.content.is_not(None),
        knowing.KNOWS_SINCE.is_not(None),
        _read_last.is_distinct_from(_kind.content),
    ),
    settles=1.0,
    may_wait=False,
    mutes=None,
    concerned_by=sessions.EVERY_MAIL,
    # Whoever is given back the place before its end has left hears nothing of it, and nothing else brings the note.
    after_its_end=frozenset({sessions.PLACE_NAME}),
)
