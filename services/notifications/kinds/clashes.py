"""The mail to a town's coordinators of whom of their people have places in two trainings at the same time of day: one of the two is to be
given back, and often it is they who know which.

Of two trainings all of a town's people stand in one mail. It is told again when there is somebody whom it has not named, or whose clash had
gone and has come again; not when somebody has resolved theirs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from services.notifications.kinds import coordinators, pairs, sessions
from services.notifications.kinds.coordinators import COORDINATES, COORDINATOR, TOWN_NAME
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, Once, missed_until
from services.notifications.kinds.pairs import OTHER_SESSION, OTHER_SETTLED
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import OVERTAKEN, Content, OpenNotice, Told
from services.notifications.letters import BriefMail, Named
from services.notifications.sheets import CHANGED, Office, Sheet, brief
from services.notifications.state import Session
from services.notifications.tables import CONTACT, NOW, PERSON, PLACE, SESSION, SETTLED, SINCE, TOLD, digest, is_told
from services.notifications.templates.wording import notices_of
from services.notifications.untold import ENROLMENT, Addressee, Difference, judged
from shared.alphabet import by_name
from shared.contracts.model import Language
from shared.contracts.notifications import Clashing, ClashTold
from shared.values import immutable

NAME = "clashes"
CLASHES = "clashes"
UNNAMED = "–"
"""Whoever is not known."""


@immutable
class OfTheirs:
    """One of the town's people who have both places."""

    person_id: str
    since: int
    name: str | None


@immutable
class Clashes(Once):
    """Who of a town has places in both of two sessions."""

    other: Facts
    people: tuple[OfTheirs, ...]
    coordinates: bool
    town_name: str | None

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for or self.other.waits_for or ("town" if self.town_name is None else None)

    @property
    def ends_at(self) -> dt.datetime | None:
        return pairs.begins_at(self.facts, self.other)

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        end = self.ends_at
        if end is None or now >= end or not self.coordinates or not self.people:
            return None
        if not pairs.take_place(self.facts, self.other):
            return None
        of_theirs = tuple(Clashing(person_id=one.person_id, since=one.since) for one in self.people)
        is_settled = self.facts.settled and self.other.settled
        says = pairs.told_of(self.facts, self.other, hash_of(self.people), of_theirs)
        return Difference(CLASHES, says, waits_for=None if is_settled else ENROLMENT)

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        found = self.found(to, now)
        if found is None or not isinstance(found.says.says, ClashTold):
            return None
        if {*found.says.says.people} <= people_told(told):
            return None
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        end, heard = self.ends_at, [facts.session.heard_at for facts in (self.facts, self.other) if facts.session]
        if end is None or max(heard) >= end:
            return None
        return missed_until(end, self, told, to, now=now, since=since)

    def named(self, content: Content, language: Language) -> Content:
        return pairs.named(self.facts, self.other, content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        mail = pairs.mail_of(self.facts, self.other, notice, found)
        return replace(mail, town=self.town_name, people=tuple(Named(one.name or UNNAMED) for one in self.people))


def people_told(told: Told | None) -> set[Clashing]:
    """Of whom it was told, or may have been."""
    if told is None or told.said is None or told.content in (None, OVERTAKEN):
        return set()
    says = told.said.says
    return {*says.people} if isinstance(says, ClashTold) else set()


def hash_of(people: tuple[OfTheirs, ...]) -> str:
    """The same for the same people at the same time, in whatever order."""
    said = sorted(f"{one.person_id}/{one.since}" for one in people)
    return hashlib.md5(",".join(said).encode(), usedforsecurity=False).hexdigest()


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, CLASHES)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[CLASHES], CHANGED)


# --- the same in SQL -----------------------------------------------------------------------

_one, _two = PLACE.alias("one_place"), PLACE.alias("two_place")
_of_towns = (
    sa.select(_one.c.session_id, _two.c.session_id.label("other_session_id"), place.c.city_id)
    .select_from(_one.join(_two, pairs.are_a_pair(_one, _two)))
    .where(place.c.city_id.is_not(None))
    for place in (_one, _two)
)
TOWN_PAIR = sa.union(*_of_towns).subquery("town_pair")
"""Two sessions of which a place says that the other one is in its way, and the towns whose places they are."""
_slash = sa.literal("/", sa.Text)
_about = (
    sa.literal(f"{NAME}/", sa.Text)
    + TOWN_PAIR.c.session_id
    + _slash
    + TOWN_PAIR.c.other_session_id
    + _slash
    + TOWN_PAIR.c.city_id
)
_mine, _also_mine, _who = PLACE.alias("mine"), PLACE.alias("also_mine"), PERSON.alias("clashing_person")
_since = pairs.since_of(_mine, _also_mine)
_theirs = (
    sa.select(
        _mine.c.person_id.label("person_id"),
        _since.label("since"),
        sa.case((_who.c.person_id.is_not(None), sa.func.concat_ws(" ", _who.c.given_name, _who.c.family_name))).label(
            "name"
        ),
        _who.c.family_name.label("family_name"),
        _who.c.given_name.label("given_name"),
    )
    .select_from(
        _mine.join(_also_mine, pairs.are_a_pair(_mine, _also_mine)).outerjoin(
            _who, _who.c.person_id == _mine.c.person_id
        )
    )
    .where(_mine.c.session_id == TOWN_PAIR.c.session_id, _also_mine.c.session_id == TOWN_PAIR.c.other_session_id)
    .where(sa.or_(_mine.c.city_id == TOWN_PAIR.c.city_id, _also_mine.c.city_id == TOWN_PAIR.c.city_id))
    .where(pairs.have_both(_mine, _also_mine), pairs.began_at(_mine, _also_mine) >= SINCE)
    # What was heard when it was too late to choose was known to nobody in time.
    .where(sa.func.greatest(_mine.c.heard_at, _also_mine.c.heard_at) < pairs.BEGINS_AT)
    .where(_who.c.erased.is_not(True), _who.c.merged_into.is_(None))
    .correlate(TOWN_PAIR, SESSION, OTHER_SESSION)
    .subquery("theirs")
)
_its = _theirs.c
_rows = sa.func.jsonb_build_array(_its.person_id, _its.since, _its.name, _its.family_name, _its.given_name)
_people = sa.select(sa.func.jsonb_agg(_rows, type_=JSONB)).scalar_subquery()
_named = sa.func.jsonb_build_object("person_id", _its.person_id, "since", _its.since)
_people_named = sa.select(sa.func.jsonb_agg(_named, type_=JSONB)).scalar_subquery()
_text = _its.person_id + "/" + sa.cast(_its.since, sa.Text)
_hash = sa.select(
    sa.func.md5(sa.func.string_agg(_text, aggregate_order_by(sa.literal(",", sa.Text), _text.collate("C"))))
).scalar_subquery()
_is_ahead = pairs.BEGINS_AT > NOW
_holds = sa.and_(pairs.TAKE_PLACE, COORDINATES)
_content = sa.case((sa.and_(_holds, _is_ahead), _hash))
_are_told = sa.func.coalesce(
    sa.and_(
        TOLD.c.content.is_not(None),
        TOLD.c.content != OVERTAKEN,
        sa.type_coerce(TOLD.c.said, JSONB)["says"]["people"].contains(_people_named),
    ),
    sa.false(),
)


def _around(found: sa.FromClause) -> sa.FromClause:
    recipient = COORDINATOR.c.person_id
    return (
        found.outerjoin(SESSION, SESSION.c.session_id == TOWN_PAIR.c.session_id)
        .outerjoin(OTHER_SESSION, OTHER_SESSION.c.session_id == TOWN_PAIR.c.other_session_id)
        .outerjoin(TOLD, is_told(TOLD, recipient, _about))
        .outerjoin(CONTACT, CONTACT.c.person_id == recipient)
        .outerjoin(SETTLED, sessions.IS_SETTLED)
        .outerjoin(OTHER_SETTLED, sessions.is_settled(OTHER_SESSION, OTHER_SETTLED))
    )


_OTHER = (*OTHER_SESSION.c, *pairs.OTHER_NAMES, OTHER_SETTLED.c.event_id.is_not(None))


def _read(reading: Reading, rules: Rules) -> Clashes:
    one, coordinates, town_name = coordinators.read(reading)
    session = reading.next(Session)
    city_name, name_pl, name_en, settled, people = reading.values(5)
    other = Facts(None, session, city_name, (name_pl, name_en) if name_pl else None, settled)
    # As the Polish alphabet has it, which Postgres does not know.
    by_their_names = sorted(people or (), key=lambda its: by_name(its[3], its[4], its[0]))
    return Clashes(one, other, tuple(OfTheirs(*its[:3]) for its in by_their_names), coordinates, town_name)


CLASHES_KIND = Kind(
    name=NAME,
    letters=(CLASHES,),
    scope=Scope(
        keys=sa.join(TOWN_PAIR, COORDINATOR, COORDINATOR.c.city_id == TOWN_PAIR.c.city_id),
        recipient=COORDINATOR.c.person_id,
        key=TOWN_PAIR.c.session_id,
        news={},
        soon={},
    ),
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_content.is_not(None), ~_are_told),
    waits={ENROLMENT: pairs.UNSETTLED},
    unknown=pairs.UNKNOWN | {"town": sa.or_(pairs.UNKNOWN["town"], TOWN_NAME.is_(None))},
    parts=(_is_ahead,),
    told_by_others=sa.false(),
    made_of=digest(coordinators.MADE_OF, *pairs.OTHER_NAMES),
    columns=(*coordinators.READ, *_OTHER, _people),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset(),
    needed_at=pairs.BEGINS_AT,
    settles=1.0,
    missed_at=pairs.BEGINS_AT,
    missed=sa.and_(
        _holds,
        _hash.is_not(None),
        pairs.BEGINS_AT <= NOW,
        pairs.BEGINS_AT > SINCE,
        ~_are_told,
        TOLD.c.given_up.is_distinct_from(_hash),
        SESSION.c.heard_at < pairs.BEGINS_AT,
        OTHER_SESSION.c.heard_at < pairs.BEGINS_AT,
    ),
)
