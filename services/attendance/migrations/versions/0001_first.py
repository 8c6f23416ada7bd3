"""The first schema of attendance.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.postgres.migrating import machinery, statements

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE kept.room_key (
    id BIGINT NOT NULL,
    key BYTEA NOT NULL,
    CONSTRAINT room_key_is_one CHECK (id = 1),
    CONSTRAINT room_key_key PRIMARY KEY (id)
);

CREATE TABLE kept.scope (
    session_id TEXT NOT NULL,
    PRIMARY KEY (session_id)
);

CREATE TABLE projection.certificate (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    number TEXT NOT NULL,
    series TEXT NOT NULL,
    serial BIGINT NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    city_id TEXT,
    topic TEXT,
    title_pl TEXT,
    title_en TEXT,
    days JSONB NOT NULL,
    minutes BIGINT NOT NULL,
    required_minutes BIGINT NOT NULL,
    issued_on DATE NOT NULL,
    code TEXT,
    supersedes TEXT,
    superseded_by TEXT,
    ended TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT certificate_key PRIMARY KEY (number),
    CONSTRAINT certificate_once_in_its_series UNIQUE (series, serial)
);

CREATE INDEX certificate_person ON projection.certificate (person_id);

CREATE INDEX certificate_session ON projection.certificate (session_id);

CREATE TABLE projection.file (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    meeting_id TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    undecided BIGINT NOT NULL,
    is_removed BOOLEAN NOT NULL,
    decided_by TEXT NOT NULL,
    note TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    meetings JSONB NOT NULL,
    CONSTRAINT file_key PRIMARY KEY (session_id, sha256)
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

CREATE TABLE projection.list (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    meeting_id TEXT NOT NULL,
    is_open BOOLEAN NOT NULL,
    recorded BOOLEAN NOT NULL,
    present BIGINT NOT NULL,
    late BIGINT NOT NULL,
    left_early BIGINT NOT NULL,
    absent BIGINT NOT NULL,
    excused BIGINT NOT NULL,
    not_recorded BIGINT NOT NULL,
    without_place BIGINT NOT NULL,
    guests BIGINT NOT NULL,
    awaited_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT,
    note TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT list_key PRIMARY KEY (session_id, meeting_id)
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

CREATE TABLE projection.merged (
    person_id TEXT NOT NULL,
    into_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT merged_key PRIMARY KEY (person_id)
);

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

CREATE TABLE projection.need_said (
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
    CONSTRAINT need_said_key PRIMARY KEY (need_id, source, version)
);

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
    substitute_for TEXT,
    substituted_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT place_key PRIMARY KEY (session_id, person_id)
);

CREATE TABLE projection.place_said (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    city_id TEXT,
    state TEXT NOT NULL,
    given_back_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT place_said_key PRIMARY KEY (session_id, person_id, source, version)
);

CREATE TABLE projection.record (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    meeting_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    state TEXT NOT NULL,
    with_place BOOLEAN NOT NULL,
    city_id TEXT,
    role TEXT NOT NULL,
    minutes BIGINT,
    stated_minutes BIGINT,
    arrived_at TIMESTAMP WITH TIME ZONE,
    left_at TIMESTAMP WITH TIME ZONE,
    meeting_starts_at TIMESTAMP WITH TIME ZONE,
    scanned_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE,
    method TEXT,
    device_id TEXT,
    request_source TEXT,
    request_id TEXT,
    request_digest TEXT,
    reason TEXT,
    linked_to TEXT,
    linked_from TEXT,
    decided_by TEXT,
    note TEXT,
    because TEXT,
    corrected BOOLEAN NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT record_key PRIMARY KEY (session_id, meeting_id, person_id),
    CONSTRAINT record_came_since CHECK (state not in ('present', 'late', 'left_early') or scanned_at is not null)
);

CREATE INDEX record_person ON projection.record (person_id);

CREATE TABLE projection.record_said (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    meeting_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    state TEXT NOT NULL,
    with_place BOOLEAN NOT NULL,
    city_id TEXT,
    role TEXT NOT NULL,
    minutes BIGINT,
    stated_minutes BIGINT,
    arrived_at TIMESTAMP WITH TIME ZONE,
    left_at TIMESTAMP WITH TIME ZONE,
    meeting_starts_at TIMESTAMP WITH TIME ZONE,
    scanned_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE,
    method TEXT,
    device_id TEXT,
    request_source TEXT,
    request_id TEXT,
    request_digest TEXT,
    reason TEXT,
    linked_to TEXT,
    linked_from TEXT,
    decided_by TEXT,
    note TEXT,
    because TEXT,
    corrected BOOLEAN NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT record_said_key PRIMARY KEY (session_id, meeting_id, person_id, source, version)
);

CREATE TABLE projection.series (
    series TEXT NOT NULL,
    last BIGINT NOT NULL,
    CONSTRAINT series_key PRIMARY KEY (series)
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
    meetings JSONB NOT NULL,
    trainers JSONB NOT NULL,
    certificate_minutes BIGINT,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (session_id)
);

CREATE TABLE projection.session_said (
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
    meetings JSONB NOT NULL,
    trainers JSONB NOT NULL,
    certificate_minutes BIGINT,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT session_said_key PRIMARY KEY (session_id, source, version)
);

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
    outcome TEXT NOT NULL,
    CONSTRAINT town_key PRIMARY KEY (city_id, stage)
);

CREATE TABLE projection.town_said (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    city_id TEXT NOT NULL,
    stage BIGINT NOT NULL,
    name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    CONSTRAINT town_said_key PRIMARY KEY (city_id, stage, source, version)
);
"""


def upgrade() -> None:
    op.execute("create schema projection")
    for statement in (*statements(machinery("0001")), *statements(TABLES)):
        op.execute(statement)
