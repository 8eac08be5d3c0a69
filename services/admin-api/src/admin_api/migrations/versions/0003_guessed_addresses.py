"""Attempts at a post address may be many at once: somebody who tries out secrets."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE office.post_attempts ADD COLUMN tries integer NOT NULL DEFAULT 1 CHECK (tries > 0)")


def downgrade() -> None:
    op.execute("ALTER TABLE office.post_attempts DROP COLUMN tries")
