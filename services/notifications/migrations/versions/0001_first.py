"""The first schema of notifications.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.postgres.migrating import machinery, statements

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE kept.open_notice (
    recipient TEXT NOT NULL,
    about TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    planned_at TIMESTAMP WITH TIME ZONE NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    priority BIGINT NOT NULL,
    kind TEXT,
    language TEXT,
    sequence BIGINT NOT NULL,
    content JSONB,
    stated_at TIMESTAMP WITH TIME ZONE,
    tried_since TIMESTAMP WITH TIME ZONE,
    made_of TEXT,
    attempts BIGINT NOT NULL,
    doubts BIGINT NOT NULL,
    lease TEXT,
    lease_until TIMESTAMP WITH TIME ZONE,
    problem TEXT,
    rehearses BOOLEAN NOT NULL,
    CONSTRAINT open_notice_key PRIMARY KEY (recipient, about),
    CONSTRAINT open_notice_id UNIQUE (notice_id),
    CONSTRAINT open_notice_lease_has_an_end CHECK ((lease is null) = (lease_until is null)),
    CONSTRAINT open_notice_attempts_say_something CHECK (attempts = 0 or content is not null)
);

CREATE TABLE kept.pace (
    name TEXT NOT NULL,
    given_until TIMESTAMP WITH TIME ZONE NOT NULL,
    urgent_until TIMESTAMP WITH TIME ZONE NOT NULL,
    usual_until TIMESTAMP WITH TIME ZONE NOT NULL,
    whenever_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pace_key PRIMARY KEY (name)
);

CREATE TABLE kept.digest_key (
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    CONSTRAINT digest_key_key PRIMARY KEY (id),
    CONSTRAINT digest_key_is_one CHECK (id = 1)
);

CREATE TABLE kept.signing_key (
    key_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    private_key TEXT NOT NULL,
    signs_until TIMESTAMP WITH TIME ZONE NOT NULL,
    verifies_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT signing_key_key PRIMARY KEY (key_id)
);

CREATE TABLE kept.message_text (
    message_id TEXT NOT NULL,
    subject TEXT,
    text TEXT,
    forgotten_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT message_text_key PRIMARY KEY (message_id),
    CONSTRAINT message_text_forgotten_says_nothing CHECK ((forgotten_at is null) = (subject is not null) and (subject is null) = (text is null))
);

CREATE INDEX message_text_said ON kept.message_text (message_id) WHERE forgotten_at is null;

CREATE INDEX open_notice_leased ON kept.open_notice (recipient) WHERE lease is not null;

CREATE INDEX open_notice_rehearses ON kept.open_notice (next_attempt_at) WHERE rehearses;

CREATE INDEX open_notice_next ON kept.open_notice (split_part(about, '/', 1), priority, next_attempt_at);

CREATE TABLE projection.go_live (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recipient TEXT NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT go_live_key PRIMARY KEY (recipient)
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

CREATE TABLE projection.contact (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    person_id TEXT NOT NULL,
    email TEXT,
    language TEXT NOT NULL,
    erased BOOLEAN NOT NULL,
    CONSTRAINT contact_key PRIMARY KEY (person_id)
);

CREATE INDEX contact_heard ON projection.contact (heard_at);

CREATE TABLE projection.notice (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    notice_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    about TEXT NOT NULL,
    kind TEXT NOT NULL,
    language TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    said JSONB NOT NULL,
    message_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    doubts BIGINT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    problem TEXT,
    made_of TEXT,
    again_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT notice_key PRIMARY KEY (notice_id)
);

CREATE INDEX notice_recipient ON projection.notice (recipient);

CREATE INDEX notice_state ON projection.notice (state, notice_id);

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

CREATE INDEX person_heard ON projection.person (heard_at);

CREATE INDEX person_merged ON projection.person (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE projection.place (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    offered_at TIMESTAMP WITH TIME ZONE,
    offered_until TIMESTAMP WITH TIME ZONE,
    reply TEXT NOT NULL,
    city_id TEXT,
    substitute_for TEXT,
    clashes_with JSONB NOT NULL,
    priority BIGINT NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE,
    queue BIGINT,
    extra BOOLEAN NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
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
    state TEXT NOT NULL,
    reason TEXT,
    offered_at TIMESTAMP WITH TIME ZONE,
    offered_until TIMESTAMP WITH TIME ZONE,
    reply TEXT NOT NULL,
    city_id TEXT,
    substitute_for TEXT,
    clashes_with JSONB NOT NULL,
    priority BIGINT NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE,
    queue BIGINT,
    extra BOOLEAN NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT place_said_key PRIMARY KEY (session_id, person_id, source, version)
);

CREATE TABLE projection.member (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    person_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    from_date DATE NOT NULL,
    until_date DATE,
    kind TEXT NOT NULL,
    CONSTRAINT member_key PRIMARY KEY (person_id, city_id, from_date)
);

CREATE INDEX member_city ON projection.member (city_id);

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
    noon_before_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended TEXT,
    CONSTRAINT call_key PRIMARY KEY (session_id, city_id)
);

CREATE INDEX call_heard ON projection.call (heard_at);

CREATE INDEX call_until ON projection.call (until);

CREATE TABLE projection.call_said (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    places BIGINT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    noon_before_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended TEXT,
    CONSTRAINT call_said_key PRIMARY KEY (session_id, city_id, source, version)
);

CREATE TABLE projection.answered (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    nomination_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    people JSONB NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT answered_key PRIMARY KEY (session_id, nomination_id)
);

CREATE INDEX answered_heard ON projection.answered (heard_at);

CREATE TABLE projection.nominated (
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    nomination_id TEXT NOT NULL,
    city_id TEXT NOT NULL,
    standing TEXT NOT NULL,
    reason TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT nominated_key PRIMARY KEY (session_id, person_id)
);

CREATE INDEX nominated_heard ON projection.nominated (heard_at);

CREATE INDEX nominated_person ON projection.nominated (person_id);

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

CREATE INDEX risk_heard ON projection.risk (heard_at);

CREATE TABLE projection.refusal (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    asked_for TEXT NOT NULL,
    reason TEXT NOT NULL,
    standing TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT refusal_key PRIMARY KEY (session_id, person_id)
);

CREATE TABLE projection.towns_refusal (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    CONSTRAINT towns_refusal_key PRIMARY KEY (session_id, person_id)
);

CREATE INDEX refusal_heard ON projection.refusal (heard_at);

CREATE INDEX refusal_person ON projection.refusal (person_id);

CREATE INDEX place_heard ON projection.place (heard_at);

CREATE INDEX place_entry ON projection.place (left(encode(sha256(decode((session_id || '/') || person_id, 'escape')), 'hex'), 32));

CREATE INDEX place_marked ON projection.place (person_id) WHERE clashes_with <> '[]'::jsonb;

CREATE INDEX place_person ON projection.place (person_id);

CREATE TABLE projection.session (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    city_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    address TEXT,
    meetings JSONB NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    noon_before_at TIMESTAMP WITH TIME ZONE NOT NULL,
    content TEXT NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE,
    minimum BIGINT,
    decides_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    trainers JSONB NOT NULL,
    pre_test JSONB,
    post_test JSONB,
    questionnaire JSONB,
    note JSONB,
    freeze_hours BIGINT NOT NULL,
    closes_at TIMESTAMP WITH TIME ZONE,
    by_oneself BOOLEAN NOT NULL,
    CONSTRAINT session_key PRIMARY KEY (session_id)
);

CREATE INDEX session_ends ON projection.session (ends_at);

CREATE INDEX session_noon_before ON projection.session (noon_before_at);

CREATE INDEX session_decides ON projection.session (decides_at);

CREATE INDEX session_heard ON projection.session (heard_at);

CREATE TABLE projection.session_said (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    city_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    address TEXT,
    meetings JSONB NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    noon_before_at TIMESTAMP WITH TIME ZONE NOT NULL,
    content TEXT NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE,
    minimum BIGINT,
    decides_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    trainers JSONB NOT NULL,
    pre_test JSONB,
    post_test JSONB,
    questionnaire JSONB,
    note JSONB,
    freeze_hours BIGINT NOT NULL,
    closes_at TIMESTAMP WITH TIME ZONE,
    by_oneself BOOLEAN NOT NULL,
    CONSTRAINT session_said_key PRIMARY KEY (session_id, source, version)
);

CREATE INDEX session_said_ends ON projection.session_said (ends_at);

CREATE TABLE projection.task_done (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    task TEXT NOT NULL,
    respondent TEXT NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT task_done_key PRIMARY KEY (session_id, task, respondent)
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
    role TEXT NOT NULL,
    CONSTRAINT record_key PRIMARY KEY (session_id, meeting_id, person_id)
);

CREATE INDEX record_person ON projection.record (session_id, person_id);

CREATE INDEX record_heard ON projection.record (heard_at);

CREATE TABLE projection.meeting_list (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    meeting_id TEXT NOT NULL,
    is_open BOOLEAN NOT NULL,
    CONSTRAINT meeting_list_key PRIMARY KEY (session_id, meeting_id)
);

CREATE INDEX meeting_list_heard ON projection.meeting_list (heard_at);

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
    minutes BIGINT NOT NULL,
    issued_on DATE NOT NULL,
    supersedes TEXT,
    ended TEXT,
    CONSTRAINT certificate_key PRIMARY KEY (number)
);

CREATE TABLE projection.certified (
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    number TEXT NOT NULL,
    series TEXT NOT NULL,
    serial BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    issued_on DATE NOT NULL,
    supersedes TEXT,
    ended TEXT,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    first_heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT certified_key PRIMARY KEY (session_id, person_id)
);

CREATE INDEX certified_person ON projection.certified (person_id);

CREATE INDEX certified_heard ON projection.certified (heard_at);

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
    CONSTRAINT settled_key PRIMARY KEY (session_id, session_source, session_event_id, session_version)
);

CREATE INDEX settled_heard ON projection.settled (heard_at);

CREATE TABLE projection.calendar_answer (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    reply TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    stamped_at TIMESTAMP WITH TIME ZONE,
    notice_id TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT calendar_answer_key PRIMARY KEY (session_id, person_id)
);

CREATE TABLE projection.suppression (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recipient TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    holds BOOLEAN NOT NULL,
    status TEXT,
    notice_id TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT suppression_key PRIMARY KEY (recipient)
);

CREATE INDEX suppression_holds ON projection.suppression (recipient) WHERE holds;

CREATE TABLE projection.message (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    audience TEXT NOT NULL,
    audience_id TEXT,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT message_key PRIMARY KEY (message_id, recipient)
);

CREATE INDEX message_recipient ON projection.message (recipient);

CREATE INDEX message_until ON projection.message (until);

CREATE TABLE projection.asked (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    asked_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    about TEXT,
    session_id TEXT,
    context JSONB NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    declined TEXT,
    request_source TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT asked_key PRIMARY KEY (asked_id),
    CONSTRAINT asked_is_accepted_or_declined CHECK ((declined is null) = (about is not null and until is not null))
);

CREATE INDEX asked_declined ON projection.asked (decided_at) WHERE declined is not null;

CREATE INDEX asked_heard ON projection.asked (heard_at);

CREATE INDEX asked_recipient ON projection.asked (recipient, decided_at);

CREATE INDEX asked_session ON projection.asked (session_id);

CREATE INDEX asked_until ON projection.asked (until) WHERE declined is null;

CREATE TABLE projection.mute (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recipient TEXT NOT NULL,
    muted JSONB NOT NULL,
    by TEXT,
    reason TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT mute_key PRIMARY KEY (recipient)
);

CREATE TABLE projection.told (
    recipient TEXT NOT NULL,
    about TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL,
    content TEXT,
    mailbox TEXT,
    said JSONB,
    certain JSONB,
    given_up TEXT,
    given_up_for TEXT,
    given_up_by TEXT,
    until TIMESTAMP WITH TIME ZONE,
    told_at TIMESTAMP WITH TIME ZONE,
    not_before TIMESTAMP WITH TIME ZONE,
    CONSTRAINT told_key PRIMARY KEY (recipient, about)
);

CREATE INDEX told_until ON projection.told (until);

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
    CONSTRAINT town_key PRIMARY KEY (city_id, stage)
);
"""


def upgrade() -> None:
    op.execute("create schema projection")
    for statement in (*statements(machinery("0001")), *statements(TABLES)):
        op.execute(statement)
