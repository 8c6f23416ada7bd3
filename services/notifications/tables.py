"""Notifications' tables, and the digests that are made of their rows."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.asked import Asked
from services.notifications.attended import Certificate, Certified, MeetingList, Record
from services.notifications.going_live import GoLive
from services.notifications.keys import SigningKey
from services.notifications.ledger import Belief, Notice, OpenNotice, Told
from services.notifications.messages import Message, MessageText
from services.notifications.muting import Mute
from services.notifications.pacing import Pace
from services.notifications.replying import CalendarAnswer
from services.notifications.state import (
    Contact,
    Person,
    Place,
    PlaceSaid,
    Refusal,
    Risk,
    Session,
    SessionSaid,
    Settled,
    Topic,
    Town,
    TownsRefusal,
)
from services.notifications.suppressing import Suppression
from services.notifications.tasks import CODE, CODE_DIGITS, TaskDone
from services.notifications.towns import Answered, Call, CallSaid, Member, Nominated
from shared.contracts.attendance import ListFact, PresenceFact
from shared.contracts.certificates import CertificateFact
from shared.contracts.directory import ContactFact, MembershipFact, PersonFact
from shared.contracts.enrolment import (
    CallFact,
    EnrolmentRefused,
    NominationAnswered,
    PlaceChange,
    PlacesSettled,
    SessionAtRisk,
    Standing,
)
from shared.contracts.model import Event, members
from shared.contracts.notices import NoticeRequested
from shared.contracts.notifications import Mutable
from shared.contracts.outside import OutsideTaskDone
from shared.contracts.planner import SessionFact
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityFact
from shared.postgres.database import KEPT, table_of
from shared.postgres.merged import index_of_merges, survivors_of
from shared.state.link_keys import LinkKey
from shared.state.rows import Row

Pair = tuple[str, str]
"""(recipient, about)"""

OFFICE = "office"
"""The recipient that is nobody: its name and address are settings."""

METADATA = sa.MetaData()

PERSON = table_of(
    Person,
    "person",
    METADATA,
    extra=[sa.Index("person_heard", "heard_at"), index_of_merges()],
)
CONTACT = table_of(Contact, "contact", METADATA, extra=[sa.Index("contact_heard", "heard_at")])
TOWN = table_of(Town, "town", METADATA)
TOPIC = table_of(Topic, "topic", METADATA)
SESSION = table_of(
    Session,
    "session",
    METADATA,
    extra=[
        sa.Index("session_ends", "ends_at"),
        sa.Index("session_heard", "heard_at"),
        sa.Index("session_noon_before", "noon_before_at"),
        sa.Index("session_decides", "decides_at"),
    ],
)
_ENTRY = "left(encode(sha256(decode((session_id || '/') || person_id, 'escape')), 'hex'), 32)"
PLACE = table_of(
    Place,
    "place",
    METADATA,
    extra=[
        sa.Index("place_person", "person_id"),
        sa.Index("place_heard", "heard_at"),
        sa.Index("place_marked", "person_id", postgresql_where=sa.text("clashes_with <> '[]'::jsonb")),
        sa.Index("place_entry", sa.text(_ENTRY)),
    ],
)
ENTRY_NAME: sa.ColumnElement[str] = sa.literal_column(
    _ENTRY.replace("session_id", "place.session_id").replace("person_id", "place.person_id")
)
"""`returning.entry_name`, in the words of its index."""
SESSION_SAID = table_of(SessionSaid, "session_said", METADATA, extra=[sa.Index("session_said_ends", "ends_at")])
REFUSAL = table_of(
    Refusal,
    "refusal",
    METADATA,
    extra=[sa.Index("refusal_person", "person_id"), sa.Index("refusal_heard", "heard_at")],
)
TOWNS_REFUSAL = table_of(TownsRefusal, "towns_refusal", METADATA)
RISK = table_of(Risk, "risk", METADATA, extra=[sa.Index("risk_heard", "heard_at")])
MEMBER = table_of(Member, "member", METADATA, extra=[sa.Index("member_city", "city_id")])
CALL = table_of(Call, "call", METADATA, extra=[sa.Index("call_heard", "heard_at"), sa.Index("call_until", "until")])
CALL_SAID = table_of(CallSaid, "call_said", METADATA)
ANSWERED = table_of(Answered, "answered", METADATA, extra=[sa.Index("answered_heard", "heard_at")])
NOMINATED = table_of(
    Nominated,
    "nominated",
    METADATA,
    extra=[sa.Index("nominated_person", "person_id"), sa.Index("nominated_heard", "heard_at")],
)
RECORD = table_of(
    Record,
    "record",
    METADATA,
    extra=[sa.Index("record_person", "session_id", "person_id"), sa.Index("record_heard", "heard_at")],
)
MEETING_LIST = table_of(MeetingList, "meeting_list", METADATA, extra=[sa.Index("meeting_list_heard", "heard_at")])
TASK_DONE = table_of(TaskDone, "task_done", METADATA)
CERTIFICATE = table_of(Certificate, "certificate", METADATA)
CERTIFIED = table_of(
    Certified,
    "certified",
    METADATA,
    extra=[sa.Index("certified_person", "person_id"), sa.Index("certified_heard", "heard_at")],
)
PLACE_SAID = table_of(PlaceSaid, "place_said", METADATA)
NOTICE = table_of(
    Notice,
    "notice",
    METADATA,
    extra=[sa.Index("notice_recipient", "recipient"), sa.Index("notice_state", "state", "notice_id")],
)
TOLD = table_of(Told, "told", METADATA, extra=[sa.Index("told_until", "until")])
SETTLED = table_of(Settled, "settled", METADATA, extra=[sa.Index("settled_heard", "heard_at")])
OPEN = table_of(
    OpenNotice,
    "open_notice",
    METADATA,
    schema=KEPT,
    extra=[
        sa.Index("open_notice_next", sa.text("split_part(about, '/', 1)"), "priority", "next_attempt_at"),
        sa.Index("open_notice_leased", "recipient", postgresql_where=sa.text("lease is not null")),
        sa.Index("open_notice_rehearses", "next_attempt_at", postgresql_where=sa.text("rehearses")),
        sa.UniqueConstraint("notice_id", name="open_notice_id"),
        sa.CheckConstraint("(lease is null) = (lease_until is null)", name="open_notice_lease_has_an_end"),
        sa.CheckConstraint("attempts = 0 or content is not null", name="open_notice_attempts_say_something"),
    ],
)
"""The business key is the primary key: two mails to one recipient about one subject are never on their way at once, whoever plans
them."""
OPEN_SUBJECT = sa.func.split_part(OPEN.c.about, sa.literal_column("'/'"), sa.literal_column("1"))
"""Of which kind an open notice is, in the words of its index: with parameters Postgres would not see that they are the same."""
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
SUPPRESSION = table_of(
    Suppression,
    "suppression",
    METADATA,
    extra=[sa.Index("suppression_holds", "recipient", postgresql_where=sa.text("holds"))],
)
MESSAGE = table_of(
    Message,
    "message",
    METADATA,
    extra=[sa.Index("message_recipient", "recipient"), sa.Index("message_until", "until")],
)
MESSAGE_TEXT = table_of(
    MessageText,
    "message_text",
    METADATA,
    schema=KEPT,
    extra=[
        sa.Index("message_text_said", "message_id", postgresql_where=sa.text("forgotten_at is null")),
        sa.CheckConstraint(
            "(forgotten_at is null) = (subject is not null) and (subject is null) = (text is null)",
            name="message_text_forgotten_says_nothing",
        ),
    ],
)
"""What messages say, until it is forgotten; backed up, and in no event."""
ASKED = table_of(
    Asked,
    "asked",
    METADATA,
    extra=[
        sa.Index("asked_heard", "heard_at"),
        sa.Index("asked_recipient", "recipient", "decided_at"),
        sa.Index("asked_until", "until", postgresql_where=sa.text("declined is null")),
        sa.Index("asked_session", "session_id"),
        sa.Index("asked_declined", "decided_at", postgresql_where=sa.text("declined is not null")),
        sa.CheckConstraint(
            "(declined is null) = (about is not null and until is not null)", name="asked_is_accepted_or_declined"
        ),
    ],
)
MUTE = table_of(Mute, "mute", METADATA)
CALENDAR_ANSWER = table_of(CalendarAnswer, "calendar_answer", METADATA)
PACE = table_of(Pace, "pace", METADATA, schema=KEPT)
"""How far the turns of each domain are given away; backed up, and of no use when it is old."""
GO_LIVE = table_of(GoLive, "go_live", METADATA)
LINK_KEY = table_of(LinkKey, "link_key", METADATA)
SIGNING_KEY = table_of(SigningKey, "signing_key", METADATA, schema=KEPT)
"""What links are signed with: made when the first is needed, and backed up. The private half never leaves this database."""
TABLES: dict[type[Row], sa.Table] = {
    Person: PERSON,
    Contact: CONTACT,
    Town: TOWN,
    Topic: TOPIC,
    Session: SESSION,
    SessionSaid: SESSION_SAID,
    Place: PLACE,
    PlaceSaid: PLACE_SAID,
    Refusal: REFUSAL,
    TownsRefusal: TOWNS_REFUSAL,
    Risk: RISK,
    Member: MEMBER,
    Call: CALL,
    CallSaid: CALL_SAID,
    Answered: ANSWERED,
    Nominated: NOMINATED,
    Record: RECORD,
    TaskDone: TASK_DONE,
    MeetingList: MEETING_LIST,
    Certificate: CERTIFICATE,
    Certified: CERTIFIED,
    Notice: NOTICE,
    Settled: SETTLED,
    Told: TOLD,
    OpenNotice: OPEN,
    LinkKey: LINK_KEY,
    Suppression: SUPPRESSION,
    Mute: MUTE,
    GoLive: GO_LIVE,
    Pace: PACE,
    CalendarAnswer: CALENDAR_ANSWER,
    Message: MESSAGE,
    Asked: ASKED,
    MessageText: MESSAGE_TEXT,
    SigningKey: SIGNING_KEY,
}


HEARD_IN: dict[type[Event], sa.Table] = {
    kind: table
    for kinds, table in (
        (members(PersonFact), PERSON),
        (members(ContactFact), CONTACT),
        (members(CityFact), TOWN),
        ((TopicDefined,), TOPIC),
        (members(SessionFact), SESSION),
        (members(PlaceChange), PLACE),
        ((EnrolmentRefused,), REFUSAL),
        ((PlacesSettled,), SETTLED),
        ((SessionAtRisk,), RISK),
        (members(MembershipFact), MEMBER),
        (members(CallFact), CALL),
        ((NominationAnswered,), ANSWERED),
        (members(PresenceFact), RECORD),
        ((OutsideTaskDone,), TASK_DONE),
        (members(ListFact), MEETING_LIST),
        (members(CertificateFact), CERTIFICATE),
        ((NoticeRequested,), ASKED),
    )
    for kind in kinds
}
"""Where the row of what others say stands."""
COMPARED_AS_A_WHOLE: frozenset[type[Event]] = frozenset({*members(CityFact), *members(MembershipFact), TopicDefined})
"""What many sessions are about, and seldom said: by such news the whole is compared."""


def is_of(kind: str) -> sa.ColumnElement[bool]:
    """Whether an open notice is of a kind."""
    return OPEN_SUBJECT.op("=", is_comparison=True)(sa.literal_column(f"'{kind}'"))


def stands(place: Any, standings: Iterable[Standing]) -> sa.ColumnElement[bool]:
    """Whether a place stands as one of these. Comparisons and no list, which would be written into the statement anew at each run."""
    return sa.or_(*(place.c.state == standing for standing in standings))


# --- moments -------------------------------------------------------------------------------

NOW = sa.bindparam("now", type_=sa.DateTime(timezone=True))
SINCE = sa.bindparam("since", type_=sa.DateTime(timezone=True))
"""Go-live: before it, others told people what was true then."""
REHEARSES = sa.bindparam("rehearses", type_=sa.Boolean)
"""Whether mail is rehearsed."""
MOST = sa.bindparam("most", type_=sa.Integer, literal_execute=True)
"""In the statement's text, because there are few of them: a limit that Postgres does not know makes it plan a join of
seven tables anew each time, which takes longer than running it."""

# --- digests -------------------------------------------------------------------------------

_key = sa.select(DIGEST_KEY.c.key).scalar_subquery()
KEY_NAME = sa.select(DIGEST_KEY.c.name).scalar_subquery()


def digest(*parts: Any) -> sa.ColumnElement[str]:
    """Of texts, under our key: equal for equal texts, and of no use to anybody without the key."""
    text = sa.func.concat_ws("\x1f", _key, *(sa.func.coalesce(part, "") for part in parts))
    hashed = sa.func.encode(sa.func.sha256(sa.func.convert_to(text, "UTF8")), "hex")
    return KEY_NAME + "." + sa.func.left(hashed, 8)


def code_of(session_id: sa.ColumnElement[str], person_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """`tasks.code_of`."""
    text = sa.func.concat_ws("\x1f", _key, "code", session_id, person_id)
    hashed = sa.func.encode(sa.func.sha256(sa.func.convert_to(text, "UTF8")), "hex")
    return sa.literal(CODE, sa.Text) + sa.func.left(hashed, CODE_DIGITS)


def is_another(then: sa.ColumnElement[Any], now: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The opposite of digests.is_the_same."""
    return sa.func.coalesce(sa.and_(then != now, sa.func.split_part(then, ".", 1) == KEY_NAME), sa.false())


def of_first(table: sa.Table, column: str, key: sa.Column[Any], *order: Any) -> sa.ScalarSelect[Any]:
    """A column of the table's first row with this key. The table may stand in the statement itself, too: hence an alias."""
    alias = table.alias(f"its_{table.name}")
    first = sa.select(alias.c[column]).where(alias.c[key.name] == key)
    return first.order_by(*(alias.c[name] for name in order)).limit(1).scalar_subquery()


def mailbox_of(contact: Any) -> sa.ColumnElement[str | None]:
    """The digest of an address: lower case, because a directory that writes it otherwise one night means the same mailbox."""
    return sa.case((contact.c.email.is_not(None), digest(contact.c.person_id, sa.func.lower(contact.c.email))))


MAILBOX = mailbox_of(CONTACT)


def withheld(recipient: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether mail to the contact's address is held back."""
    held = SUPPRESSION.alias("held")  # There may be another one that a mail is about.
    return sa.exists().where(held.c.recipient == recipient, held.c.holds, ~is_another(held.c.mailbox, MAILBOX))


_muter = survivors_of(PERSON).alias("muter")
MUTES = (
    sa.select(sa.func.coalesce(_muter.c.into_id, MUTE.c.recipient).label("whose"), *MUTE.c)
    .outerjoin(_muter, _muter.c.person_id == MUTE.c.recipient)
    .subquery("mutes")
)
"""What was said under any id of somebody, beside who they turned out to be."""


def muted(recipient: sa.ColumnElement[str], what: Mutable | None) -> sa.ColumnElement[bool]:
    """Whether the recipient does without mails of this sort, as `muting.as_one` says it; None: nobody may."""
    if what is None:
        return sa.false()
    has_it = sa.type_coerce(MUTES.c.muted, JSONB).has_key(sa.literal(what.value))
    return sa.exists().where(MUTES.c.whose == recipient, has_it)


def is_told(told: Any, recipient: sa.ColumnElement[str], about: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Joins what somebody was told about a subject. What was rehearsed counts as long as the rehearsal lasts, and then never again."""
    counts = sa.or_(REHEARSES, told.c.state != Belief.REHEARSED)
    return sa.and_(told.c.recipient == recipient, told.c.about == about, counts)


WRITTEN_TO = (
    CONTACT.c.person_id,
    CONTACT.c.email,
    CONTACT.c.language,
    *(of_first(PERSON, column, CONTACT.c.person_id) for column in ("given_name", "family_name")),
)
"""What every mail is made of that a person's address and name are."""


async def digest_key(connection: AsyncConnection) -> str:
    """What also the addresses are made under to which mail comes back."""
    return str((await connection.execute(sa.select(DIGEST_KEY.c.key))).scalar_one())


async def ensure_key(connection: AsyncConnection) -> None:
    """Makes the key that digests are made under, unless there is one."""
    key = secrets.token_hex(32)
    row = {"id": 1, "name": hashlib.sha256(key.encode()).hexdigest()[:4], "key": key}
    await connection.execute(insert(DIGEST_KEY).values(row).on_conflict_do_nothing())
