"""Counts tell copies that were held back on purpose (expired, superseded) from those that failed."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FAILED_BEFORE = "state NOT IN ('planned', 'delivered', 'deferred')"
FAILED = "state NOT IN ('planned', 'delivered', 'deferred', 'expired', 'superseded')"

COUNTS = """
CREATE OR REPLACE VIEW ledger.counts AS
SELECT message,
       count(*)::int AS planned,
       (count(*) FILTER (WHERE state = 'delivered'))::int AS delivered,
       (count(*) FILTER (WHERE state = 'deferred'))::int AS deferred,
       (count(*) FILTER (WHERE {failed}))::int AS failed,
       (count(*) FILTER (WHERE answered))::int AS answered,
       (count(DISTINCT child))::int AS children,
       (count(DISTINCT child) FILTER (WHERE answered))::int AS children_answered{more}
FROM ledger.copies
GROUP BY message
"""
MORE = """,
       (count(*) FILTER (WHERE state = 'expired'))::int AS expired,
       (count(*) FILTER (WHERE state = 'superseded'))::int AS superseded"""


def upgrade() -> None:
    op.execute(COUNTS.format(failed=FAILED, more=MORE))


def downgrade() -> None:
    op.execute("DROP VIEW ledger.counts")
    op.execute(COUNTS.format(failed=FAILED_BEFORE, more=""))
    op.execute("GRANT SELECT ON ledger.counts TO renrakumo_admin_api")
