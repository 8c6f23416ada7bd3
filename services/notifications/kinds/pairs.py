"""Two places of one person at the same time of day: what the mails about such a clash have in common.

A clash is what both places say of each other (`clashes_with`), while the person has both. It is named from one side, that of the session
whose id comes first: whichever is heard first, it is one clash. Which time it is that side tells as well: what had been said last of the
place before, and said otherwise. So a clash that has gone and comes again is another one, and one that goes on while a session moves is not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import Content, OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.state import SCHEDULED
from services.notifications.tables import PLACE, PLACE_SAID, SESSION, SETTLED, stands
from services.notifications.untold import Difference
from shared.contracts.enrolment import SEATED
from shared.contracts.model import Language
from shared.contracts.notifications import Clashing, ClashTold

# --- values --------------------------------------------------------------------------------


def begins_at(one: Facts, other: Facts) -> dt.datetime | None:
    """When the first of two sessions begins: then it is too late to choose."""
    if one.session is None or other.session is None:
        return None
    return min(one.session.starts_at, other.session.starts_at)


def take_place(one: Facts, other: Facts) -> bool:
    return all(facts.session is not None and facts.session.state == SCHEDULED for facts in (one, other))


def told_of(one: Facts, other: Facts, hashed: str, people: tuple[Clashing, ...] = ()) -> Content:
    moment = begins_at(one, other)
    assert moment is not None
    assert other.session is not None
    fields = dict(one.true_now(None).says) | {"of": "clash"}
    says = ClashTold(
        **fields,
        other_session_id=other.session.session_id,
        other=sessions.told_of(other.session, other.city_name),
        begins_at=moment,
        people=people,
    )
    return Content(hash=hashed, says=says)


def named(one: Facts, other: Facts, content: Content, language: Language) -> Content:
    """With the names of both topics."""
    content = one.named(content, language)
    says = content.says
    assert isinstance(says, ClashTold)
    its = other.named(Content(hash=None, says=says.other), language).says
    return content.model_copy(update={"says": says.model_copy(update={"other": its})})


def mail_of(one: Facts, other: Facts, notice: OpenNotice, found: Difference) -> BriefMail:
    """About both, in the order in which they begin."""
    says = notice.content.says if notice.content is not None else None
    assert isinstance(says, ClashTold)
    first, second = BriefMail.of(one, notice, found), BriefMail.of(other, notice, found, says=says.other)
    if says.other.needed_at < min(meeting.starts_at for meeting in says.meetings):
        first, second = second, first
    return replace(first, also=second)


# --- the same in SQL -----------------------------------------------------------------------

OTHER_PLACE, OTHER_SESSION = PLACE.alias("other_place"), SESSION.alias("other_session")
OTHER_SETTLED = SETTLED.alias("other_settled")
UNSETTLED = sa.or_(sessions.UNSETTLED, OTHER_SETTLED.c.event_id.is_(None))
_unknown_of_other = sessions.unknown_of(OTHER_SESSION)
UNKNOWN = {name: sa.or_(lacks, _unknown_of_other[name]) for name, lacks in sessions.UNKNOWN.items()}
OTHER_NAMES = sessions.names_of(OTHER_SESSION)
OTHER_READ = sessions.read_of(OTHER_PLACE, OTHER_SESSION, OTHER_SETTLED)
BEGINS_AT = sa.func.least(SESSION.c.starts_at, OTHER_SESSION.c.starts_at)
TAKE_PLACE = sa.and_(SESSION.c.state == SCHEDULED, OTHER_SESSION.c.state == SCHEDULED)
_NO_MARK: sa.ColumnElement[Any] = sa.literal_column("'[]'::jsonb")
"""In the words of the index."""


def _marks(said: Any, session_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    marked: sa.ColumnElement[bool] = sa.type_coerce(said.c.clashes_with, JSONB).has_key(session_id)
    return marked


def are_a_pair(one: Any, other: Any) -> sa.ColumnElement[bool]:
    """Of one person, and the first says that the other is in its way."""
    return sa.and_(
        sa.type_coerce(one.c.clashes_with, JSONB) != _NO_MARK,
        one.c.person_id == other.c.person_id,
        one.c.session_id.collate("C") < other.c.session_id.collate("C"),
        _marks(one, other.c.session_id),
    )


def have_both(one: Any, other: Any) -> sa.ColumnElement[bool]:
    """Of a pair: the other says so, too, and the person has both places."""
    has = (stands(place, SEATED) for place in (one, other))
    return sa.and_(*has, _marks(other, one.c.session_id))


def since_of(one: Any, other: Any) -> sa.ColumnElement[int]:
    """Which time it is: the version of what was last said otherwise of the first place."""
    said = PLACE_SAID.alias("said_apart")
    otherwise = sa.or_(~stands(said, SEATED), ~_marks(said, other.c.session_id))
    found = sa.select(sa.func.max(said.c.version)).where(_its(said, one), said.c.version < one.c.version, otherwise)
    return sa.func.coalesce(found.correlate(one, other).scalar_subquery(), 0)


def began_at(one: Any, other: Any) -> sa.ColumnElement[Any]:
    """When it was first heard, that time."""
    said = PLACE_SAID.alias("said_together")
    found = sa.select(sa.func.min(said.c.heard_at)).where(_its(said, one), said.c.version > since_of(one, other))
    return sa.func.coalesce(found.correlate(one, other).scalar_subquery(), one.c.heard_at)


def _its(said: Any, place: Any) -> sa.ColumnElement[bool]:
    ids = (said.c[name] == place.c[name] for name in ("session_id", "person_id", "source"))
    return sa.and_(*ids)
