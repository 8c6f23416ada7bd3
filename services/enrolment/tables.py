"""Enrolment's tables: one for each kind of row, and the one row that whoever decides locks first."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.enrolment.history import Told, Unsaid
from services.enrolment.state import (
    Call,
    Correction,
    Line,
    Membership,
    Need,
    Nomination,
    Person,
    Place,
    Risk,
    Session,
    Settled,
    Stage,
    Topic,
    Town,
)
from shared.contracts.enrolment import ACTIVE, SEAT_TAKING, Basis
from shared.postgres.database import KEPT, table_of
from shared.postgres.merged import index_of_merges
from shared.state.link_keys import LinkKey
from shared.state.merged import Merged

METADATA = sa.MetaData()

STAGE = table_of(Stage, "stage", METADATA)
TOPIC = table_of(Topic, "topic", METADATA)
TOWN = table_of(Town, "town", METADATA)
PERSON = table_of(Person, "person", METADATA, extra=[index_of_merges()])
MERGED = table_of(Merged, "merged", METADATA, extra=[sa.Index("merged_into", "into_id")])
MEMBERSHIP = table_of(Membership, "membership", METADATA, extra=[sa.Index("membership_city", "city_id")])
NEED = table_of(Need, "need", METADATA, extra=[sa.Index("need_city", "city_id")])
SESSION = table_of(
    Session,
    "session",
    METADATA,
    extra=[
        sa.Index("session_city", "city_id"),
        sa.Index("session_ends", "ends_at"),
    ],
)
PLACE = table_of(
    Place,
    "place",
    METADATA,
    extra=[
        sa.Index("place_person", "person_id"),
        sa.CheckConstraint("state <> 'waitlisted' or queue is not null", name="place_waits_in_a_queue"),
    ],
)
CORRECTION = table_of(Correction, "correction", METADATA)
CALL = table_of(Call, "call", METADATA, extra=[sa.Index("call_city", "city_id")])
NOMINATION = table_of(Nomination, "nomination", METADATA)
LINE = table_of(Line, "line", METADATA)
SETTLED = table_of(Settled, "settled", METADATA)
RISK = table_of(Risk, "risk", METADATA)
LINK_KEY = table_of(LinkKey, "link_key", METADATA)
TOLD = table_of(Told, "told", METADATA, extra=[sa.Index("told_about", "about")])
UNSAID = table_of(Unsaid, "unsaid", METADATA, schema=KEPT)
sa.Index("unsaid_place", UNSAID.c.session_id, UNSAID.c.person_id)
TAKES_SEAT = PLACE.c.state.in_([sa.literal_column(f"'{standing}'") for standing in SEAT_TAKING])
"""In words and not as parameters: so Postgres finds the few who have a seat by `place_seated`, and does not look at all who wait."""
sa.Index("place_seated", PLACE.c.session_id, postgresql_where=TAKES_SEAT)
COUNTS = [
    *(sa.func.count().filter(PLACE.c.state == standing).label(standing.value) for standing in ACTIVE),
    sa.func.count().filter(TAKES_SEAT, PLACE.c.basis == Basis.OFFICE).label("extra"),
]
"""How many places stand so, by the name of each standing; and how many seats the office has given beside the rules."""
TOPIC_NAMES = sa.func.coalesce(
    sa.select(sa.func.jsonb_build_object("pl", TOPIC.c.name_pl, "en", TOPIC.c.name_en, type_=JSONB))
    .where(TOPIC.c.topic == SESSION.c.topic)
    .order_by(TOPIC.c.rule_id)
    .limit(1)
    .scalar_subquery(),
    sa.literal({}, JSONB),
).label("topic_names")
CITY_NAME = (
    sa.select(TOWN.c.name)
    .where(TOWN.c.city_id == SESSION.c.city_id)
    .order_by(TOWN.c.stage.desc())
    .limit(1)
    .scalar_subquery()
    .label("city_name")
)
"""What people call a session's topic, and its town: as in its last stage."""
IS_SETTLED = sa.and_(
    SETTLED.c.session_id == SESSION.c.session_id,
    SETTLED.c.session_source == SESSION.c.source,
    SETTLED.c.session_event_id == SESSION.c.event_id,
    SETTLED.c.session_version == SESSION.c.version,
)
TABLES = {
    Stage: STAGE,
    Topic: TOPIC,
    Town: TOWN,
    Person: PERSON,
    Merged: MERGED,
    Membership: MEMBERSHIP,
    Need: NEED,
    Session: SESSION,
    Place: PLACE,
    Correction: CORRECTION,
    Call: CALL,
    Nomination: NOMINATION,
    Line: LINE,
    Settled: SETTLED,
    Risk: RISK,
    LinkKey: LINK_KEY,
    Told: TOLD,
    Unsaid: UNSAID,
}


def taken_of(counts: Any) -> Any:
    """Of `COUNTS`: how many of a session's seats nobody else can have."""
    return sum(counts[standing] for standing in SEAT_TAKING) - counts["extra"]


SOURCE = "rollcall/enrolment"

DECIDER = sa.Table("decider", METADATA, sa.Column("id", sa.Integer, primary_key=True), schema="kept")
"""One row, locked first by every deciding transaction: a lock hierarchy deadlocks or cannot be obeyed."""
