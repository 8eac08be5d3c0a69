"""One row a copy holds its last attempt; only earlier ones have rows of their own. The server's words are kept, and a
late report is told from one of the wave before. Copies are counted as they change, not whenever somebody looks."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
DROP VIEW ledger.counts, ledger.answers, ledger.copies;
ALTER TABLE ledger.attempts RENAME TO earlier_attempts;
ALTER TABLE ledger.earlier_attempts ADD COLUMN reply varchar NOT NULL DEFAULT '';
ALTER TABLE ledger.sent_copies
    ADD COLUMN reason varchar NOT NULL DEFAULT '',
    ADD COLUMN reply varchar NOT NULL DEFAULT '',
    ADD COLUMN planned_at timestamptz;
UPDATE ledger.sent_copies AS sent SET reason = tried.reason FROM ledger.earlier_attempts AS tried
    WHERE (tried.copy_ref, tried.wave, tried.attempt) = (sent.copy_ref, sent.wave, sent.attempt);
DELETE FROM ledger.earlier_attempts AS tried USING ledger.sent_copies AS sent
    WHERE (tried.copy_ref, tried.wave, tried.attempt) = (sent.copy_ref, sent.wave, sent.attempt);
ALTER TABLE ledger.sent_copies DROP CONSTRAINT sent_copies_pkey;
DROP INDEX ledger.sent_copies_message;
ALTER TABLE ledger.sent_copies ADD PRIMARY KEY (message, copy_ref);
ALTER TABLE ledger.sent_copies SET (fillfactor = 40);
ALTER TABLE ledger.bounces DROP CONSTRAINT bounces_pkey;
ALTER TABLE ledger.bounces ADD PRIMARY KEY (message, copy_ref, event_id);
ALTER TABLE ledger.bounces ADD COLUMN issued_at timestamptz;
DROP INDEX ledger.recorded_answers_message;
CREATE INDEX recorded_answers_message ON ledger.recorded_answers (message, copy_ref);
CREATE TABLE ledger.tallies (
    message bigint,
    shard integer,
    state varchar,
    copies integer NOT NULL,
    PRIMARY KEY (message, shard, state)
) WITH (fillfactor = 20);
INSERT INTO ledger.tallies SELECT message, 0, state, count(*) FROM ledger.sent_copies GROUP BY message, state;
REVOKE ALL ON ledger.earlier_attempts FROM renrakumo_admin_api
"""

# Whatever statement overwrites the last attempt with a newer one, two at a time or in the wrong order: none is lost.
KEEP = """
CREATE FUNCTION ledger.keep_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger.earlier_attempts
        (copy_ref, wave, attempt, at, outcome, stage, code, enhanced, host, reason, reply)
    VALUES (OLD.copy_ref, OLD.wave, OLD.attempt, OLD.updated_at, OLD.state, OLD.stage, OLD.code, OLD.enhanced,
            OLD.host, OLD.reason, OLD.reply)
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$
"""
KEEP_TRIGGER = """
CREATE TRIGGER keep_attempt BEFORE UPDATE ON ledger.sent_copies FOR EACH ROW
WHEN (OLD.attempt > 0 AND (OLD.wave, OLD.attempt) IS DISTINCT FROM (NEW.wave, NEW.attempt))
EXECUTE FUNCTION ledger.keep_attempt()
"""

# Exact, as it happens in the statement that changes the copies (`stale` are the rows as it found them). Sixteen shards,
# so that connections that write about one message don't wait for each other's commit.
TALLY = """
CREATE FUNCTION ledger.tally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO ledger.tallies AS known
        SELECT message, pg_backend_pid() % 16, state, count(*) FROM fresh GROUP BY message, state ORDER BY state
        ON CONFLICT (message, shard, state) DO UPDATE SET copies = known.copies + excluded.copies;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO ledger.tallies AS known
        SELECT message, pg_backend_pid() % 16, state, sum(change)
        FROM (SELECT message, state, 1 AS change FROM fresh UNION ALL SELECT message, state, -1 FROM stale) AS changes
        GROUP BY message, state HAVING sum(change) <> 0 ORDER BY state
        ON CONFLICT (message, shard, state) DO UPDATE SET copies = known.copies + excluded.copies;
    ELSE
        INSERT INTO ledger.tallies AS known
        SELECT message, pg_backend_pid() % 16, state, -count(*) FROM stale GROUP BY message, state ORDER BY state
        ON CONFLICT (message, shard, state) DO UPDATE SET copies = known.copies + excluded.copies;
    END IF;
    RETURN NULL;
END $$
"""
TALLY_TRIGGERS = """
CREATE TRIGGER tally_new AFTER INSERT ON ledger.sent_copies REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.tally();
CREATE TRIGGER tally_changed AFTER UPDATE ON ledger.sent_copies REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.tally();
CREATE TRIGGER tally_gone AFTER DELETE ON ledger.sent_copies REFERENCING OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.tally()
"""

# A report of non-delivery has the last word on a copy that counts as delivered, and the row says both. One that came
# before the delivery, or whose token was issued before this wave was planned (a token tells the hour), belongs to an
# earlier wave; a minute allows for two machines' clocks. Of several, a hard one counts most.
RETURNED = """
CREATE VIEW ledger.returned AS
SELECT DISTINCT ON (back.message, back.copy_ref) back.message, back.copy_ref, back.state, back.status, back.at
FROM ledger.bounces AS back
JOIN ledger.sent_copies AS sent USING (message, copy_ref)
WHERE sent.state = 'delivered' AND back.at >= sent.updated_at - interval '1 minute'
  AND coalesce(back.issued_at + interval '1 hour' > sent.planned_at, true)
ORDER BY back.message, back.copy_ref, back.hard DESC, back.at DESC, back.event_id
"""

ATTEMPTS = """
CREATE VIEW ledger.attempts AS
SELECT copy_ref, wave, attempt, updated_at AS at, state AS outcome, stage, code, enhanced, host, reason, reply
FROM ledger.sent_copies WHERE attempt > 0
UNION ALL
SELECT copy_ref, wave, attempt, at, outcome, stage, code, enhanced, host, reason, reply
FROM ledger.earlier_attempts
"""

# `last_...`: of the last attempt to hand it over, also when it came back later.
COPIES = """
CREATE VIEW ledger.copies AS
SELECT sent.message, sent.copy_ref, sent.unit, sent.member, sent.child, sent.carrier, sent.wave,
       coalesce(back.state, sent.state) AS state,
       CASE WHEN back.state IS NULL THEN sent.stage ELSE 'dsn' END AS stage,
       CASE WHEN back.state IS NULL THEN sent.code END AS code,
       CASE WHEN back.state IS NULL THEN sent.enhanced ELSE back.status END AS enhanced,
       (sent.attempt > 0)::int
           + (SELECT count(*)::int FROM ledger.earlier_attempts AS tried WHERE tried.copy_ref = sent.copy_ref)
           AS attempts,
       sent.next_attempt_at,
       greatest(sent.updated_at, back.at) AS updated_at,
       EXISTS (SELECT FROM ledger.recorded_answers AS given
               WHERE given.message = sent.message AND given.copy_ref = sent.copy_ref) AS answered,
       sent.host AS last_host, sent.reason AS last_reason, sent.reply AS last_reply,
       CASE WHEN sent.state = 'delivered' THEN sent.updated_at END AS accepted_at,
       back.at AS returned_at
FROM ledger.sent_copies AS sent
LEFT JOIN LATERAL (
    SELECT * FROM ledger.returned WHERE returned.message = sent.message AND returned.copy_ref = sent.copy_ref
) AS back ON true
"""

# The message stands in PARTITION BY so that a look at one message needn't read all answers ever given.
ANSWERS = """
CREATE VIEW ledger.answers AS
SELECT given.id, given.message, given.copy_ref, sent.member, sent.child, given.received_at, given.choice,
       given.needs_look, given.why, given.text_key_id, given.text_blob,
       given.id = first_value(given.id) OVER (
           PARTITION BY given.message, given.copy_ref ORDER BY given.received_at DESC, given.id DESC) AS latest
FROM ledger.recorded_answers AS given
LEFT JOIN ledger.sent_copies AS sent USING (message, copy_ref)
"""

# Screens ask for this again and again while a message to a town is on its way: of the copies only the tallies are read,
# and those that came back. Who answered, and of which children, the indexes know; without a question about children
# they know of none at once.
COUNTS = """
CREATE VIEW ledger.counts AS
SELECT sent.message, sent.planned,
       sent.delivered - back.copies AS delivered,
       sent.deferred,
       sent.failed + back.failed AS failed,
       (SELECT count(DISTINCT copy_ref)::int FROM ledger.recorded_answers AS given
        WHERE given.message = sent.message) AS answered,
       (SELECT count(DISTINCT child)::int FROM ledger.sent_copies AS theirs
        WHERE theirs.message = sent.message AND child IS NOT NULL) AS children,
       (SELECT count(DISTINCT child)::int FROM ledger.sent_copies AS theirs
        WHERE theirs.message = sent.message AND child IS NOT NULL AND EXISTS (
            SELECT FROM ledger.recorded_answers AS given
            WHERE given.message = theirs.message AND given.copy_ref = theirs.copy_ref)) AS children_answered,
       sent.expired + back.expired AS expired,
       sent.superseded
FROM (
    SELECT message, sum(copies)::int AS planned,
           coalesce(sum(copies) FILTER (WHERE state = 'delivered'), 0)::int AS delivered,
           coalesce(sum(copies) FILTER (WHERE state = 'deferred'), 0)::int AS deferred,
           coalesce(sum(copies) FILTER (
               WHERE state NOT IN ('planned', 'delivered', 'deferred', 'expired', 'superseded')), 0)::int AS failed,
           coalesce(sum(copies) FILTER (WHERE state = 'expired'), 0)::int AS expired,
           coalesce(sum(copies) FILTER (WHERE state = 'superseded'), 0)::int AS superseded
    FROM ledger.tallies GROUP BY message
) AS sent
CROSS JOIN LATERAL (
    SELECT count(*)::int AS copies,
           (count(*) FILTER (WHERE state <> 'expired'))::int AS failed,
           (count(*) FILTER (WHERE state = 'expired'))::int AS expired
    FROM ledger.returned WHERE returned.message = sent.message
) AS back
"""

GRANT = "GRANT SELECT ON ledger.copies, ledger.answers, ledger.counts, ledger.attempts TO renrakumo_admin_api"


def upgrade() -> None:
    views = (RETURNED, ATTEMPTS, COPIES, ANSWERS, COUNTS, GRANT)
    for statement in (*TABLES.split(";"), KEEP, KEEP_TRIGGER, TALLY, *TALLY_TRIGGERS.split(";"), *views):
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("not reversible: the earlier form has no room for the servers' words")
