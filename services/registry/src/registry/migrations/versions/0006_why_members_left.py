"""Why a member left, where it was not by his own request: administrators shall know that he complained."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE members ADD COLUMN left_reason varchar")


def downgrade() -> None:
    op.execute("ALTER TABLE members DROP COLUMN left_reason")
