"""The ledger: copies, attempts, bounces, answers, and the views that the office reads."""

from alembic import op

from receipts.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VIEWS = """
CREATE VIEW ledger.answers AS
SELECT given.id, given.message, given.copy_ref, copies.member, copies.child, given.received_at, given.choice,
       given.needs_look, given.text_key_id, given.text_blob,
       given.id = first_value(given.id) OVER (
           PARTITION BY given.copy_ref ORDER BY given.received_at DESC, given.id DESC) AS latest
FROM ledger.recorded_answers AS given
LEFT JOIN ledger.sent_copies AS copies USING (copy_ref);

CREATE VIEW ledger.copies AS
SELECT copies.message, copies.copy_ref, copies.unit, copies.member, copies.child, copies.carrier, copies.wave,
       copies.state, copies.code, copies.enhanced, copies.attempts, copies.next_attempt_at, copies.updated_at,
       EXISTS (SELECT FROM ledger.recorded_answers AS given WHERE given.copy_ref = copies.copy_ref) AS answered
FROM ledger.sent_copies AS copies;

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
    metadata.create_all(op.get_bind())
    op.create_index("sent_copies_message", "sent_copies", ["message"], schema="ledger")
    op.create_index("recorded_answers_copy", "recorded_answers", ["copy_ref", "received_at"], schema="ledger")
    op.create_index("recorded_answers_message", "recorded_answers", ["message"], schema="ledger")
    for statement in filter(str.strip, VIEWS.split(";")):
        op.execute(statement)


def downgrade() -> None:
    for view in ("counts", "copies", "answers"):
        op.execute(f"DROP VIEW ledger.{view}")
    metadata.drop_all(op.get_bind())
