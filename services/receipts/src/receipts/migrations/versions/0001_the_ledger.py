"""The ledger: copies, attempts, bounces, answers, and the views that the office reads."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb NOT NULL,
    msg_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ledger.inbox (
    source text,
    event_id text,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, event_id)
);
CREATE TABLE ledger.sent_copies (
    copy_ref bigint PRIMARY KEY,
    message bigint NOT NULL,
    unit varchar NOT NULL,
    member bigint,
    child bigint,
    carrier varchar NOT NULL,
    wave integer NOT NULL,
    attempt integer NOT NULL,
    state varchar NOT NULL,
    stage varchar,
    code integer,
    enhanced varchar,
    host varchar,
    next_attempt_at timestamptz,
    updated_at timestamptz NOT NULL
);
CREATE INDEX sent_copies_message ON ledger.sent_copies (message, copy_ref);
CREATE INDEX sent_copies_child ON ledger.sent_copies (message, child) WHERE child IS NOT NULL;
CREATE TABLE ledger.attempts (
    copy_ref bigint,
    wave integer,
    attempt integer,
    at timestamptz NOT NULL,
    outcome varchar NOT NULL,
    stage varchar NOT NULL,
    code integer,
    enhanced varchar,
    host varchar,
    reason varchar NOT NULL,
    PRIMARY KEY (copy_ref, wave, attempt)
);
CREATE TABLE ledger.bounces (
    copy_ref bigint,
    event_id varchar,
    message bigint NOT NULL,
    verdict varchar NOT NULL,
    state varchar NOT NULL,
    hard boolean NOT NULL,
    status varchar,
    at timestamptz NOT NULL,
    PRIMARY KEY (copy_ref, event_id)
);
CREATE TABLE ledger.recorded_answers (
    id bigint PRIMARY KEY,
    message bigint NOT NULL,
    copy_ref bigint NOT NULL,
    unit varchar NOT NULL,
    received_at timestamptz NOT NULL,
    choice integer,
    needs_look boolean NOT NULL,
    why varchar NOT NULL,
    text_key_id varchar NOT NULL,
    text_blob bytea NOT NULL
);
CREATE INDEX recorded_answers_copy ON ledger.recorded_answers (copy_ref, received_at);
CREATE INDEX recorded_answers_message ON ledger.recorded_answers (message);
"""

# copies: a report of non-delivery has the last word on a copy that counts as delivered. One that came before the
# delivery belongs to an earlier wave (a minute allows for two machines' clocks); of several, a hard one counts most.
# answers: the message stands in PARTITION BY so that a look at one message needn't read all answers ever given.
VIEWS = """
CREATE VIEW ledger.copies AS
SELECT sent.message, sent.copy_ref, sent.unit, sent.member, sent.child, sent.carrier, sent.wave,
       coalesce(bounced.state, sent.state) AS state,
       CASE WHEN bounced.state IS NULL THEN sent.stage ELSE 'dsn' END AS stage,
       CASE WHEN bounced.state IS NULL THEN sent.code END AS code,
       CASE WHEN bounced.state IS NULL THEN sent.enhanced ELSE bounced.status END AS enhanced,
       (SELECT count(*)::int FROM ledger.attempts AS tried WHERE tried.copy_ref = sent.copy_ref) AS attempts,
       sent.next_attempt_at,
       greatest(sent.updated_at, bounced.at) AS updated_at,
       EXISTS (SELECT FROM ledger.recorded_answers AS given WHERE given.copy_ref = sent.copy_ref) AS answered
FROM ledger.sent_copies AS sent
LEFT JOIN LATERAL (
    SELECT back.state, back.status, back.at FROM ledger.bounces AS back
    WHERE sent.state = 'delivered' AND back.copy_ref = sent.copy_ref
      AND back.at >= sent.updated_at - interval '1 minute'
    ORDER BY back.hard DESC, back.at DESC, back.event_id LIMIT 1
) AS bounced ON true;

CREATE VIEW ledger.answers AS
SELECT given.id, given.message, given.copy_ref, sent.member, sent.child, given.received_at, given.choice,
       given.needs_look, given.why, given.text_key_id, given.text_blob,
       given.id = first_value(given.id) OVER (
           PARTITION BY given.message, given.copy_ref ORDER BY given.received_at DESC, given.id DESC) AS latest
FROM ledger.recorded_answers AS given
LEFT JOIN ledger.sent_copies AS sent USING (copy_ref);

CREATE VIEW ledger.counts AS
SELECT message,
       count(*)::int AS planned,
       (count(*) FILTER (WHERE state = 'delivered'))::int AS delivered,
       (count(*) FILTER (WHERE state = 'deferred'))::int AS deferred,
       (count(*) FILTER (WHERE state NOT IN ('planned', 'delivered', 'deferred')))::int AS failed,
       (count(*) FILTER (WHERE answered))::int AS answered,
       (count(DISTINCT child))::int AS children,
       (count(DISTINCT child) FILTER (WHERE answered))::int AS children_answered
FROM ledger.copies
GROUP BY message;

GRANT SELECT ON ledger.copies, ledger.answers, ledger.counts, ledger.attempts TO renrakumo_admin_api;
"""


def upgrade() -> None:
    for statement in filter(str.strip, (TABLES + VIEWS).split(";")):
        op.execute(statement)


def downgrade() -> None:
    for view in ("counts", "answers", "copies"):
        op.execute(f"DROP VIEW ledger.{view}")
    for table in ("recorded_answers", "bounces", "attempts", "sent_copies", "inbox", "outbox"):
        op.execute(f"DROP TABLE ledger.{table}")
