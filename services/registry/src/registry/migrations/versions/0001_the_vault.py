"""The personal database: addresses, members, children, registrations, posts, audiences."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb NOT NULL,
    msg_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE inbox (
    source text,
    event_id text,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, event_id)
);
CREATE TABLE addresses (
    id bigint PRIMARY KEY,
    key_id varchar NOT NULL,
    ciphertext bytea NOT NULL,
    lookup bytea NOT NULL UNIQUE,
    carrier varchar NOT NULL,
    state varchar NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'undeliverable')),
    reason varchar,
    hard_count integer NOT NULL DEFAULT 0,
    soft_count integer NOT NULL DEFAULT 0,
    hard_message bigint,
    last_outcome_at timestamptz
);
CREATE TABLE members (
    id bigint PRIMARY KEY,
    unit varchar NOT NULL,
    address_id bigint REFERENCES addresses ON DELETE SET NULL,
    name_key_id varchar,
    name bytea,
    original_key_id varchar,
    original bytea,
    since timestamptz NOT NULL,
    left_at timestamptz,
    CONSTRAINT members_unit_address UNIQUE (unit, address_id),
    CONSTRAINT members_here_have_an_address CHECK (left_at IS NOT NULL OR address_id IS NOT NULL)
);
CREATE INDEX members_address ON members (address_id);
CREATE INDEX members_unit ON members (unit, id);
CREATE TABLE memberships (
    member bigint REFERENCES members,
    group_code varchar,
    since timestamptz NOT NULL,
    left_at timestamptz,
    PRIMARY KEY (member, group_code)
);
CREATE INDEX memberships_group ON memberships (group_code, member) WHERE left_at IS NULL;
CREATE TABLE children (
    id bigint PRIMARY KEY,
    unit varchar NOT NULL,
    lookup bytea NOT NULL UNIQUE,
    name_key_id varchar NOT NULL,
    name bytea NOT NULL,
    class_number varchar
);
CREATE TABLE guardians (
    member bigint REFERENCES members,
    child bigint REFERENCES children,
    group_code varchar,
    relation varchar,
    PRIMARY KEY (member, child, group_code)
);
CREATE INDEX guardians_child ON guardians (child);
CREATE TABLE posters (
    unit varchar,
    group_code varchar,
    member bigint REFERENCES members,
    since timestamptz NOT NULL,
    PRIMARY KEY (unit, group_code, member)
);
CREATE INDEX posters_member ON posters (member);
CREATE TABLE registrations (
    id bigint PRIMARY KEY,
    unit varchar NOT NULL,
    group_code varchar NOT NULL,
    address_id bigint NOT NULL REFERENCES addresses ON DELETE CASCADE,
    text_key_id varchar NOT NULL,
    text bytea NOT NULL,
    sender_key varchar NOT NULL,
    state varchar NOT NULL CHECK (state IN ('open', 'done', 'expired')),
    opened_at timestamptz NOT NULL,
    invited_by varchar
);
CREATE INDEX registrations_address ON registrations (address_id);
CREATE UNIQUE INDEX registrations_one_open ON registrations (unit, group_code, address_id) WHERE state = 'open';
CREATE TABLE leave_requests (
    id bigint PRIMARY KEY,
    unit varchar NOT NULL,
    group_code varchar,
    member bigint NOT NULL REFERENCES members,
    address_key_id varchar NOT NULL,
    address bytea NOT NULL,
    state varchar NOT NULL CHECK (state IN ('open', 'done')),
    opened_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX leave_requests_one_open ON leave_requests (member, group_code) NULLS NOT DISTINCT
    WHERE state = 'open';
CREATE TABLE posts (
    id bigint PRIMARY KEY,
    unit varchar NOT NULL,
    group_code varchar NOT NULL,
    member bigint NOT NULL REFERENCES members,
    subject_key_id varchar NOT NULL,
    subject bytea NOT NULL,
    text_key_id varchar NOT NULL,
    text bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE TABLE audiences (
    message bigint,
    wave integer,
    unit varchar NOT NULL,
    frozen_at timestamptz NOT NULL,
    copies integer NOT NULL,
    batches integer NOT NULL,
    published integer NOT NULL,
    PRIMARY KEY (message, wave)
);
CREATE TABLE copies (
    copy_ref bigint PRIMARY KEY,
    message bigint NOT NULL,
    unit varchar NOT NULL,
    member bigint NOT NULL,
    address_id bigint NOT NULL,
    child bigint,
    CONSTRAINT copies_once_a_member UNIQUE NULLS NOT DISTINCT (message, member, child),
    CONSTRAINT copies_once_an_address UNIQUE NULLS NOT DISTINCT (message, address_id, child)
);
CREATE TABLE planned_copies (
    message bigint,
    wave integer,
    batch integer,
    copy_ref bigint,
    PRIMARY KEY (message, wave, batch, copy_ref)
);
CREATE TABLE access_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor varchar NOT NULL,
    action varchar NOT NULL,
    unit varchar NOT NULL,
    subject bigint,
    count integer NOT NULL,
    granted boolean NOT NULL
);
"""

NAMES = (
    "access_log",
    "planned_copies",
    "copies",
    "audiences",
    "posts",
    "leave_requests",
    "registrations",
    "posters",
    "guardians",
    "children",
    "memberships",
    "members",
    "addresses",
    "inbox",
    "outbox",
)


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";")):
        op.execute(statement)


def downgrade() -> None:
    for name in NAMES:
        op.drop_table(name)
