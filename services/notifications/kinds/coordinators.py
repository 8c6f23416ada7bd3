"""What mails to a town's coordinators have in common: who they are, and what is known of the call to nominate and of the town's team.

A coordinator is whom the directory says to be in a town's team as its coordinator today, under whatever id of theirs. Of several each is
written to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Reading, Scope
from services.notifications.kinds.matters import OfSession
from services.notifications.ledger import OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.state import Session
from services.notifications.tables import (
    ANSWERED,
    CALL,
    CONTACT,
    MEMBER,
    NOW,
    OPEN,
    PERSON,
    SESSION,
    SETTLED,
    SINCE,
    TOLD,
    TOWN,
    WRITTEN_TO,
    digest,
    is_told,
)
from services.notifications.towns import PROGRAMME_ZONE
from services.notifications.untold import Difference
from shared.alphabet import by_name
from shared.contracts.directory import MemberKind
from shared.postgres.merged import paths_of, survivors_of
from shared.values import immutable

MOST_NAMED = 60
"""As many of a team as may be nominated at once."""
MOST_READ = 2_000
"""Of a larger team which of them are the first of the alphabet is left to Postgres, which does not know it."""


@immutable
class OfTown(OfSession):
    """Something about a town's places in one session, for its coordinators."""

    coordinates: bool
    """Whether whoever is written to coordinates the town today."""
    town_name: str | None

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for or ("town" if self.town_name is None else None)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return BriefMail.of(self.facts, notice, found)


# --- the same in SQL -----------------------------------------------------------------------

TODAY = sa.cast(sa.func.timezone(PROGRAMME_ZONE, NOW), sa.Date)


def is_member(member: sa.FromClause, on: sa.ColumnElement[dt.date] = TODAY) -> sa.ColumnElement[bool]:
    """Whether this membership is one on that day, its first and its last day included."""
    return sa.and_(member.c.from_date <= on, sa.or_(member.c.until_date.is_(None), member.c.until_date >= on))


def memberships(name: str) -> sa.Subquery:
    """Who is in which team, each as whoever they turned out to be: a directory states that two are one, and not each of their teams anew."""
    survivor = survivors_of(PERSON).alias(f"survivor_of_{name}")
    human = sa.func.coalesce(survivor.c.into_id, MEMBER.c.person_id).label("person_id")
    return (
        sa.select(human, MEMBER.c.city_id, MEMBER.c.kind, MEMBER.c.from_date, MEMBER.c.until_date)
        .outerjoin(survivor, survivor.c.person_id == MEMBER.c.person_id)
        .subquery(name)
    )


_goes = paths_of(PERSON)


def ever_in_team(name: str, *conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    """Whoever is or was in a team, under every id that they have had: whoever takes a mail that was planned under a former one has to find
    that it is nobody's any more."""
    themselves = sa.select(MEMBER.c.person_id, MEMBER.c.city_id)
    became = sa.select(_goes.c.into_id, MEMBER.c.city_id).join(_goes, _goes.c.person_id == MEMBER.c.person_id)
    # Not `union`: of what that leaves Postgres guesses so little that it tried all pairs.
    both = sa.union_all(themselves.where(*conditions), became.where(*conditions)).subquery(f"{name}_ids")
    return sa.select(both).distinct().subquery(name)


COORDINATOR = ever_in_team("coordinator", MEMBER.c.kind == MemberKind.COORDINATOR)
"""Who is one no longer is written to no more."""
_its = memberships("its")
COORDINATES = sa.exists().where(
    _its.c.person_id == COORDINATOR.c.person_id,
    _its.c.city_id == COORDINATOR.c.city_id,
    _its.c.kind == MemberKind.COORDINATOR,
    is_member(_its),
)
_then = memberships("then")
COORDINATED_AT_GO_LIVE = (
    sa.exists()
    .where(
        _then.c.person_id == COORDINATOR.c.person_id,
        _then.c.city_id == COORDINATOR.c.city_id,
        _then.c.kind == MemberKind.COORDINATOR,
        is_member(_then, on=sa.cast(sa.func.timezone(PROGRAMME_ZONE, SINCE), sa.Date)),
    )
    .correlate(COORDINATOR)  # Named: in a subquery of a subquery it would be any of them otherwise.
)
"""Whom others told: whoever came to the town since was told nothing by anybody."""
_its_town = TOWN.alias("its_town")
TOWN_NAME = (
    sa.select(_its_town.c.name)
    .where(_its_town.c.city_id == COORDINATOR.c.city_id)
    .order_by(_its_town.c.stage.desc())
    .limit(1)
    .scalar_subquery()
)
UNKNOWN = sessions.UNKNOWN | {
    "town": sa.or_(sessions.UNKNOWN["town"], ~sa.exists().where(TOWN.c.city_id == COORDINATOR.c.city_id))
}
MADE_OF = digest(*WRITTEN_TO, sessions.CITY_NAME, *sessions.TOPIC_NAMES, TOWN_NAME, sessions.RELEASE)
_mate, _who = memberships("mate"), PERSON.alias("who")
_starts = sa.cast(sa.func.timezone(PROGRAMME_ZONE, SESSION.c.starts_at), sa.Date)
_named = (
    sa.select(_who.c.family_name, _who.c.given_name, _who.c.person_id)
    .where(_who.c.person_id == _mate.c.person_id, ~_who.c.erased, _who.c.merged_into.is_(None))
    .where(_mate.c.city_id == COORDINATOR.c.city_id)
    .where(is_member(_mate, on=_starts))
    .distinct()
    .order_by(_who.c.family_name, _who.c.given_name, _who.c.person_id)
    .limit(MOST_READ)
    .correlate(COORDINATOR, SESSION)
    .subquery("named_of_team")
)
_row = sa.func.jsonb_build_array(_named.c.family_name, _named.c.given_name, _named.c.person_id)
TEAM = sa.select(sa.func.jsonb_agg(_row, type_=JSONB)).scalar_subquery()
"""The people of the town's team on the day on which the session begins, as far as they are known: see `team_of`."""


def team_of(found: Sequence[Sequence[str | None]] | None) -> tuple[str, ...]:
    """What `TEAM` selected: their names, in the order of the Polish alphabet, which Postgres does not know."""
    people = sorted(found or (), key=lambda one: by_name(one[0], one[1], str(one[2])))
    return tuple(" ".join(filter(None, (given_name, family_name))) for family_name, given_name, _ in people)


def scope_of(table: sa.Table) -> Scope:
    """Of rows about a session and a town, for each of its coordinators."""
    recipient, also = COORDINATOR.c.person_id, COORDINATOR.alias("also_coordinator")
    pairs = sa.select(recipient, table.c.session_id).join(table, table.c.city_id == COORDINATOR.c.city_id)
    key = sa.func.split_part(OPEN.c.about, "/", 2)
    return Scope(
        keys=sa.join(table, COORDINATOR, COORDINATOR.c.city_id == table.c.city_id),
        recipient=recipient,
        key=table.c.session_id,
        news={
            table: pairs.where(sessions.is_news(table)),
            SESSION: pairs.join(SESSION, SESSION.c.session_id == table.c.session_id).where(sessions.is_news(SESSION)),
            SETTLED: pairs.join(SETTLED, SETTLED.c.session_id == table.c.session_id).where(sessions.is_news(SETTLED)),
            **sessions.news_of_people(pairs, recipient),
            # Of whoever went into somebody else it is news to those.
            PERSON: pairs.join(also, also.c.city_id == COORDINATOR.c.city_id)
            .join(PERSON, PERSON.c.person_id == also.c.person_id)
            .where(sessions.is_news(PERSON)),
        },
        soon={table: sa.exists().where(table.c.session_id == key, sessions.is_news(table))},
    )


def around(found: sa.FromClause, table: sa.Table, about: sa.ColumnElement[str]) -> sa.FromClause:
    """`found` holds the table and its coordinators."""
    return (
        found.join(SESSION, SESSION.c.session_id == table.c.session_id)
        .outerjoin(TOLD, is_told(TOLD, COORDINATOR.c.person_id, about))
        .outerjoin(CONTACT, CONTACT.c.person_id == COORDINATOR.c.person_id)
        .outerjoin(SETTLED, sessions.IS_SETTLED)
    )


CALLS, ANSWERS = scope_of(CALL), scope_of(ANSWERED)
READ = (
    *SESSION.c,
    sessions.CITY_NAME,
    *sessions.TOPIC_NAMES,
    SETTLED.c.event_id.is_not(None),
    COORDINATES,
    TOWN_NAME,
)


def read(reading: Reading) -> tuple[sessions.Facts, bool, str | None]:
    """What `READ` selected."""
    session = reading.next(Session)
    city_name, name_pl, name_en, settled, coordinates, town_name = reading.values(6)
    names = (name_pl, name_en) if name_pl else None
    return sessions.Facts(None, session, city_name, names, settled), coordinates, town_name


# --- who has none ---------------------------------------------------------------------------

_somebody = sa.exists().where(
    _its.c.city_id == CALL.c.city_id,
    _its.c.kind == MemberKind.COORDINATOR,
    is_member(_its),
)
CALLS_FOR_NOBODY = (
    sa.select(sa.func.count())
    .select_from(CALL)
    .join(SESSION, SESSION.c.session_id == CALL.c.session_id)
    .where(CALL.c.ended.is_(None), CALL.c.until > NOW, ~_somebody)
)
"""Open calls of towns whose coordinator nobody knows: nobody is told of them."""
