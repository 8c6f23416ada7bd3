CREATE TABLE kept.held (
    request_source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    type TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    appended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    stated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    subject TEXT NOT NULL,
    about JSONB NOT NULL,
    scope TEXT,
    waits_for TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT held_key PRIMARY KEY (request_source, request_id)
);

CREATE INDEX held_about ON kept.held USING gin (about);

CREATE INDEX held_expiry ON kept.held (expires_at);

CREATE TABLE kept.journal (
    event_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    said_at TIMESTAMP WITH TIME ZONE NOT NULL,
    correlation_id TEXT,
    causation_id TEXT,
    body TEXT NOT NULL,
    CONSTRAINT journal_key PRIMARY KEY (event_id)
);

CREATE INDEX journal_subject ON kept.journal (key, subject);

CREATE TABLE kept.other_writer (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    content TEXT NOT NULL,
    CONSTRAINT other_writer_key PRIMARY KEY (kind, subject, source)
);

CREATE INDEX other_writer_subject ON kept.other_writer (subject);

CREATE TABLE kept.parked (
    stream TEXT NOT NULL,
    partition BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    appended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    key BYTEA,
    value BYTEA,
    headers TEXT NOT NULL,
    type TEXT,
    source TEXT,
    event_id TEXT,
    scope TEXT,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    state TEXT NOT NULL,
    parked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    retries BIGINT NOT NULL,
    CONSTRAINT parked_key PRIMARY KEY (stream, partition, "offset")
);

CREATE INDEX parked_open ON kept.parked (state, reason);

CREATE INDEX parked_scope ON kept.parked (scope);

CREATE TABLE kept.recovery (
    stream TEXT NOT NULL,
    partition BIGINT NOT NULL,
    until_offset BIGINT NOT NULL,
    CONSTRAINT recovery_key PRIMARY KEY (stream, partition)
);

CREATE TABLE kept.skipped (
    type TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition BIGINT NOT NULL,
    first_offset BIGINT NOT NULL,
    CONSTRAINT skipped_key PRIMARY KEY (type, stream, partition)
);

CREATE TABLE kept.stray_erasure (
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    partition BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    appended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT stray_erasure_key PRIMARY KEY (stream, key)
);

CREATE TABLE kept.token (
    token_id TEXT NOT NULL,
    secret_sha256 BYTEA NOT NULL,
    actor TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT token_key PRIMARY KEY (token_id)
);

CREATE TABLE kept.unchanged (
    request_source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    request_digest TEXT,
    outcome TEXT NOT NULL,
    episode BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    CONSTRAINT unchanged_key PRIMARY KEY (request_source, request_id)
);

CREATE TABLE projection.answer (
    request_source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    request_digest TEXT,
    outcome TEXT NOT NULL,
    episode BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    CONSTRAINT answer_key PRIMARY KEY (request_source, request_id)
);

CREATE TABLE projection.due (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT due_key PRIMARY KEY (kind, subject)
);

CREATE INDEX due_at ON projection.due (at);

CREATE TABLE projection.takeover (
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    numbered BOOLEAN NOT NULL,
    event_id TEXT NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rule_id TEXT NOT NULL,
    in_stream TEXT NOT NULL,
    from_source TEXT NOT NULL,
    to_source TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    CONSTRAINT takeover_key PRIMARY KEY (rule_id, event_id, version)
);

CREATE TABLE projection.watermark (
    stream TEXT NOT NULL,
    partition BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    last_offset BIGINT,
    last_print TEXT,
    heard BIGINT NOT NULL,
    parked BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    CONSTRAINT watermark_key PRIMARY KEY (stream, partition)
);

CREATE TABLE kept.outbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id TEXT NOT NULL,
    staged_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT outbox_key PRIMARY KEY (position),
    CONSTRAINT outbox_entry FOREIGN KEY(event_id) REFERENCES kept.journal (event_id)
);
