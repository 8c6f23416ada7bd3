"""One person and one session: what the mails about a place, the waiting list and a training that comes near have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from services.notifications.digests import is_the_same
from services.notifications.kinds.kind import Reading, Scope
from services.notifications.ledger import NOTHING, Belief, Content, Told
from services.notifications.letters import in_language
from services.notifications.state import SCHEDULED, Place, Session, SessionSaid
from services.notifications.tables import (
    CONTACT,
    MAILBOX,
    NOW,
    OPEN,
    PERSON,
    PLACE,
    PLACE_SAID,
    SESSION,
    SESSION_SAID,
    SETTLED,
    SINCE,
    TOLD,
    TOPIC,
    TOWN,
    WRITTEN_TO,
    digest,
    is_another,
    is_told,
    of_first,
    stands,
)
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT, Addressee
from shared.contracts.directory import ContactFact, PersonFact
from shared.contracts.enrolment import IN_LINE, SEATED, PlacesSettled, Standing, WithdrawalReason
from shared.contracts.model import Event, Language, members
from shared.contracts.notifications import SessionTold
from shared.contracts.planner import SessionFact, gives_until
from shared.contracts.portal import Reply
from shared.values import immutable

PLACE_NAME, OFFER_NAME, WAITING_NAME = "place", "offer", "waiting"
CALL_NAME = "call"
CERTIFICATE_NAME, MISSED_NAME = "certificate", "missed"
FOLLOWUP_NAME = "followup"
"""Kinds that speak of one another: each says less where another one says it."""


SUBSTITUTED = "substituted"
"""Why a place is somebody's, or is not any more: their town sends one person instead of another."""
SUBSTITUTE = "substitute"
"""The same of an offer or of waiting, where it begins."""
_1970 = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# --- values --------------------------------------------------------------------------------


@immutable
class Facts:
    """What is known of one person's place in one session, whichever mail is about it."""

    place: Place | None
    session: Session | None
    city_name: str | None
    topic_names: tuple[str, str] | None
    """Polish, English."""
    settled: bool = True
    """Whether enrolment has drawn every consequence from this statement of the session."""
    announced_at: dt.datetime | None = None
    """When enrolment first heard of it, as it says of this statement."""
    known_before: Session | None = None
    """The session as whoever stood at go-live as the kind asks knew it, if nobody was told anything since: others told them."""

    @property
    def waits_for(self) -> str | None:
        known = {"town": self.city_name, "topic": self.topic_names}
        return next((name for name, value in known.items() if value is None), None)

    def stands(self, standings: Sequence[Standing]) -> bool:
        """As one of these, in a session that takes place."""
        return (
            self.place is not None
            and self.session is not None
            and self.place.state in standings
            and self.session.state == SCHEDULED
        )

    @property
    def is_substituted(self) -> bool:
        """Whether somebody else of their town comes instead."""
        return self.place is not None and self.place.reason == WithdrawalReason.SUBSTITUTED

    @property
    def substitutes(self) -> str | None:
        """SUBSTITUTE of whoever comes instead of somebody."""
        return SUBSTITUTE if self.place is not None and self.place.substitute_for is not None else None

    @property
    def moves_until(self) -> dt.datetime | None:
        """From when on enrolment takes no reply any more, and gives nobody a place that becomes free."""
        session = self.session
        if session is None:
            return None
        announced_at = min(session.heard_at, self.announced_at or session.heard_at)
        return gives_until(session.starts_at, session.ends_at, session.freeze_hours, announced_at)

    @property
    def list_moves_until(self) -> dt.datetime | None:
        """Until when whoever waits may get a place: then their waiting is over, and they are told so."""
        session, moves_until = self.session, self.moves_until
        return min(session.starts_at, moves_until) if session is not None and moves_until is not None else None

    def waits(self, now: dt.datetime) -> bool:
        """For a place that may still come."""
        return self.stands(IN_LINE) and self.list_moves_until is not None and now < self.list_moves_until

    def is_frozen(self, now: dt.datetime) -> bool:
        return self.moves_until is not None and now >= self.moves_until

    def goes_to_nobody(self, now: dt.datetime) -> bool:
        """Whether nobody who waits gets the place if it is given back now: no more are given, or the office gave this one beside the others."""
        return self.is_frozen(now) or (self.place is not None and self.place.extra)

    def may_be_asked_for(self, now: dt.datetime) -> bool:
        """Whether somebody who has nothing in it may ask for a place themselves, and have one or wait."""
        session = self.session
        if session is None or session.state != SCHEDULED or not session.by_oneself or self.is_frozen(now):
            return False
        return (session.opens_at or now) <= now < (session.closes_at or session.ends_at)

    def asks_for_reply(self, now: dt.datetime) -> bool:
        """Whether the person has a place and is to say whether they come: the session needs to know, they have not said, and can still say."""
        session, place = self.session, self.place
        if session is None or place is None or not self.stands(SEATED) or place.reply != Reply.NONE:
            return False
        return (session.minimum is not None or session.decides_at is not None) and not self.is_frozen(now)

    def true_now(self, content: str | None) -> Content:
        """What a mail says of the session; the topic's name follows with the language."""
        assert self.session is not None
        return Content(hash=content, says=told_of(self.session, self.city_name))

    def named(self, content: Content, language: Language) -> Content:
        says = content.says
        if says.topic_name is not None or self.topic_names is None or self.session is None:
            return content
        if says.topic != self.session.topic:  # Others told of another one: what they called it is not known.
            return content
        name = in_language(self.topic_names, language)
        return content.model_copy(update={"says": says.model_copy(update={"topic_name": name})})


def told_of(session: Session, city_name: str | None = None) -> SessionTold:
    return SessionTold(
        topic=session.topic,
        city_name=city_name,
        city_id=session.city_id,
        venue=session.venue,
        address=session.address,
        meetings=session.meetings,
    )


def by_others(told: Told, said: Content) -> Told:
    """What whoever was told this by others before go-live believes."""
    return replace(told, state=Belief.YES, content=said.hash, said=said, until=said.until)


def was_told_since(told: Told, *others: Told | None) -> bool:
    """Whether another mail about the same thing was the last to speak."""
    moments = [other.told_at for other in others if other is not None and other.told_at is not None]
    return any(told.told_at is None or told.told_at < moment for moment in moments)


def is_to_hear_of_its_end(told_place: Told | None, to: Addressee, now: dt.datetime) -> bool:
    """Whether whoever has no place was told of one, or may have been, and not since that it is gone: the mail about the place says it. Not
    once that has been given up, for nothing waits for what does not come."""
    if told_place is None or told_place.content is None or told_place.until is None or now >= told_place.until:
        return False
    return not (told_place.given_up == NOTHING and is_the_same(told_place.given_up_for, to.made_of))


def microseconds(moment: dt.datetime | None) -> int:
    """Since 1970; of none, none."""
    return (moment - _1970) // dt.timedelta(microseconds=1) if moment is not None else 0


# --- the same in SQL -----------------------------------------------------------------------

of_session = PLACE.c.session_id == SESSION.c.session_id


def is_settled(session: Any, settled: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        settled.c.session_id == session.c.session_id,
        settled.c.session_source == session.c.source,
        settled.c.session_event_id == session.c.event_id,
        settled.c.session_version == session.c.version,
    )


IS_SETTLED = is_settled(SESSION, SETTLED)
UNSETTLED = SETTLED.c.event_id.is_(None)
_freezes_at = SESSION.c.starts_at - sa.func.make_interval(0, 0, 0, 0, sa.cast(SESSION.c.freeze_hours, sa.Integer))
_announced_at = sa.func.least(SESSION.c.heard_at, SETTLED.c.announced_at)
MOVES_UNTIL = sa.case(
    (_announced_at < _freezes_at, _freezes_at),
    (_announced_at < SESSION.c.starts_at, SESSION.c.starts_at),
    else_=SESSION.c.ends_at,
)
"""`Facts.moves_until`, of a statement of which enrolment has spoken."""
LIST_MOVES_UNTIL = sa.func.least(SESSION.c.starts_at, MOVES_UNTIL)
"""`Facts.list_moves_until`."""
WAITS = sa.and_(stands(PLACE, IN_LINE), SESSION.c.state == SCHEDULED, LIST_MOVES_UNTIL > NOW)
"""`Facts.waits`."""
LASTS = SESSION.c.ends_at > NOW


def nothing_told(told: Any) -> sa.ColumnElement[bool]:
    """In upserted rows a value that is missing may stand as JSON's null."""
    return sa.func.coalesce(sa.func.jsonb_typeof(sa.type_coerce(told.c.said, JSONB)), "null") == "null"


NOTHING_TOLD = nothing_told(TOLD)
_latest_town = TOWN.alias("latest_town")


def unknown_of(session: Any) -> dict[str, sa.ColumnElement[bool]]:
    return {
        "town": ~sa.exists().where(TOWN.c.city_id == session.c.city_id),
        "topic": ~sa.exists().where(TOPIC.c.topic == session.c.topic),
    }


def names_of(session: Any) -> tuple[sa.ColumnElement[Any], ...]:
    """What its town is called, and its topic in either language."""
    city_name = (
        sa.select(_latest_town.c.name)
        .where(_latest_town.c.city_id == session.c.city_id)
        .order_by(_latest_town.c.stage.desc())
        .limit(1)
        .scalar_subquery()
    )
    return city_name, *(of_first(TOPIC, column, session.c.topic, "rule_id") for column in ("name_pl", "name_en"))


UNKNOWN = unknown_of(SESSION)
CITY_NAME, *TOPIC_NAMES = names_of(SESSION)
_of_place = sa.and_(PLACE_SAID.c.session_id == PLACE.c.session_id, PLACE_SAID.c.person_id == PLACE.c.person_id)
LIFE = (
    sa.select(sa.func.max(PLACE_SAID.c.version))
    .where(_of_place, PLACE_SAID.c.source == PLACE.c.source)
    .where(PLACE_SAID.c.state != PLACE.c.state, PLACE_SAID.c.version < PLACE.c.version)
    .correlate(PLACE)
    .scalar_subquery()
)
"""Which life of a place it is: the last statement after which it stood otherwise. A place that is given back by a rule, or asked
for again, lives anew."""
RELEASE = sa.bindparam("release", type_=sa.Text())
MADE_OF = digest(*WRITTEN_TO, CITY_NAME, *TOPIC_NAMES, sa.cast(LIFE, sa.Text), RELEASE)
"""Of the place's life: who asks again weeks later asks for another mail. Of the release, too, and of what this installation says
otherwise: it tries again what an older one could not write, or what a server did not like about it."""


def about(kind: str, *more: str, of: Any = PLACE) -> sa.ColumnElement[str]:
    """The subject, as the ledger names it. `of`: where the session's id stands."""
    text: sa.ColumnElement[str] = sa.literal(f"{kind}/", sa.Text) + of.c.session_id
    return text + sa.literal("".join(f"/{one}" for one in more), sa.Text) if more else text


def told_of_another(name: str) -> Any:
    """What somebody was told of the same place and session by another kind."""
    return TOLD.alias(f"told_{name}")


def with_told(
    found: sa.FromClause,
    told: Any,
    name: str,
    *,
    of: sa.Table = PLACE,
    whose: sa.ColumnElement[str] = PLACE.c.person_id,
) -> sa.FromClause:
    return found.outerjoin(told, is_told(told, whose, about(name, of=of)))


def told_since(other: Any) -> sa.ColumnElement[bool]:
    """`was_told_since`."""
    return sa.and_(other.c.told_at.is_not(None), sa.or_(TOLD.c.told_at.is_(None), TOLD.c.told_at < other.c.told_at))


def to_hear_of_its_end(told_place: Any) -> sa.ColumnElement[bool]:
    """`is_to_hear_of_its_end`."""
    is_given_up = sa.and_(told_place.c.given_up == NOTHING, ~is_another(told_place.c.given_up_for, MADE_OF))
    return sa.and_(
        told_place.c.content.is_not(None),
        sa.func.coalesce(told_place.c.until > NOW, sa.false()),
        ~sa.func.coalesce(is_given_up, sa.false()),
    )


def is_open(*names: str) -> sa.ColumnElement[bool]:
    """Whether a mail of one of these kinds about the same place and session is on its way."""
    return sa.exists().where(OPEN.c.recipient == PLACE.c.person_id, OPEN.c.about.in_([about(name) for name in names]))


def microseconds_of(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """`microseconds`, as text."""
    counted = sa.cast(sa.extract("epoch", moment) * 1_000_000, sa.BigInteger)
    return sa.cast(sa.func.coalesce(counted, 0), sa.Text)


def listed(found: sa.Subquery) -> Any:
    """`its` of each session that was found, in the order in which they begin: a list, empty where there is none."""
    its = sa.func.jsonb_agg(aggregate_order_by(found.c.its, found.c.starts_at))
    return sa.select(sa.func.coalesce(its, sa.text("'[]'::jsonb"))).scalar_subquery()


def stood(column: sa.ColumnElement[Any], *, of: Any = PLACE) -> Any:
    """Of the newest statement of a place from before go-live."""
    its = sa.and_(PLACE_SAID.c.session_id == of.c.session_id, PLACE_SAID.c.person_id == of.c.person_id)
    return (
        sa.select(column)
        .where(its, PLACE_SAID.c.heard_at < SINCE)
        .order_by((PLACE_SAID.c.source == of.c.source).desc(), PLACE_SAID.c.version.desc())
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )


_FARTHEST_ZONE = dt.timedelta(hours=14)
"""East of Greenwich."""


def begins_at_least(said: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """When what was told begins, or up to a day sooner: it counts by its local time wherever that is."""
    meetings = sa.type_coerce(said, JSONB)["says"]["meetings"]
    its = sa.func.jsonb_array_elements(meetings).table_valued(sa.column("value", JSONB), name="told_meeting")
    begins = sa.func.min(sa.func.timezone("UTC", sa.cast(its.c.value["starts_local"].astext, sa.DateTime)))
    return sa.select(begins).scalar_subquery() - _FARTHEST_ZONE


def needed_at(known: sa.FromClause) -> sa.ColumnElement[Any]:
    """When whoever is told has to be there, or believes so by what was known of the session at go-live."""
    return sa.func.least(SESSION.c.starts_at, sa.case((known.c.state == SCHEDULED, known.c.starts_at)))


def known_before(standings: Sequence[Standing], told: Any = TOLD) -> Any:
    """The session as whoever stood so at go-live knows it from others."""
    stood_so = sa.or_(*(stood(PLACE_SAID.c.state) == one for one in standings))
    return session_before(nothing_told(told), stood_so, told=told)


def session_before(*conditions: sa.ColumnElement[bool], told: Any = TOLD) -> Any:
    """A session as others told of it: as it stood at go-live, or else was first said to be."""
    before = SESSION_SAID.c.heard_at < SINCE
    return (
        sa.select(SESSION_SAID)
        .where(SESSION_SAID.c.session_id == SESSION.c.session_id, *conditions)
        .order_by(
            before.desc(),
            (SESSION_SAID.c.source == SESSION.c.source).desc(),
            sa.case((before, -SESSION_SAID.c.version), else_=SESSION_SAID.c.version),
        )
        .limit(1)
        .correlate(SESSION, told)
        .lateral("known")
    )


def ever_stood(standings: Sequence[Standing]) -> sa.ColumnElement[bool]:
    return sa.exists().where(_of_place, stands(PLACE_SAID, standings))


def life_before() -> sa.ColumnElement[int]:
    """The life of a place at go-live."""
    other = PLACE_SAID.alias("said_otherwise")
    earlier = (
        sa.select(sa.func.max(other.c.version))
        .where(other.c.session_id == PLACE_SAID.c.session_id, other.c.person_id == PLACE_SAID.c.person_id)
        .where(other.c.source == PLACE_SAID.c.source, other.c.state != PLACE_SAID.c.state)
        .where(other.c.version < PLACE_SAID.c.version)
        .correlate(PLACE_SAID)
        .scalar_subquery()
    )
    return sa.func.coalesce(stood(earlier), 0)


def beside_place(
    keys: sa.FromClause, of: sa.Table, whose: sa.ColumnElement[str], subject: sa.ColumnElement[str]
) -> sa.FromClause:
    """Around what is said of a person and a session beside their place, which there need not be. `of`: where it stands; `whose`: who is written
    to."""
    place = sa.and_(PLACE.c.session_id == of.c.session_id, PLACE.c.person_id == whose)
    return (
        keys.join(SESSION, SESSION.c.session_id == of.c.session_id)
        .outerjoin(PLACE, place)
        .outerjoin(TOLD, is_told(TOLD, whose, subject))
        .outerjoin(CONTACT, CONTACT.c.person_id == whose)
        .outerjoin(SETTLED, IS_SETTLED)
    )


def around(places: sa.FromClause, subject: sa.ColumnElement[str], *, always: bool = False) -> sa.FromClause:
    """`always`: only places whose session is known; rows that are to be locked must not be missing."""
    return (
        places.join(SESSION, of_session, isouter=not always)
        .outerjoin(TOLD, is_told(TOLD, PLACE.c.person_id, subject))
        .outerjoin(CONTACT, CONTACT.c.person_id == PLACE.c.person_id)
        .outerjoin(SETTLED, IS_SETTLED)
    )


PARTS = (
    LASTS,
    sa.and_(~LASTS, ~NOTHING_TOLD, TOLD.c.until > NOW),
    sa.and_(
        ~LASTS,
        NOTHING_TOLD,
        SESSION.c.session_id.in_(sa.select(SESSION_SAID.c.session_id).where(SESSION_SAID.c.ends_at > NOW)),
    ),
)
"""Of what lasts, or was told to last: where somebody may believe what is not so."""


def waits_of(
    content: sa.ColumnElement[Any], told_place: Any, other_is_open: sa.ColumnElement[bool]
) -> dict[str, sa.ColumnElement[bool]]:
    """`BesidePlace.first`."""
    for_enrolment = sa.and_(content.is_not(None), UNSETTLED)
    is_second = sa.or_(other_is_open, sa.and_(content.is_not(None), to_hear_of_its_end(told_place)))
    return {ENROLMENT: for_enrolment, ANOTHER_MAIL: sa.and_(~for_enrolment, is_second)}


def beside_differs(
    content: sa.ColumnElement[Any],
    believed: sa.ColumnElement[Any],
    until: sa.ColumnElement[Any],
    is_over: sa.ColumnElement[bool],
    is_told_otherwise: sa.ColumnElement[bool],
) -> sa.ColumnElement[bool]:
    """`BesidePlace.differs`."""
    begins = sa.or_(believed.is_distinct_from(content), is_another(TOLD.c.mailbox, MAILBOX))
    matters = sa.func.coalesce(sa.func.greatest(until, SESSION.c.ends_at) > NOW, sa.false())
    ends = sa.and_(is_over, believed.is_not(None), until.is_not(None), matters, ~is_told_otherwise)
    return sa.or_(sa.and_(content.is_not(None), begins), sa.and_(content.is_(None), ends))


_MARK = sa.bindparam("mark", type_=sa.DateTime(timezone=True))


def is_news(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.heard_at >= _MARK


def news_of_people(pairs: sa.Select[Any], recipient: sa.ColumnElement[str]) -> dict[sa.Table, sa.Select[Any]]:
    """Of those who are written to."""
    return {
        table: pairs.join(table, table.c.person_id == recipient).where(is_news(table)) for table in (CONTACT, PERSON)
    }


EVERY_MAIL: frozenset[type[Event]] = frozenset(
    {
        *members(SessionFact),
        *members(PersonFact),
        *members(ContactFact),
        PlacesSettled,
    }
)
"""What may make a mail about a session and a person possible, or another one."""
_pair = sa.select(PLACE.c.person_id, PLACE.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)
SESSIONS = Scope(
    keys=PLACE,
    recipient=PLACE.c.person_id,
    key=PLACE.c.session_id,
    news={
        PLACE: _pair.where(is_news(PLACE)),
        SESSION: _pair.join(SESSION, of_session).where(is_news(SESSION)),
        SETTLED: _pair.join(SETTLED, SETTLED.c.session_id == PLACE.c.session_id).where(is_news(SETTLED)),
        **news_of_people(_pair, PLACE.c.person_id),
    },
    soon={
        **{
            table: sa.exists().where(table.c.person_id == OPEN.c.recipient, is_news(table))
            for table in (CONTACT, PERSON)
        },
        PLACE: sa.exists().where(PLACE.c.person_id == OPEN.c.recipient, PLACE.c.session_id == _key, is_news(PLACE)),
        **{table: sa.exists().where(table.c.session_id == _key, is_news(table)) for table in (SESSION, SETTLED)},
    },
)


def read_of(place: Any, session: Any, settled: Any) -> tuple[sa.ColumnElement[Any], ...]:
    return *place.c, *session.c, *names_of(session), settled.c.event_id.is_not(None), settled.c.announced_at


READ = read_of(PLACE, SESSION, SETTLED)


def read(reading: Reading, *, known: bool) -> Facts:
    """What `read_of` selected, and then the session known before, if the kind selects that."""
    place, session = reading.next(Place), reading.next(Session)
    city_name, name_pl, name_en, settled, announced_at = reading.values(5)
    names = (name_pl, name_en) if name_pl else None
    return Facts(place, session, city_name, names, settled, announced_at, reading.next(SessionSaid) if known else None)
