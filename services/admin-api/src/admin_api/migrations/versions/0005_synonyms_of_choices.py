"""A choice may have synonyms: words that count as it in an answer."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = "id, unit, asks, choices, about_child, sent_key_id, sent_text, state, subject_key_id, subject_blob"
VIEW = "VIEW office.sent_messages AS SELECT {} FROM office.messages WHERE state IN ('approved', 'stopped')"


def upgrade() -> None:
    op.execute("ALTER TABLE office.messages ADD COLUMN synonyms jsonb NOT NULL DEFAULT '[]'")
    op.execute("CREATE OR REPLACE " + VIEW.format(f"{COLUMNS}, synonyms"))


def downgrade() -> None:
    op.execute("DROP VIEW office.sent_messages")
    op.execute("CREATE " + VIEW.format(COLUMNS))
    op.execute("GRANT SELECT ON office.sent_messages TO renrakumo_receipts")
    op.execute("ALTER TABLE office.messages DROP COLUMN synonyms")
