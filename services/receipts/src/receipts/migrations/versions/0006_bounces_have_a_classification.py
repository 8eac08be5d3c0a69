"""What a report means for an address is called its classification, as everywhere else."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Views follow by themselves: PostgreSQL keeps a column's number in them, not its name.
    op.execute("ALTER TABLE ledger.bounces RENAME COLUMN verdict TO classification")


def downgrade() -> None:
    op.execute("ALTER TABLE ledger.bounces RENAME COLUMN classification TO verdict")
