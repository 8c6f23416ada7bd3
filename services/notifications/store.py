"""The SQL of the ledger: taking open notices, writing what became of them, and what is needed to hear facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.answering import Invited
from services.notifications.attended import Certified
from services.notifications.differences import Queue
from services.notifications.going_live import EVERYBODY, GoLive, Stage, stage_after
from services.notifications.keys import SigningKey
from services.notifications.kinds import KINDS, Subject, subject_of
from services.notifications.kinds.coordinators import is_member
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.ledger import Notice, NoticeState, OpenNotice, Told
from services.notifications.messages import Addressed, Message, MessageText, Writing
from services.notifications.muting import Mute, as_one
from services.notifications.pacing import Pace
from services.notifications.replying import CalendarAnswer
from services.notifications.state import Contact, Person, Place, PlaceSaid, Session, SessionSaid
from services.notifications.suppressing import Suppression
from services.notifications.tables import (
    CALENDAR_ANSWER,
    CALL_SAID,
    CERTIFIED,
    CONTACT,
    ENTRY_NAME,
    GO_LIVE,
    LINK_KEY,
    MAILBOX,
    MEMBER,
    MESSAGE,
    MESSAGE_TEXT,
    MOST,
    MUTE,
    NOMINATED,
    NOTICE,
    NOW,
    OPEN,
    OPEN_SUBJECT,
    PACE,
    PERSON,
    PLACE,
    PLACE_SAID,
    REHEARSES,
    SESSION_SAID,
    SIGNING_KEY,
    SUPPRESSION,
    TOLD,
    Pair,
    digest,
    is_of,
    muted,
    withheld,
)
from services.notifications.towns import Call, CallSaid, Nominated
from services.notifications.untold import Addressee, Truth
from services.notifications.urgency import Priority
from shared.contracts.certificates import CertificateState
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import CallState, EnrolmentRefused, NominationAnswered, PlaceState
from shared.contracts.notifications import Audience, Mutable, NoticeOutcome
from shared.contracts.planner import SessionState
from shared.events.envelope import Heard
from shared.postgres.database import any_of, rows_as
from shared.postgres.directly import rows_of
from shared.postgres.merged import survivors_of
from shared.postgres.roundtrips import Reads
from shared.service import Inputs
from shared.state.link_keys import LinkKey
from shared.state.rows import Loaded, Rows, loaded_by
from shared.state.working import Working

LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

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
    reading = Reading(row)
    return reading.next(SigningKey), reading.next(LinkKey)


async def lock_signing_keys(connection: AsyncConnection) -> None:
    """Until the transaction's end nobody else makes a key."""
    await connection.execute(sa.text("lock table kept.signing_key in share row exclusive mode"))


# --- taking notices ------------------------------------------------------------------------

_UNDER_WAY = sa.bindparam("under_way", type_=sa.ARRAY(sa.Text()))
_ran_out = sa.and_(OPEN.c.lease_until <= NOW, OPEN.c.lease != sa.all_(_UNDER_WAY))
IS_DUE = sa.and_(OPEN.c.next_attempt_at <= NOW, sa.or_(OPEN.c.lease_until.is_(None), _ran_out))
_beside = OPEN.alias("beside")
_beside_ran_out = sa.and_(_beside.c.lease_until <= NOW, _beside.c.lease != sa.all_(_UNDER_WAY))
_is_alone = ~sa.exists().where(
    _beside.c.recipient == OPEN.c.recipient,
    _beside.c.notice_id != OPEN.c.notice_id,
    _beside.c.lease.is_not(None),
    # Of several whose holder is gone the first goes first: each would wait for the other, for ever.
    sa.or_(OPEN.c.lease.is_(None), ~_beside_ran_out, _beside.c.notice_id < OPEN.c.notice_id),
    sa.func.split_part(_beside.c.about, "/", 2) == sa.func.split_part(OPEN.c.about, "/", 2),
)
"""No other mail to the same person about the same thing is being sent just now: it would be left to chance which arrives first."""


def _claim(kind: Kind) -> sa.Select[tuple[object, ...]]:
    due = (
        sa.select(OPEN)
        .where(IS_DUE, is_of(kind.name), OPEN.c.priority == sa.bindparam("priority", type_=sa.BigInteger), _is_alone)
        .where(OPEN.c.rehearses == REHEARSES)
        .order_by(OPEN.c.next_attempt_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    keys = sa.and_(
        kind.scope.recipient == due.c.recipient,
        kind.scope.key == sa.func.split_part(due.c.about, "/", 2),  # By this an index finds it …
        kind.about == due.c.about,  # … and this tells it from what is about another town, or another nomination.
    )
    found = kind.around(due.join(kind.scope.keys, keys, isouter=not kind.yields_to))
    statement = sa.select(
        *due.c,
        *TOLD.c,
        *NOTICE.c,
        *PERSON.c,
        *CONTACT.c,
        MAILBOX,
        kind.made_of,
        withheld(due.c.recipient),
        muted(due.c.recipient, kind.mutes),
        *kind.columns,
    ).select_from(
        found.outerjoin(NOTICE, NOTICE.c.notice_id == due.c.notice_id).outerjoin(
            PERSON, PERSON.c.person_id == due.c.recipient
        )
    )
    # What a mail of this kind is judged by does not change until its lease is there to be seen: a mail that follows from such a
    # change waits for it.
    if kind.yields_to:
        statement = statement.with_for_update(of=list(kind.yields_to), read=True, skip_locked=True)
    return statement


def _look(kind: Kind) -> sa.Select[Any]:
    planned = OPEN.alias("planned")  # Kinds ask of other open notices.
    its = (kind.scope.recipient == sa.bindparam("recipient"), kind.scope.key == sa.bindparam("key"))
    return (
        sa.select(
            *planned.c,
            *TOLD.c,
            *PERSON.c,
            *CONTACT.c,
            MAILBOX,
            kind.made_of,
            withheld(kind.scope.recipient),
            muted(kind.scope.recipient, kind.mutes),
            *kind.columns,
        )
        .select_from(
            kind.around(kind.scope.keys)
            .outerjoin(PERSON, PERSON.c.person_id == kind.scope.recipient)
            .outerjoin(planned, sa.and_(planned.c.recipient == kind.scope.recipient, planned.c.about == kind.about))
        )
        .where(*its, kind.about == sa.bindparam("about"))
    )


_LOOK = {subject: _look(kind) for subject, kind in KINDS.items()}


async def look(
    connection: AsyncConnection, recipient: str, about: str, now: dt.datetime, rules: Rules
) -> tuple[OpenNotice | None, Told | None, Truth] | None:
    """What is true of one subject and what of it was told, as a claim would find it; locks nothing. None: there is nothing of it."""
    subject = subject_of(about)
    where = {"recipient": recipient, "about": about, "key": about.split("/")[1], "now": now} | rules.parameters()
    row = (await connection.execute(_LOOK[subject], where)).first()
    if row is None:
        return None
    reading = Reading(row)
    notice, told = reading.next(OpenNotice), reading.next(Told)
    person, contact = reading.next(Person), reading.next(Contact)
    to = _addressee(subject, person, contact, reading.values(4), rules)
    return notice, told, Truth(KINDS[subject].read(reading, rules), to)


def _addressee(
    subject: Subject, person: Person | None, contact: Contact | None, found: tuple[Any, ...], rules: Rules
) -> Addressee:
    mailbox, made_of, is_withheld, is_muted = found
    if KINDS[subject].to_office and rules.office is not None:
        return replace(rules.office, made_of=made_of, muted=is_muted)
    return Addressee(person, contact, mailbox, made_of, is_withheld, is_muted)


_CLAIM = {subject: _claim(kind) for subject, kind in KINDS.items()}
_subject = (
    sa.func.unnest(sa.cast(list(map(str, Subject)), sa.ARRAY(sa.Text())))
    .table_valued(sa.column("value", sa.Text), name="subject")
    .render_derived()
)
_priority = (
    sa.func.unnest(sa.cast(list(map(int, Priority)), sa.ARRAY(sa.BigInteger())))
    .table_valued(sa.column("value", sa.BigInteger), name="its_priority")
    .render_derived()
)
_longest = (
    sa.select(OPEN.c.next_attempt_at)
    .where(IS_DUE, _subject.c.value == OPEN_SUBJECT, OPEN.c.priority == _priority.c.value)
    .where(OPEN.c.rehearses == REHEARSES)
    .order_by(OPEN.c.next_attempt_at)
    .limit(1)
    .lateral("longest")
)
_DUE = (
    sa.select(_subject.c.value, _priority.c.value, _longest.c.next_attempt_at)
    .select_from(_subject.join(_priority, sa.true()).join(_longest, sa.true()))
    .order_by(_longest.c.next_attempt_at)
)


async def due(
    connection: AsyncConnection, now: dt.datetime, *, under_way: Collection[str], rehearses: bool
) -> list[Queue]:
    """The queues in which there is anything to take, beginning with what has been due for longest; `under_way` as in `take`."""
    where = {"now": now, "under_way": sorted(under_way), "rehearses": rehearses}
    return [(Priority(priority), Subject(subject)) for subject, priority, _ in await rows_of(connection, _DUE, where)]


_LEFT_OVER = sa.select(OPEN_SUBJECT, OPEN.c.priority).where(IS_DUE, OPEN.c.rehearses).distinct()


async def left_over(connection: AsyncConnection, now: dt.datetime, *, under_way: Collection[str]) -> list[Queue]:
    """The queues in which anything is left of the rehearsal, once mail is live."""
    rows = await rows_of(connection, _LEFT_OVER, {"now": now, "under_way": sorted(under_way)})
    return [(Priority(priority), Subject(subject)) for subject, priority in rows]


_LONG_AGO = sa.cast(sa.literal(LONG_AGO), sa.DateTime(timezone=True))
_paced = insert(PACE).from_select(
    ["name", "given_until", "urgent_until", "usual_until", "whenever_until"],
    sa.select(
        sa.func.unnest(sa.bindparam("names", type_=sa.ARRAY(sa.Text()))).column_valued("name"), *[_LONG_AGO] * 4
    ).order_by(sa.literal_column("1")),
)
_PACES = _paced.on_conflict_do_update(index_elements=[PACE.c.name], set_={"name": _paced.excluded.name}).returning(PACE)
"""In one statement made, locked in order, and read."""


async def load_paces(connection: AsyncConnection, working: Working, names: Collection[str]) -> None:
    """How far the turns are given away, locked: until the transaction's end nobody else takes one of these."""
    found = await rows_of(connection, _PACES, {"names": sorted(names)})
    working[Pace].loaded(rows_as(Pace, found), loaded_by("name", names))


# --- whether mail is live ------------------------------------------------------------------

_STAGE = sa.select(
    sa.select(GO_LIVE.c.decided_at).where(GO_LIVE.c.recipient == EVERYBODY).scalar_subquery(),
    sa.exists().where(NOTICE.c.state == NoticeState.REHEARSED),
    sa.exists(sa.select(NOTICE.c.notice_id)),
)


async def stage(connection: AsyncConnection, *, by_settings: bool) -> Stage:
    """Whether mail is live, as far as this database knows."""
    [(live_at, has_rehearsed, has_mailed)] = await rows_of(connection, _STAGE)
    return stage_after(live_at, has_rehearsed=has_rehearsed, has_mailed=has_mailed, by_settings=by_settings)


async def load_go_live(connection: AsyncConnection, working: Working) -> None:
    """What was stated of it; until the transaction's end nobody else states anything."""
    await connection.execute(sa.text("lock table projection.go_live in share row exclusive mode"))
    reads = Reads(connection)
    reads.by_key(working[GoLive], GO_LIVE, [(EVERYBODY,)])
    await reads.run()


async def take(
    connection: AsyncConnection,
    working: Working,
    queue: Queue,
    *,
    most: int,
    under_way: Collection[str],
    rules: Rules,
) -> list[tuple[OpenNotice, Truth]]:
    """Loads and locks open notices of a kind and priority that are due, with the truth about them; what others are taking is left to them.

    A lease that ran out stands for a holder who is gone, but for those that this process knows to be `under_way`.
    """
    taken: list[tuple[OpenNotice, Truth]] = []
    priority, subject = queue
    kind = KINDS[subject]
    of_queue = {"priority": int(priority), "most": most, "under_way": sorted(under_way)}
    parameters = {"now": working.now} | of_queue | rules.parameters()
    for row in await rows_of(connection, _CLAIM[subject], parameters):
        reading = Reading(row)
        notice = taken_by(working, reading)
        person, contact = reading.next(Person), reading.next(Contact)
        to = _addressee(subject, person, contact, reading.values(4), rules)
        matter = kind.read(reading, rules)
        taken.append((notice, Truth(matter, to, rules.settling * kind.settles, kind.may_wait)))
    return taken


def taken_by(working: Working, reading: Reading) -> OpenNotice:
    """What the joined row of a claim begins with: the open notice, loaded with what was told and its outcome, if there are any."""
    notice, told, outcome = reading.next(OpenNotice), reading.next(Told), reading.next(Notice)
    assert notice is not None
    pair = frozenset([(notice.recipient, notice.about)])
    working[OpenNotice].loaded([notice], Loaded(OpenNotice.KEY, pair))
    working[Told].loaded([told] if told else [], Loaded(Told.KEY, pair))
    working[Notice].loaded([outcome] if outcome else [], loaded_by("notice_id", [notice.notice_id]))
    return notice


# --- writing outcomes ----------------------------------------------------------------------


def _by_pair(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    wanted = sa.tuple_(table.c.recipient, table.c.about).in_(sa.bindparam("pairs", expanding=True))
    return sa.select(table).where(wanted).order_by(table.c.recipient, table.c.about).with_for_update()


_OPEN_OF = _by_pair(OPEN)
_TOLD_OF = _by_pair(TOLD)
_LEASED = (
    sa.select(OPEN, TOLD, NOTICE)
    .outerjoin(TOLD, sa.and_(TOLD.c.recipient == OPEN.c.recipient, TOLD.c.about == OPEN.c.about))
    .outerjoin(NOTICE, NOTICE.c.notice_id == OPEN.c.notice_id)
    .where(sa.tuple_(OPEN.c.recipient, OPEN.c.about).in_(sa.bindparam("pairs", expanding=True)))
    .where(OPEN.c.lease == sa.bindparam("lease"))
    .order_by(OPEN.c.recipient, OPEN.c.about)
    .with_for_update(of=OPEN)
)


async def load_leased(connection: AsyncConnection, working: Working, pairs: Sequence[Pair], lease: str) -> None:
    """The open notices that this lease still holds, locked, with what was told so far and with their outcomes, if there are any: nobody
    else changes that while a notice is open."""
    working[OpenNotice].loaded((), Loaded(OpenNotice.KEY, frozenset(pairs)))
    for row in await connection.execute(_LEASED, {"pairs": sorted(pairs), "lease": lease}):
        reading = Reading(row)
        notice, told, outcome = reading.next(OpenNotice), reading.next(Told), reading.next(Notice)
        assert notice is not None
        pair = (notice.recipient, notice.about)
        working[OpenNotice].loaded([notice])
        working[Told].loaded([told] if told else [], Loaded(Told.KEY, frozenset([pair])))
        working[Notice].loaded([outcome] if outcome else [], loaded_by("notice_id", [notice.notice_id]))


async def load_told(connection: AsyncConnection, working: Working, pairs: Iterable[Pair]) -> None:
    wanted = frozenset(pairs)
    found = await connection.execute(_TOLD_OF, {"pairs": sorted(wanted)}) if wanted else ()
    working[Told].loaded(rows_as(Told, found), Loaded(Told.KEY, wanted))


_SETTLED = sa.select(NOTICE).where(NOTICE.c.notice_id == sa.bindparam("notice_id")).with_for_update()


async def load_settled(connection: AsyncConnection, working: Working, notice_id: str) -> Notice | None:
    """A notice with its outcome, and all that a word about it may touch, locked: the notice first, for whoever waits for the rest would
    decide by what it was before."""
    found = await connection.execute(_SETTLED, {"notice_id": notice_id})
    working[Notice].loaded(rows_as(Notice, found), loaded_by("notice_id", [notice_id]))
    notice = working[Notice].get(notice_id)
    if notice is not None:
        pairs = [(notice.recipient, notice.about)]
        await load_told(connection, working, pairs)
        found = await connection.execute(_OPEN_OF, {"pairs": pairs})
        working[OpenNotice].loaded(rows_as(OpenNotice, found), Loaded(OpenNotice.KEY, frozenset(pairs)))
    return notice


# --- what comes back -----------------------------------------------------------------------

_THEIR_LOCK = sa.select(
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("recipient", type_=sa.Text), 0))
)
_survivor = survivors_of(PERSON)
_INTO = sa.select(_survivor.c.into_id).where(_survivor.c.person_id == sa.bindparam("person_id"))
_GONE_INTO = (
    sa.select(_survivor.c.person_id)
    .where(_survivor.c.into_id == sa.bindparam("named"))
    .order_by(_survivor.c.person_id.collate("C"))
)
_IS_OPEN = sa.select(sa.exists().where(OPEN.c.notice_id == sa.bindparam("notice_id")))
_CAME_BACK = (
    sa.select(sa.func.count())
    .select_from(NOTICE)
    .where(
        NOTICE.c.recipient == sa.bindparam("recipient"),
        NOTICE.c.state == NoticeState.BOUNCED,
        sa.cast(NOTICE.c.said, JSONB)["mailbox"].astext == sa.bindparam("mailbox"),
        NOTICE.c.decided_at > sa.bindparam("since", type_=sa.DateTime(timezone=True)),
    )
)


_COMES_BACK_WITHIN = dt.timedelta(days=1)
_ARRIVED = sa.select(sa.func.max(NOTICE.c.decided_at)).where(
    NOTICE.c.recipient == sa.bindparam("recipient"),
    NOTICE.c.state == NoticeState.SENT,
    sa.cast(NOTICE.c.said, JSONB)["mailbox"].astext == sa.bindparam("mailbox"),
    NOTICE.c.decided_at <= sa.bindparam("left_before", type_=sa.DateTime(timezone=True)),
)
"""The last mail that left so long before, and has not come back since."""


async def load_returned(connection: AsyncConnection, working: Working, notice_id: str) -> tuple[Notice | None, int]:
    """A notice whose mail came back, with all that this may touch, locked; and how many mails to its address in a row came back for
    something that passes: since one arrived, or it was last let through."""
    notice = await load_settled(connection, working, notice_id)
    if notice is None:
        return None, 0
    known = await load_suppression(connection, working, notice.recipient)
    where = {"recipient": notice.recipient, "mailbox": notice.said.mailbox}
    arrived = await connection.scalar(_ARRIVED, where | {"left_before": notice.decided_at - _COMES_BACK_WITHIN})
    let_through = known.decided_at if known is not None and not known.holds else LONG_AGO
    since = max(let_through, arrived or LONG_AGO)
    return notice, int((await connection.execute(_CAME_BACK, where | {"since": since})).scalar_one())


async def load_suppression(connection: AsyncConnection, working: Working, recipient: str) -> Suppression | None:
    """What is held back of mail to somebody, locked; also if nothing is: two reports at once would each take itself for the first."""
    await connection.execute(_THEIR_LOCK, {"recipient": recipient})
    reads = Reads(connection)
    reads.by_key(working[Suppression], SUPPRESSION, [(recipient,)])
    await reads.run()
    return working[Suppression].get(recipient)


async def load_mute(connection: AsyncConnection, working: Working, recipient: str) -> tuple[Mute | None, list[str]]:
    """What somebody does without, and all their ids, who they are known to be by now first: whoever turned out to be somebody else speaks for
    them."""
    ids = await ids_of_one(connection, recipient)
    # Nobody has a row yet that could be locked: two who press at once follow one another.
    await connection.execute(sa.text("lock table projection.mute in share row exclusive mode"))
    reads = Reads(connection)
    reads.by_key(working[Mute], MUTE, [(one,) for one in ids])
    await reads.run()
    return as_one(filter(None, map(working[Mute].get, ids)), ids[0]), ids


async def ids_of_one(connection: AsyncConnection, person_id: str) -> list[str]:
    """All ids of whoever this is, the one that stays first."""
    named = (await connection.execute(_INTO, {"person_id": person_id})).scalar_one_or_none() or person_id
    return [named, *(await connection.execute(_GONE_INTO, {"named": named})).scalars()]


async def is_muted(connection: AsyncConnection, recipient: str, what: Mutable) -> bool:
    """Whether the recipient, or whoever they turned out to be, does without such mails."""
    named, *_ = await ids_of_one(connection, recipient)
    return bool((await connection.execute(sa.select(muted(sa.literal(named), what)))).scalar_one())


async def is_under_way(connection: AsyncConnection, notice_id: str) -> bool:
    """Whether a notice's outcome is not written yet."""
    return bool((await connection.execute(_IS_OPEN, {"notice_id": notice_id})).scalar_one())


# --- what calendars answer -----------------------------------------------------------------

_INVITED = (
    sa.select(PLACE.c.session_id, PLACE.c.person_id, *PERSON.c, *CONTACT.c)
    .select_from(
        PLACE.outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id).outerjoin(
            CONTACT, CONTACT.c.person_id == PLACE.c.person_id
        )
    )
    .where(sa.bindparam("entry") == ENTRY_NAME)
)
_ABOUT_IT = sa.select(NOTICE).where(
    NOTICE.c.recipient == sa.bindparam("recipient"), NOTICE.c.about == sa.bindparam("about")
)
_address = sa.func.unnest(sa.bindparam("addresses", type_=sa.ARRAY(sa.Text()))).column_valued("address")
_MAILBOXES = sa.select(_address, digest(sa.bindparam("person_id", type_=sa.Text), sa.func.lower(_address)))
_LEAVES_AS = sa.select(
    sa.exists().where(
        OPEN.c.recipient == sa.bindparam("recipient"),
        OPEN.c.about == sa.bindparam("about"),
        OPEN.c.sequence == sa.bindparam("sequence"),
        OPEN.c.attempts > 0,
    )
)


async def load_invited(
    connection: AsyncConnection, working: Working, entry: str, addresses: Collection[str]
) -> Invited | None:
    """Whoever an entry is of, with what they were told of it and what their calendar answered, locked. `addresses`: who answers."""
    row = (await connection.execute(_INVITED, {"entry": entry})).first()
    if row is None:
        return None
    reading = Reading(row)
    session_id, person_id = reading.values(2)
    person, contact = reading.next(Person), reading.next(Contact)
    await connection.execute(_THEIR_LOCK, {"recipient": person_id})
    reads = Reads(connection)
    reads.by_key(working[CalendarAnswer], CALENDAR_ANSWER, [(session_id, person_id)])
    await reads.run()
    about = f"{Subject.PLACE}/{session_id}"
    notices = rows_as(Notice, await connection.execute(_ABOUT_IT, {"recipient": person_id, "about": about}))
    found = await connection.execute(_MAILBOXES, {"addresses": sorted({*addresses}), "person_id": person_id})
    mailboxes = {address: named for address, named in found}  # noqa: C416  # Rows are no pairs to mypy.
    whoever = (await connection.execute(_INTO, {"person_id": person_id})).scalar_one_or_none()
    taken_out = {"recipient": whoever, "about": f"{Subject.FORMER}/{session_id}/{Subject.PLACE}/{person_id}"}
    ended = rows_as(Notice, await connection.execute(_ABOUT_IT, taken_out)) if whoever is not None else ()
    return Invited(session_id, person_id, person, contact, tuple(notices), mailboxes, tuple(ended))


async def is_leaving(connection: AsyncConnection, invited: Invited, sequence: int) -> bool:
    """Whether the mail of this number is on its way, and its outcome not written yet."""
    where = {"recipient": invited.person_id, "about": f"{Subject.PLACE}/{invited.session_id}", "sequence": sequence}
    return bool((await connection.execute(_LEAVES_AS, where)).scalar_one())


# --- what the office writes ----------------------------------------------------------------

_is_member = is_member(MEMBER)
_whoever = PERSON.alias("whoever")
_named_by: dict[Audience, sa.Select[Any]] = {
    Audience.SESSION: sa.select(PLACE.c.person_id).where(
        PLACE.c.session_id == sa.bindparam("audience_id"), any_of(PLACE.c.state, "standings")
    ),
    Audience.TOWN: sa.select(MEMBER.c.person_id).where(MEMBER.c.city_id == sa.bindparam("audience_id"), _is_member),
    Audience.COORDINATORS: sa.select(MEMBER.c.person_id).where(MEMBER.c.kind == MemberKind.COORDINATOR, _is_member),
}


def _audience(named: sa.Select[Any]) -> sa.Select[Any]:
    """Each human once, whoever turned out to be somebody else as those; nobody who is erased or asked to be forgotten. With what stands
    between them and a mail."""
    its, survivor = named.distinct().subquery("its"), survivors_of(PERSON).alias("their_survivor")
    who = sa.func.coalesce(survivor.c.into_id, its.c.person_id)
    found: Any = (
        sa.select(
            who,
            CONTACT.c.person_id.is_(None),
            withheld(CONTACT.c.person_id),
            muted(who, Mutable.MESSAGES),
        )
        .select_from(its)
        .outerjoin(survivor, survivor.c.person_id == its.c.person_id)
        .outerjoin(_whoever, _whoever.c.person_id == who)
        .outerjoin(CONTACT, CONTACT.c.person_id == who)
        .where(_whoever.c.erased.is_not(True), CONTACT.c.erased.is_not(True))
        .distinct()
        .order_by(who)
    )
    return found  # type: ignore[no-any-return]  # Of four columns, which nobody asks.


_AUDIENCES = {audience: _audience(named) for audience, named in _named_by.items()}
_SAID_OF_MESSAGE = sa.select(MESSAGE).where(any_of(MESSAGE.c.message_id, "messages"))


async def audience_of(connection: AsyncConnection, asked: Writing, now: dt.datetime) -> list[Addressed]:
    """Whom this would go to, were it written now."""
    where = {"audience_id": asked.audience_id, "standings": sorted(asked.standings), "now": now}
    return [Addressed(*row) for row in await connection.execute(_AUDIENCES[asked.audience], where)]


async def load_message(connection: AsyncConnection, working: Working, message_id: str) -> list[Message]:
    """To whom a message was addressed, with its text. Until the transaction's end nobody else writes one."""
    await connection.execute(sa.text("lock table kept.message_text in share row exclusive mode"))
    reads = Reads(connection)
    its = loaded_by("message_id", {message_id})
    reads.rows(working[Message], _SAID_OF_MESSAGE, {"messages": [message_id]}, its)
    reads.by_key(working[MessageText], MESSAGE_TEXT, [(message_id,)])
    await reads.run()
    return list(working[Message])


_useless = sa.exists().where(
    MESSAGE.c.message_id == MESSAGE_TEXT.c.message_id,
    MESSAGE.c.until <= sa.bindparam("useless_since", type_=sa.DateTime(timezone=True)),
)
_to_forget = (
    sa.select(MESSAGE_TEXT.c.message_id)
    .where(MESSAGE_TEXT.c.forgotten_at.is_(None), _useless)
    .order_by(MESSAGE_TEXT.c.message_id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_FORGET = (
    sa.update(MESSAGE_TEXT)
    .where(MESSAGE_TEXT.c.message_id.in_(_to_forget))
    .values(subject=None, text=None, forgotten_at=NOW)
)


async def forget_texts(connection: AsyncConnection, *, now: dt.datetime, useless_since: dt.datetime, most: int) -> int:
    """Of messages that nobody is told any more since then, what they said; how many it were. `most` at once."""
    found = await connection.execute(_FORGET, {"now": now, "useless_since": useless_since, "most": most})
    return found.rowcount


# --- hearing facts -------------------------------------------------------------------------

_SAID_OF_SESSIONS = sa.select(SESSION_SAID).where(any_of(SESSION_SAID.c.session_id, "sessions"))
_SAID_OF_PLACES = sa.select(PLACE_SAID).where(any_of(PLACE_SAID.c.session_id, "sessions"))
_SAID_OF_CALLS = sa.select(CALL_SAID).where(any_of(CALL_SAID.c.session_id, "sessions"))


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """For outcomes heard back from our own stream: what was told so far. For sessions and places: what is remembered of them."""
    outcomes: list[Pair] = []
    nominated: set[tuple[str, str]] = set()
    certified: set[tuple[str, str]] = set()
    sessions: set[tuple[str, str, int]] = set()
    places: set[tuple[str, str, str, int]] = set()
    calls: set[tuple[str, str, str, int]] = set()
    for one in inputs:
        match one:
            case Heard(body=NoticeOutcome() as body):
                outcomes.append((body.recipient, body.about))
            case Heard(body=SessionState() as body):
                sessions.add((body.session_id, one.source, one.version))
            case Heard(body=NominationAnswered() as body):
                nominated |= {(body.session_id, nominee.person_id) for nominee in body.people}
            case Heard(body=CertificateState() as body):
                certified.add((body.session_id, body.person_id))
            case Heard(body=CallState() as body):
                calls.add((body.session_id, body.city_id, one.source, one.version))
            case Heard(body=EnrolmentRefused()):
                pass  # It leaves the place as it stands.
            case Heard(body=PlaceState() as body):
                places.add((body.session_id, body.person_id, one.source, one.version))
    if outcomes:
        pairs = frozenset(outcomes)
        reads.rows(working[Told], _TOLD_OF, {"pairs": sorted(pairs)}, Loaded(Told.KEY, pairs))
    if nominated:
        reads.by_key(working[Nominated], NOMINATED, nominated)
    if certified:
        reads.by_key(working[Certified], CERTIFIED, certified)
    if not sessions and not places and not calls:
        return
    reads.by_key(working[CallSaid], CALL_SAID, calls)
    reads.by_key(working[SessionSaid], SESSION_SAID, sessions)
    reads.by_key(working[PlaceSaid], PLACE_SAID, places)
    await reads.run()
    of_sessions = (((session_id,), source) for session_id, source, _ in sessions)
    if names := _changing_hands(working[Session], of_sessions):
        its = loaded_by("session_id", names)
        reads.rows(working[SessionSaid], _SAID_OF_SESSIONS, {"sessions": sorted(names)}, its)
        await reads.run()  # Apart from what else is asked about sessions.
    of_places = (((session_id, person_id), source) for session_id, person_id, source, _ in places)
    if names := _changing_hands(working[Place], of_places):
        its = loaded_by("session_id", names)
        reads.rows(working[PlaceSaid], _SAID_OF_PLACES, {"sessions": sorted(names)}, its)
        await reads.run()
    of_calls = (((session_id, city_id), source) for session_id, city_id, source, _ in calls)
    if names := _changing_hands(working[Call], of_calls):
        its = loaded_by("session_id", names)
        reads.rows(working[CallSaid], _SAID_OF_CALLS, {"sessions": sorted(names)}, its)
        await reads.run()


def _changing_hands(rows: Rows[Any], said: Iterable[tuple[tuple[str, ...], str]]) -> set[str]:
    """Sessions about which, or about a place in which or a call to which, several writers have spoken."""
    writers: dict[tuple[str, ...], set[str]] = {}
    for key, source in said:
        row = rows.get(*key)
        writers.setdefault(key, {row.source} if row is not None else set()).add(source)
    return {key[0] for key, sources in writers.items() if len(sources) > 1}
