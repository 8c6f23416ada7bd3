"""The first schema of enrolment.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.postgres.migrating import machinery, statements

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE projection.call (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    places BIGINT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    ended TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT call_key PRIMARY KEY (session_id, city_id)
);

CREATE INDEX call_city ON projection.call (city_id);

CREATE TABLE kept.decider (
    id SERIAL NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE projection.correction (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    capacity BIGINT,
    planned_capacity BIGINT,
    places_per_town BIGINT,
    planned_places_per_town BIGINT,
    asked_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT correction_key PRIMARY KEY (session_id)
);

CREATE TABLE projection.line (
    session_id TEXT NOT NULL,
    last_number BIGINT NOT NULL,
    CONSTRAINT line_key PRIMARY KEY (session_id)
);

CREATE TABLE projection.link_key (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    key_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    public_key TEXT NOT NULL,
    verifies_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT link_key_key PRIMARY KEY (key_id)
);

CREATE TABLE projection.membership (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    person_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    from_date DATE NOT NULL,
    until_date DATE,
    department TEXT,
    role TEXT,
    kind TEXT NOT NULL,
    CONSTRAINT membership_key PRIMARY KEY (person_id, city_id, from_date)
);

CREATE INDEX membership_city ON projection.membership (city_id);

CREATE TABLE projection.merged (
    person_id TEXT NOT NULL,
    into_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT merged_key PRIMARY KEY (person_id)
);

CREATE INDEX merged_into ON projection.merged (into_id);

CREATE TABLE projection.need (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    need_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    level TEXT NOT NULL,
    audience TEXT,
    people BIGINT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT need_key PRIMARY KEY (need_id)
);

CREATE INDEX need_city ON projection.need (city_id);

CREATE TABLE projection.nomination (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    nomination_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    people JSONB NOT NULL,
    request_source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT nomination_key PRIMARY KEY (session_id, nomination_id)
);

CREATE TABLE projection.person (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    person_id TEXT NOT NULL,
    given_name TEXT,
    family_name TEXT,
    erased BOOLEAN NOT NULL,
    merged_into TEXT,
    CONSTRAINT person_key PRIMARY KEY (person_id)
);

CREATE INDEX person_merged ON projection.person (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE projection.place (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    city_id TEXT,
    state TEXT NOT NULL,
    episode BIGINT NOT NULL,
    basis TEXT,
    queue BIGINT,
    reason TEXT,
    refusal TEXT,
    place_asked_at TIMESTAMP WITH TIME ZONE,
    withdrawal_asked_at TIMESTAMP WITH TIME ZONE,
    last_asked_for TEXT,
    last_asked_at TIMESTAMP WITH TIME ZONE,
    priority BIGINT NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE,
    offered_at TIMESTAMP WITH TIME ZONE,
    offered_until TIMESTAMP WITH TIME ZONE,
    last_offered_at TIMESTAMP WITH TIME ZONE,
    last_offer_ended_at TIMESTAMP WITH TIME ZONE,
    reply TEXT NOT NULL,
    replied_at TIMESTAMP WITH TIME ZONE,
    replied_for TEXT,
    clashes_with JSONB NOT NULL,
    nomination_id TEXT,
    substitute_for TEXT,
    substituted_by TEXT,
    had TEXT,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT place_key PRIMARY KEY (session_id, person_id),
    CONSTRAINT place_waits_in_a_queue CHECK (state <> 'waitlisted' or queue is not null)
);

CREATE INDEX place_person ON projection.place (person_id);
CREATE INDEX place_seated ON projection.place (session_id) WHERE state IN ('enrolled', 'offered');

CREATE TABLE projection.risk (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    minimum BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    enrolled BIGINT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT risk_key PRIMARY KEY (session_id)
);

CREATE TABLE projection.session (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    phase BIGINT NOT NULL,
    topic TEXT NOT NULL,
    city_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    address TEXT,
    capacity BIGINT NOT NULL,
    meetings JSONB NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    terms JSONB NOT NULL,
    details JSONB NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (session_id)
);

CREATE INDEX session_city ON projection.session (city_id);

CREATE INDEX session_ends ON projection.session (ends_at);

CREATE TABLE projection.settled (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    session_source TEXT NOT NULL,
    session_event_id TEXT NOT NULL,
    session_version BIGINT NOT NULL,
    seats BIGINT,
    announced_at TIMESTAMP WITH TIME ZONE,
    decided_moments JSONB NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT settled_key PRIMARY KEY (session_id)
);

CREATE TABLE projection.stage (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rule_id TEXT NOT NULL,
    stage BIGINT NOT NULL,
    phase BIGINT NOT NULL,
    opened_on DATE NOT NULL,
    CONSTRAINT stage_key PRIMARY KEY (rule_id)
);

CREATE TABLE projection.told (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    subject TEXT NOT NULL,
    about TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    said_at TIMESTAMP WITH TIME ZONE NOT NULL,
    "offset" BIGINT NOT NULL,
    CONSTRAINT told_key PRIMARY KEY (subject, source, version, heard_at, event_id)
);

CREATE INDEX told_about ON projection.told (about);

CREATE TABLE projection.topic (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rule_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    name_pl TEXT NOT NULL,
    name_en TEXT NOT NULL,
    CONSTRAINT topic_key PRIMARY KEY (rule_id)
);

CREATE TABLE projection.town (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    city_id TEXT NOT NULL,
    stage BIGINT NOT NULL,
    name TEXT NOT NULL,
    voivodeship TEXT,
    population BIGINT,
    outcome TEXT NOT NULL,
    decided_on DATE NOT NULL,
    CONSTRAINT town_key PRIMARY KEY (city_id, stage)
);

CREATE TABLE kept.unsaid (
    request_source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    asked_for TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    stated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    became TEXT NOT NULL,
    waits_for TEXT,
    until TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    detail TEXT,
    CONSTRAINT unsaid_key PRIMARY KEY (request_source, request_id, person_id, since)
);

CREATE INDEX unsaid_place ON kept.unsaid (session_id, person_id);
"""


def upgrade() -> None:
    op.execute("create schema projection")
    for statement in (*statements(machinery("0001")), *statements(TABLES)):
        op.execute(statement)
    op.execute("insert into kept.decider values (1)")
