"""What SPF, DKIM, DMARC and ARC showed of an answer is kept with it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ANSWERS = """
CREATE OR REPLACE VIEW ledger.answers AS
SELECT given.id, given.message, given.copy_ref, sent.member, sent.child, given.received_at, given.choice,
       given.needs_look, given.why, given.text_key_id, given.text_blob,
       given.id = first_value(given.id) OVER (
           PARTITION BY given.message, given.copy_ref ORDER BY given.received_at DESC, given.id DESC) AS latest,
       given.authentication
FROM ledger.recorded_answers AS given
LEFT JOIN ledger.sent_copies AS sent USING (message, copy_ref)
"""


def upgrade() -> None:
    op.execute("ALTER TABLE ledger.recorded_answers ADD COLUMN authentication jsonb")
    op.execute(ANSWERS)


def downgrade() -> None:
    raise RuntimeError("not reversible: the view could not lose its column without being granted anew")
