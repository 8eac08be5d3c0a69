"""What SPF, DKIM, DMARC and ARC showed of a post by mail, held or refused. No domain stands in it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE office.messages ADD COLUMN authentication jsonb")
    op.execute("ALTER TABLE office.post_attempts ADD COLUMN authentication jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE office.post_attempts DROP COLUMN authentication")
    op.execute("ALTER TABLE office.messages DROP COLUMN authentication")
