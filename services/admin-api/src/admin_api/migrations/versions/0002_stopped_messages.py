"""Messages can be stopped after they were sent, and corrected by another."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORDS = """
ALTER TABLE office.messages DROP CONSTRAINT messages_words;
ALTER TABLE office.messages ADD CONSTRAINT messages_words CHECK (
    lane IN ('urgent', 'ordinary') AND kind IN ('broadcast', 'individual')
    AND asks IN ('none', 'receipt', 'choice', 'text') AND state IN ({states}))
"""
BEFORE = "'draft', 'held', 'approved', 'cancelled'"

COLUMNS = """
ALTER TABLE office.messages
    ADD COLUMN last_sent_at timestamptz,
    ADD COLUMN supersedes bigint,
    ADD COLUMN superseded_by bigint,
    ADD COLUMN stopped_at timestamptz,
    ADD FOREIGN KEY (supersedes) REFERENCES office.messages (id),
    ADD FOREIGN KEY (superseded_by) REFERENCES office.messages (id);
UPDATE office.messages SET last_sent_at = approved_at;
ALTER TABLE office.messages ADD CONSTRAINT messages_stopped CHECK (
    (state = 'stopped') = (stopped_at IS NOT NULL) AND (superseded_by IS NULL OR state = 'stopped'))
"""

# An answer to a message that was stopped is an answer all the same: somebody has got it.
SENT = """
CREATE OR REPLACE VIEW office.sent_messages AS
SELECT id, unit, asks, choices, about_child, sent_key_id, sent_text, state, subject_key_id, subject_blob
FROM office.messages WHERE state IN ({states})
"""


def upgrade() -> None:
    everything = ";".join((WORDS.format(states=f"{BEFORE}, 'stopped'"), COLUMNS))
    for statement in everything.split(";"):
        op.execute(statement)
    op.execute(SENT.format(states="'approved', 'stopped'"))


def downgrade() -> None:
    op.execute(SENT.format(states="'approved'"))
    op.execute("ALTER TABLE office.messages DROP CONSTRAINT messages_stopped")
    op.execute("UPDATE office.messages SET state = 'approved' WHERE state = 'stopped'")
    op.execute(
        "ALTER TABLE office.messages DROP COLUMN last_sent_at, DROP COLUMN supersedes, DROP COLUMN superseded_by, "
        "DROP COLUMN stopped_at"
    )
    for statement in WORDS.format(states=BEFORE).split(";"):
        op.execute(statement)
