"""The office: units, accounts, messages, news, the audit log, and the views that other services read."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE office.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    unit text,
    action text NOT NULL,
    object text NOT NULL,
    detail jsonb NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE office.inbox (
    source text NOT NULL,
    event_id text NOT NULL,
    handled_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (source, event_id)
);

CREATE TABLE office.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    subject text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb NOT NULL,
    msg_id text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE office.units (
    code text NOT NULL,
    name text NOT NULL,
    receipts boolean NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (code)
);

CREATE TABLE office.accounts (
    id bigint NOT NULL,
    login text NOT NULL,
    role text NOT NULL,
    unit text,
    groups text[],
    password_hash text NOT NULL,
    totp_key_id text NOT NULL,
    totp_secret bytea NOT NULL,
    totp_last_step bigint DEFAULT 0 NOT NULL,
    active boolean DEFAULT true NOT NULL,
    failed_count integer DEFAULT 0 NOT NULL,
    locked_until timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (login),
    FOREIGN KEY (unit) REFERENCES office.units (code)
);

CREATE TABLE office.groups (
    unit text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    position integer NOT NULL,
    post_secret_hash text,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (unit, code),
    FOREIGN KEY (unit) REFERENCES office.units (code)
);

CREATE TABLE office.post_attempts (
    id bigint NOT NULL,
    unit text NOT NULL,
    group_code text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (unit) REFERENCES office.units (code)
);

CREATE TABLE office.events (
    id bigint NOT NULL,
    unit text NOT NULL,
    group_code text,
    starts_on date NOT NULL,
    ends_on date,
    starts_at time,
    title text NOT NULL,
    note text NOT NULL,
    place text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (unit, group_code) REFERENCES office.groups (unit, code) ON DELETE CASCADE,
    FOREIGN KEY (unit) REFERENCES office.units (code)
);

CREATE TABLE office.messages (
    id bigint NOT NULL,
    unit text NOT NULL,
    groups text[],
    members bigint[],
    lane text NOT NULL,
    kind text NOT NULL,
    subject_key_id text NOT NULL,
    subject_blob bytea NOT NULL,
    body_key_id text NOT NULL,
    body_blob bytea NOT NULL,
    sent_key_id text NOT NULL,
    sent_text bytea NOT NULL,
    asks text NOT NULL,
    choices text[] NOT NULL,
    about_child boolean NOT NULL,
    publish boolean NOT NULL,
    state text NOT NULL,
    created_by bigint,
    posted_by bigint,
    addressee jsonb,
    post bigint,
    created_at timestamptz DEFAULT now() NOT NULL,
    approved_at timestamptz,
    expires_at timestamptz,
    waves integer DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (unit) REFERENCES office.units (code),
    FOREIGN KEY (created_by) REFERENCES office.accounts (id),
    UNIQUE (post)
);

CREATE TABLE office.requests_seen (
    account bigint NOT NULL,
    unit text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    message bigint NOT NULL,
    wave integer,
    copies integer,
    at timestamptz NOT NULL,
    PRIMARY KEY (account, unit, key),
    FOREIGN KEY (account) REFERENCES office.accounts (id) ON DELETE CASCADE,
    FOREIGN KEY (unit) REFERENCES office.units (code),
    FOREIGN KEY (message) REFERENCES office.messages (id)
);

CREATE TABLE office.sessions (
    token_hash bytea NOT NULL,
    account bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    last_seen_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (token_hash),
    FOREIGN KEY (account) REFERENCES office.accounts (id) ON DELETE CASCADE
);

CREATE TABLE office.notices (
    id bigint NOT NULL,
    unit text NOT NULL,
    group_code text,
    title text NOT NULL,
    body text NOT NULL,
    published_at timestamptz NOT NULL,
    expires_at timestamptz,
    message bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (unit, group_code) REFERENCES office.groups (unit, code) ON DELETE CASCADE,
    FOREIGN KEY (unit) REFERENCES office.units (code),
    UNIQUE (message),
    FOREIGN KEY (message) REFERENCES office.messages (id)
);

CREATE INDEX ix_office_sessions_account ON office.sessions (account)
"""

CONSTRAINTS = """
ALTER TABLE office.accounts ADD CONSTRAINT accounts_role CHECK (
    CASE WHEN role = 'operator' THEN unit IS NULL
         WHEN role IN ('administrator', 'sender', 'viewer') THEN unit IS NOT NULL
         ELSE false END);
ALTER TABLE office.messages ADD CONSTRAINT messages_words CHECK (
    lane IN ('urgent', 'ordinary') AND kind IN ('broadcast', 'individual')
    AND asks IN ('none', 'receipt', 'choice', 'text') AND state IN ('draft', 'held', 'approved', 'cancelled'));
ALTER TABLE office.messages ADD CONSTRAINT messages_individual CHECK (
    (kind = 'individual') = (members IS NOT NULL));
CREATE INDEX messages_unit ON office.messages (unit, id);
CREATE INDEX notices_unit ON office.notices (unit, id);
CREATE INDEX events_unit ON office.events (unit, starts_on);
CREATE INDEX post_attempts_unit ON office.post_attempts (unit, id);
CREATE INDEX audit_log_unit ON office.audit_log (unit, id)
"""

REFUSE = """
CREATE FUNCTION office.audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON office.audit_log
    FOR EACH ROW EXECUTE FUNCTION office.audit_log_is_append_only();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON office.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION office.audit_log_is_append_only()
"""

VIEWS = """
CREATE VIEW office.public_units AS
SELECT code AS unit, name FROM office.units WHERE active;

CREATE VIEW office.public_notices AS
SELECT notices.id, notices.unit, group_code, title, body, published_at, expires_at
FROM office.notices JOIN office.units ON units.code = notices.unit AND units.active;

CREATE VIEW office.public_events AS
SELECT events.id, events.unit, group_code, starts_on, ends_on, starts_at, title, note, place
FROM office.events JOIN office.units ON units.code = events.unit AND units.active;

CREATE VIEW office.sent_messages AS
SELECT id, unit, asks, choices, about_child, sent_key_id, sent_text, state, subject_key_id, subject_blob
FROM office.messages WHERE state = 'approved';

GRANT SELECT ON office.public_units, office.public_notices, office.public_events
    TO renrakumo_responder, renrakumo_info_site;
GRANT SELECT ON office.sent_messages TO renrakumo_receipts
"""


def upgrade() -> None:
    op.execute(REFUSE)
    for statement in ";".join((TABLES, CONSTRAINTS, TRIGGERS, VIEWS)).split(";"):
        op.execute(statement)


def downgrade() -> None:
    for view in ("sent_messages", "public_events", "public_notices", "public_units"):
        op.execute(f"DROP VIEW office.{view}")
    op.execute(
        "DROP TABLE office.notices, office.events, office.post_attempts, office.sessions, office.requests_seen, "
        "office.messages, office.accounts, office.groups, office.units, office.audit_log, office.inbox, office.outbox"
    )
    op.execute("DROP FUNCTION office.audit_log_is_append_only")
