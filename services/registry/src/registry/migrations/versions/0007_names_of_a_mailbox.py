"""Addresses that reach the same mailbox (hanako+1@, hanako+2@) get no more guides together than one of them.

A row that was there before has none: only the service can make the keyed hash. It counts by its own guides, as ever.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE addresses ADD COLUMN mailbox bytea")
    op.execute("CREATE INDEX addresses_mailbox ON addresses (mailbox)")


def downgrade() -> None:
    op.execute("ALTER TABLE addresses DROP COLUMN mailbox")
