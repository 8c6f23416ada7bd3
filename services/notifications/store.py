"""Notifications' tables, and the SQL of the ledger: taking open notices and writing what became of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.keys import LinkKey, SigningKey
from services.notifications.ledger import Notice, OpenNotice, Told
from services.notifications.state import Contact, Person, Place, Session, Settled, Topic, Town
from services.notifications.untold import Truth
from shared.contracts.notifications import NoticeOutcome
from shared.events.envelope import Heard
from shared.postgres.database import KEPT, rows_as, table_of
from shared.postgres.roundtrips import Reads
from shared.service import Inputs
from shared.state.rows import Loaded, Row, fields_of, loaded_by
from shared.state.working import Working

R = TypeVar("R", bound=Row)
Pair = tuple[str, str]
"""(person, session)"""

METADATA = sa.MetaData()

PERSON = table_of(Person, "person", METADATA, extra=[sa.Index("person_heard", "heard_at")])
CONTACT = table_of(Contact, "contact", METADATA, extra=[sa.Index("contact_heard", "heard_at")])
TOWN = table_of(Town, "town", METADATA)
TOPIC = table_of(Topic, "topic", METADATA)
SESSION = table_of(
    Session, "session", METADATA, extra=[sa.Index("session_ends", "ends_at"), sa.Index("session_heard", "heard_at")]
)
PLACE = table_of(
    Place, "place", METADATA, extra=[sa.Index("place_person", "person_id"), sa.Index("place_heard", "heard_at")]
)
NOTICE = table_of(
    Notice,
    "notice",
    METADATA,
    extra=[sa.Index("notice_person", "person_id"), sa.Index("notice_state", "state", "notice_id")],
)
TOLD = table_of(Told, "told", METADATA, extra=[sa.Index("told_ends", "ends_at")])
SETTLED = table_of(Settled, "settled", METADATA, extra=[sa.Index("settled_heard", "heard_at")])
OPEN = table_of(
    OpenNotice,
    "open_notice",
    METADATA,
    schema=KEPT,
    extra=[
        sa.Index("open_notice_next", "next_attempt_at"),
        sa.UniqueConstraint("notice_id", name="open_notice_id"),
        sa.CheckConstraint("(lease is null) = (lease_until is null)", name="open_notice_lease_has_an_end"),
        sa.CheckConstraint("attempts = 0 or content is not null", name="open_notice_attempts_say_something"),
    ],
)
"""The business key is the primary key: two mails about one place are never on their way at once, whoever plans them."""
DIGEST_KEY = sa.Table(
    "digest_key",
    METADATA,
    sa.Column("id", sa.BigInteger, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("id", name="digest_key_key"),
    sa.CheckConstraint("id = 1", name="digest_key_is_one"),
    schema=KEPT,
)
"""What digests are made under: one row, made at the first start and backed up. It never leaves this database."""
LINK_KEY = table_of(LinkKey, "link_key", METADATA)
SIGNING_KEY = table_of(SigningKey, "signing_key", METADATA, schema=KEPT)
"""What links are signed with: made when the first is needed, and backed up. The private half never leaves this database."""
TABLES: dict[type[Row], sa.Table] = {
    Person: PERSON,
    Contact: CONTACT,
    Town: TOWN,
    Topic: TOPIC,
    Session: SESSION,
    Place: PLACE,
    Notice: NOTICE,
    Settled: SETTLED,
    Told: TOLD,
    OpenNotice: OPEN,
    LinkKey: LINK_KEY,
    SigningKey: SIGNING_KEY,
}

_WIDTHS = {kind: len(fields_of(kind)) for kind in TABLES}

# --- digests -------------------------------------------------------------------------------

_key = sa.select(DIGEST_KEY.c.key).scalar_subquery()
KEY_NAME = sa.select(DIGEST_KEY.c.name).scalar_subquery()


def _hashed(*parts: Any) -> sa.ColumnElement[str]:
    text = sa.func.concat_ws("\x1f", _key, *(sa.func.coalesce(part, "") for part in parts))
    return sa.func.encode(sa.func.sha256(sa.func.convert_to(text, "UTF8")), "hex")


def _digest(*parts: Any) -> sa.ColumnElement[str]:
    return KEY_NAME + "." + sa.func.left(_hashed(*parts), 8)


def _of(table: sa.Table, column: str, key: sa.Column[Any], *order: Any) -> sa.ScalarSelect[Any]:
    """A column of the table's first row with this key. The table may stand in the statement itself, too: hence an alias."""
    alias = table.alias(f"its_{table.name}")
    first = sa.select(alias.c[column]).where(alias.c[key.name] == key)
    return first.order_by(*(alias.c[name] for name in order)).limit(1).scalar_subquery()


MAILBOX: sa.ColumnElement[str | None] = sa.case(
    (CONTACT.c.email.is_not(None), _digest(CONTACT.c.person_id, sa.func.lower(CONTACT.c.email)))
)
"""Of the address: lower case, because a directory that writes it otherwise one night means the same mailbox."""
_latest_town = TOWN.alias("latest_town")
CITY_NAME = (
    sa.select(_latest_town.c.name)
    .where(_latest_town.c.city_id == SESSION.c.city_id)
    .order_by(_latest_town.c.stage.desc())
    .limit(1)
    .scalar_subquery()
)
TOPIC_NAMES = tuple(_of(TOPIC, column, SESSION.c.topic, "rule_id") for column in ("name_pl", "name_en"))
MADE_OF = _digest(
    CONTACT.c.person_id,
    CONTACT.c.email,
    CONTACT.c.language,
    *(_of(PERSON, column, CONTACT.c.person_id) for column in ("given_name", "family_name")),
    CITY_NAME,
    *TOPIC_NAMES,
    version("rollcall"),
)
"""Of all that a mail is made of beside what it says of the session. Of the release, too: it tries again what an older one
could not write, or what a server did not like about it."""


async def ensure_key(connection: AsyncConnection) -> None:
    """Makes the key that digests are made under, unless there is one."""
    key = secrets.token_hex(32)
    row = {"id": 1, "name": hashlib.sha256(key.encode()).hexdigest()[:4], "key": key}
    await connection.execute(insert(DIGEST_KEY).values(row).on_conflict_do_nothing())


# --- keys of links -------------------------------------------------------------------------

_NEWEST_KEY = (
    sa.select(SIGNING_KEY, LINK_KEY)
    .outerjoin(LINK_KEY, LINK_KEY.c.key_id == SIGNING_KEY.c.key_id)
    .where(SIGNING_KEY.c.audience == sa.bindparam("audience"))
    .order_by(SIGNING_KEY.c.signs_until.desc(), SIGNING_KEY.c.key_id)
    .limit(1)
)


async def signing_key(connection: AsyncConnection, audience: str) -> tuple[SigningKey | None, LinkKey | None]:
    """The newest key for this audience, and what was stated of it."""
    row = (await connection.execute(_NEWEST_KEY, {"audience": audience})).one_or_none()
    if row is None:
        return None, None
    reading = _Reading(row)
    return reading.next(SigningKey), reading.next(LinkKey)


async def lock_signing_keys(connection: AsyncConnection) -> None:
    """Until the transaction's end nobody else makes a key."""
    await connection.execute(sa.text("lock table kept.signing_key in share row exclusive mode"))


# --- taking notices ------------------------------------------------------------------------

NOW = sa.bindparam("now", type_=sa.DateTime(timezone=True))
MOST = sa.bindparam("most", type_=sa.Integer, literal_execute=True)
"""In the statement's text, because there are few of them: a limit that Postgres does not know makes it plan a join of
seven tables anew each time, which takes longer than running it."""
_UNDER_WAY = sa.bindparam("under_way", type_=sa.ARRAY(sa.Text()))
_ran_out = sa.and_(OPEN.c.lease_until <= NOW, OPEN.c.lease != sa.all_(_UNDER_WAY))
_is_due = sa.and_(OPEN.c.next_attempt_at <= NOW, sa.or_(OPEN.c.lease_until.is_(None), _ran_out))
_due = (
    sa.select(OPEN)
    .where(_is_due)
    .order_by(OPEN.c.next_attempt_at)
    .limit(MOST)
    .with_for_update(skip_locked=True)
    .cte("due")
)
IS_SETTLED = sa.and_(
    SETTLED.c.session_id == SESSION.c.session_id,
    SETTLED.c.session_source == SESSION.c.source,
    SETTLED.c.session_event_id == SESSION.c.event_id,
    SETTLED.c.session_version == SESSION.c.version,
)
_JOINED: tuple[type[Row], ...] = (Told, Notice, Place, Session, Person, Contact)
_CLAIM = (
    sa.select(
        *_due.c,
        *(column for kind in _JOINED for column in TABLES[kind].c),
        CITY_NAME,
        *TOPIC_NAMES,
        SETTLED.c.event_id.is_not(None),
        MAILBOX,
        MADE_OF,
    )
    .select_from(_due)
    .outerjoin(TOLD, sa.and_(TOLD.c.person_id == _due.c.person_id, TOLD.c.session_id == _due.c.session_id))
    .outerjoin(NOTICE, NOTICE.c.notice_id == _due.c.notice_id)
    .outerjoin(PLACE, sa.and_(PLACE.c.person_id == _due.c.person_id, PLACE.c.session_id == _due.c.session_id))
    .outerjoin(SESSION, SESSION.c.session_id == _due.c.session_id)
    .outerjoin(PERSON, PERSON.c.person_id == _due.c.person_id)
    .outerjoin(CONTACT, CONTACT.c.person_id == _due.c.person_id)
    .outerjoin(SETTLED, IS_SETTLED)
)
_ANY_DUE = sa.select(sa.exists().where(_is_due))


async def any_due(connection: AsyncConnection, now: dt.datetime, *, under_way: Collection[str]) -> bool:
    """Whether there is anything to take; `under_way` as in `take`."""
    return bool((await connection.execute(_ANY_DUE, {"now": now, "under_way": sorted(under_way)})).scalar_one())


async def take(
    connection: AsyncConnection, working: Working, *, most: int, under_way: Collection[str]
) -> list[tuple[OpenNotice, Truth]]:
    """Loads and locks open notices that are due, with the truth about them; what others are taking is left to them.

    A lease that ran out stands for a holder who is gone, but for those that this process knows to be `under_way`.
    """
    taken: list[tuple[OpenNotice, Truth]] = []
    parameters = {"now": working.now, "most": most, "under_way": sorted(under_way)}
    for row in await connection.execute(_CLAIM, parameters):
        reading = _Reading(row)
        notice = reading.next(OpenNotice)
        told, outcome, place, session, person, contact = (reading.next(kind) for kind in _JOINED)
        assert isinstance(notice, OpenNotice)
        pair = (notice.person_id, notice.session_id)
        working[OpenNotice].loaded([notice], Loaded(OpenNotice.KEY, frozenset([pair])))
        working[Told].loaded([told] if isinstance(told, Told) else [], Loaded(Told.KEY, frozenset([pair])))
        its_outcome = loaded_by("notice_id", [notice.notice_id])
        working[Notice].loaded([outcome] if isinstance(outcome, Notice) else [], its_outcome)
        city_name, name_pl, name_en, settled, mailbox, made_of = row[-6:]
        names = (name_pl, name_en) if name_pl else None
        truth = Truth(place, session, person, contact, city_name, names, settled, mailbox, made_of)  # type: ignore[arg-type]
        taken.append((notice, truth))
    return taken


class _Reading:
    """Takes the rows of several tables out of one joined row, in the order in which they were selected."""

    def __init__(self, row: Any) -> None:
        self._row = row
        self._position = 0

    def next(self, kind: type[R]) -> R | None:
        """The next table's row; None where the outer join found none."""
        begin, self._position = self._position, self._position + _WIDTHS[kind]
        values = self._row[begin : self._position]
        return None if all(value is None for value in values) else kind(*values)


# --- writing outcomes ----------------------------------------------------------------------


def _by_pair(table: sa.Table) -> sa.Select[Any]:
    wanted = sa.tuple_(table.c.person_id, table.c.session_id).in_(sa.bindparam("pairs", expanding=True))
    return sa.select(table).where(wanted).order_by(table.c.person_id, table.c.session_id).with_for_update()


_OPEN_OF = _by_pair(OPEN)
_TOLD_OF = _by_pair(TOLD)
_LEASED = (
    sa.select(OPEN, TOLD, NOTICE)
    .outerjoin(TOLD, sa.and_(TOLD.c.person_id == OPEN.c.person_id, TOLD.c.session_id == OPEN.c.session_id))
    .outerjoin(NOTICE, NOTICE.c.notice_id == OPEN.c.notice_id)
    .where(sa.tuple_(OPEN.c.person_id, OPEN.c.session_id).in_(sa.bindparam("pairs", expanding=True)))
    .where(OPEN.c.lease == sa.bindparam("lease"))
    .order_by(OPEN.c.person_id, OPEN.c.session_id)
    .with_for_update(of=OPEN)
)


async def load_leased(connection: AsyncConnection, working: Working, pairs: Sequence[Pair], lease: str) -> None:
    """The open notices that this lease still holds, locked, with what was told so far and with their outcomes, if there are any: nobody
    else changes that while a notice is open."""
    working[OpenNotice].loaded((), Loaded(OpenNotice.KEY, frozenset(pairs)))
    for row in await connection.execute(_LEASED, {"pairs": sorted(pairs), "lease": lease}):
        reading = _Reading(row)
        notice, told, outcome = reading.next(OpenNotice), reading.next(Told), reading.next(Notice)
        assert notice is not None
        pair = (notice.person_id, notice.session_id)
        working[OpenNotice].loaded([notice])
        working[Told].loaded([told] if told else [], Loaded(Told.KEY, frozenset([pair])))
        working[Notice].loaded([outcome] if outcome else [], loaded_by("notice_id", [notice.notice_id]))


async def load_told(connection: AsyncConnection, working: Working, pairs: Iterable[Pair]) -> None:
    wanted = frozenset(pairs)
    found = await connection.execute(_TOLD_OF, {"pairs": sorted(wanted)}) if wanted else ()
    working[Told].loaded(rows_as(Told, found), Loaded(Told.KEY, wanted))


async def load_settled(connection: AsyncConnection, working: Working, notice_id: str) -> Notice | None:
    """A notice with its outcome, and all that an operator's word about it may touch, locked."""
    reads = Reads(connection)
    reads.by_key(working[Notice], NOTICE, [(notice_id,)])
    await reads.run()
    notice = working[Notice].get(notice_id)
    if notice is not None:
        pairs = [(notice.person_id, notice.session_id)]
        await load_told(connection, working, pairs)
        found = await connection.execute(_OPEN_OF, {"pairs": pairs})
        working[OpenNotice].loaded(rows_as(OpenNotice, found), Loaded(OpenNotice.KEY, frozenset(pairs)))
    return notice


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """For outcomes heard back from our own stream: what was told so far."""
    outcomes = [one.body for one in inputs if isinstance(one, Heard) and isinstance(one.body, NoticeOutcome)]
    pairs = frozenset((body.person_id, body.session_id) for body in outcomes)
    if pairs:
        reads.rows(working[Told], _TOLD_OF, {"pairs": sorted(pairs)}, Loaded(Told.KEY, pairs))
