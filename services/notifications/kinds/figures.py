"""What stands open, as far as notifications knows it from what it has heard: the figures of the weekly digest. Each with what it is about, so
that somebody knows which it is and can open it: trainings and towns by name, people by id alone. SQL, and the values that it makes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from services.notifications.kinds import sessions
from services.notifications.kinds.coordinators import is_member, memberships
from services.notifications.kinds.missed import LISTS_ARE_CLOSED
from services.notifications.kinds.risk import IS_OF_ITS_DAY
from services.notifications.ledger import NOT_SENT, Belief, NoticeState
from services.notifications.sheets import MOST_NAMED
from services.notifications.state import SCHEDULED
from services.notifications.tables import (
    ANSWERED,
    CALL,
    CONTACT,
    MAILBOX,
    MEMBER,
    NOTICE,
    NOW,
    PERSON,
    PLACE,
    RISK,
    SESSION,
    SETTLED,
    SINCE,
    SUPPRESSION,
    TOLD,
    TOWN,
    is_another,
    stands,
    withheld,
)
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import IN_LINE, SEAT_TAKING, SEATED, Standing
from shared.contracts.planner import Meeting
from shared.values import immutable

AHEAD = dt.timedelta(days=14)
"""Sessions that begin within so long are named."""
MOST_OPEN = 10
"""So many things of a figure are named."""
BACK = dt.timedelta(days=7)
"""Of so long mails are counted that failed, or came too late."""
LISTS_AFTER, LISTS_AT_MOST = dt.timedelta(days=1), dt.timedelta(days=90)
"""From when after a session its lists should be closed, and until when we ask."""

# --- values --------------------------------------------------------------------------------


@immutable
class SessionAhead:
    """How the places of one session stand."""

    session_id: str
    topic: str
    names: tuple[str | None, str | None]
    """Polish, English."""
    city_name: str
    meetings: tuple[Meeting, ...]
    taken: int
    offered: int
    free: int | None
    """None: enrolment has not said yet how many there may be."""
    waiting: int


@immutable
class Thing:
    """One of what a figure is about. Nobody is named: the mail stays in mailboxes that no erasure reaches."""

    id: str
    names: tuple[str | None, str | None] = (None, None)
    """Polish, English: of a session its topic, of a town its name."""
    meetings: tuple[Meeting, ...] = ()
    city_name: str | None = None
    """Where a session is."""
    letter: str | None = None
    recipient: str | None = None
    """Of a mail: which, and to whom."""


@immutable
class Figure:
    """How many of something there are, and which."""

    name: str
    number: int
    things: tuple[Thing, ...]
    """As many as are named, and one more if there are others."""

    @property
    def named(self) -> tuple[Thing, ...]:
        return self.things[:MOST_OPEN]

    @property
    def is_more(self) -> bool:
        """Whether there are others that are not named: of several offers for one training it is one that is named."""
        return len(self.things) > MOST_OPEN


def session_ahead(found: dict[str, Any]) -> SessionAhead:
    seats, taken, offered, extra = (found[name] for name in ("seats", "taken", "offered", "extra"))
    return SessionAhead(
        found["session_id"],
        found["topic"],
        (found["name_pl"], found["name_en"]),
        found["city_name"] or "",
        tuple(map(Meeting.model_validate, found["meetings"])),
        taken,
        offered,
        max(seats - (taken + offered - extra), 0) if seats is not None else None,
        found["waiting"],
    )


def figures_of(found: dict[str, dict[str, Any]]) -> tuple[Figure, ...]:
    """What there is any of."""
    its = (Figure(name, found[name]["number"], tuple(map(_thing, found[name]["things"] or ()))) for name in FIGURES)
    return tuple(one for one in its if one.number)


def _thing(found: dict[str, Any]) -> Thing:
    name, meetings = found.get("name"), found.get("meetings") or ()
    return Thing(
        found["id"],
        (name, name) if name else (found.get("name_pl"), found.get("name_en")),
        tuple(map(Meeting.model_validate, meetings)),
        found.get("city_name"),
        found.get("letter"),
        found.get("recipient"),
    )


# --- sessions ------------------------------------------------------------------------------

_takes_place = sa.and_(SESSION.c.state == SCHEDULED, SESSION.c.starts_at > NOW)


def _places(*conditions: sa.ColumnElement[bool]) -> Any:
    counted = sa.select(sa.func.count()).where(PLACE.c.session_id == SESSION.c.session_id, *conditions)
    return counted.correlate(SESSION).scalar_subquery()


_HELD = tuple(standing for standing in SEAT_TAKING if standing not in SEATED)
_stands = {"taken": stands(PLACE, SEATED), "offered": stands(PLACE, _HELD), "waiting": stands(PLACE, IN_LINE)}
_is_extra = sa.and_(PLACE.c.extra, stands(PLACE, SEAT_TAKING))
_ahead = (
    sa.select(
        SESSION.c.starts_at,
        sa.func.jsonb_build_object(
            *("session_id", SESSION.c.session_id, "topic", SESSION.c.topic, "meetings", SESSION.c.meetings),
            *("name_pl", sessions.TOPIC_NAMES[0], "name_en", sessions.TOPIC_NAMES[1]),
            *("city_name", sessions.CITY_NAME, "seats", SETTLED.c.seats, "extra", _places(_is_extra)),
            *(part for name, state in _stands.items() for part in (name, _places(state))),
            type_=JSONB,
        ).label("its"),
    )
    .outerjoin(SETTLED, sessions.IS_SETTLED)
    .where(_takes_place, SESSION.c.starts_at <= NOW + AHEAD)
    .order_by(SESSION.c.starts_at, SESSION.c.session_id)
    .limit(MOST_NAMED + 1)
    .subquery("ahead")
)
SESSIONS_AHEAD = sessions.listed(_ahead)

# --- figures -------------------------------------------------------------------------------

_of_session = SESSION.c.session_id == PLACE.c.session_id
_has_place = sa.select(PLACE.c.person_id).join(SESSION, _of_session).where(_takes_place, stands(PLACE, SEATED))
_its, _who = memberships("coordinating"), PERSON.alias("who_coordinates")
_can_be_told = (
    sa.exists()
    .where(_its.c.city_id == MEMBER.c.city_id, _its.c.kind == MemberKind.COORDINATOR, is_member(_its))
    .where(CONTACT.c.person_id == _its.c.person_id, ~CONTACT.c.erased, ~withheld(CONTACT.c.person_id))
    .where(_who.c.person_id == _its.c.person_id, ~_who.c.erased, _who.c.merged_into.is_(None))
    .correlate(MEMBER)
)
_stands_for = TOLD.c.recipient == NOTICE.c.recipient, TOLD.c.about == NOTICE.c.about
_lately = NOTICE.c.decided_at > NOW - BACK
_is_answered = sa.exists().where(ANSWERED.c.session_id == CALL.c.session_id, ANSWERED.c.city_id == CALL.c.city_id)

FIGURES: dict[str, sa.Select[Any]] = {
    "at_risk": sa.select(RISK.c.session_id)
    .join(SESSION, SESSION.c.session_id == RISK.c.session_id)
    .where(_takes_place, IS_OF_ITS_DAY),
    "offers": sa.select(PLACE.c.session_id)
    .join(SESSION, _of_session)
    .where(_takes_place, PLACE.c.state == Standing.OFFERED, PLACE.c.offered_until > NOW),
    "calls": sa.select(CALL.c.session_id)
    .join(SESSION, SESSION.c.session_id == CALL.c.session_id)
    .where(_takes_place, CALL.c.ended.is_(None), CALL.c.until > NOW, ~_is_answered),
    "towns_without_contact": sa.select(MEMBER.c.city_id).where(is_member(MEMBER), ~_can_be_told).distinct(),
    "people_without_contact": _has_place.outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id)
    .where(~sa.exists().where(CONTACT.c.person_id == PLACE.c.person_id))
    .where(PERSON.c.erased.is_not(True), PERSON.c.merged_into.is_(None))
    .distinct(),
    "addresses": sa.select(SUPPRESSION.c.recipient)
    .join(CONTACT, CONTACT.c.person_id == SUPPRESSION.c.recipient)
    .outerjoin(PERSON, PERSON.c.person_id == SUPPRESSION.c.recipient)
    .where(SUPPRESSION.c.holds, ~CONTACT.c.erased, ~is_another(SUPPRESSION.c.mailbox, MAILBOX))
    .where(PERSON.c.erased.is_not(True), PERSON.c.merged_into.is_(None)),  # Nobody writes to them at any address.
    "failed": sa.select(NOTICE.c.notice_id)
    .join(TOLD, sa.and_(*_stands_for, TOLD.c.given_up_by == NOTICE.c.notice_id))
    .where(NOTICE.c.state == NoticeState.FAILED, NOTICE.c.code != NOT_SENT, _lately),
    "unknown": sa.select(NOTICE.c.notice_id)
    .join(TOLD, sa.and_(*_stands_for, TOLD.c.notice_id == NOTICE.c.notice_id))
    .where(NOTICE.c.state == NoticeState.UNKNOWN, TOLD.c.state == Belief.MAYBE),
    "too_late": sa.select(NOTICE.c.notice_id).where(NOTICE.c.state == NoticeState.TOO_LATE, _lately),
    "lists_open": sa.select(SESSION.c.session_id)
    .where(SESSION.c.state == SCHEDULED, SESSION.c.ends_at <= NOW - LISTS_AFTER)
    .where(SESSION.c.ends_at > NOW - LISTS_AT_MOST, SESSION.c.ends_at >= SINCE, ~LISTS_ARE_CLOSED),
}
"""What stands open, by name: the ids of what it is about, one for each that is counted."""
OF_SESSIONS, OF_MAILS = ("at_risk", "offers", "calls", "lists_open"), ("failed", "unknown", "too_late")


_a_session, _a_town, _a_notice = SESSION.alias("a_session"), TOWN.alias("a_town"), NOTICE.alias("a_notice")
_city_name, *_topic_names = sessions.names_of(_a_session)


def _described(name: str, its_id: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
    """What is known of a thing besides its id."""
    if name in OF_SESSIONS:
        said = sa.func.jsonb_build_object(
            *("meetings", _a_session.c.meetings, "city_name", _city_name),
            *("name_pl", sa.func.coalesce(_topic_names[0], _a_session.c.topic)),
            *("name_en", sa.func.coalesce(_topic_names[1], _a_session.c.topic)),
        )
        return sa.select(said).where(_a_session.c.session_id == its_id).scalar_subquery()
    if name == "towns_without_contact":
        newest = sa.select(sa.func.jsonb_build_object("name", _a_town.c.name)).where(_a_town.c.city_id == its_id)
        return newest.order_by(_a_town.c.stage.desc()).limit(1).scalar_subquery()
    if name in OF_MAILS:
        said = sa.func.jsonb_build_object("letter", _a_notice.c.kind, "recipient", _a_notice.c.recipient)
        return sa.select(said).where(_a_notice.c.notice_id == its_id).scalar_subquery()
    return sa.cast(sa.null(), JSONB)


def _counted(name: str, found: sa.Select[Any]) -> Any:
    all_of_it, which = found.subquery(f"open_{name}"), found.subquery(f"named_{name}")
    ids = sa.select(which.c[0].label("id")).distinct().order_by(which.c[0]).limit(MOST_OPEN + 1).subquery(f"ids_{name}")
    described = sa.func.coalesce(_described(name, ids.c.id), sa.text("'{}'::jsonb"))
    one = sa.func.jsonb_build_object("id", ids.c.id).op("||", return_type=JSONB)(described)
    things = sa.select(sa.func.jsonb_agg(aggregate_order_by(one, ids.c.id))).scalar_subquery()
    number = sa.select(sa.func.count()).select_from(all_of_it).scalar_subquery()
    return sa.func.jsonb_build_object("number", number, "things", things, type_=JSONB)


STANDING_OPEN = sa.func.jsonb_build_object(
    *(part for name, found in FIGURES.items() for part in (name, _counted(name, found))), type_=JSONB
)
