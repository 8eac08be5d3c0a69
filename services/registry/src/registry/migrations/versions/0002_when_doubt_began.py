"""When an address was last refused as a dead one: two such refusals count only when days lie between them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE addresses ADD COLUMN hard_at timestamptz",
    "UPDATE addresses SET hard_at = last_outcome_at WHERE hard_count > 0",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE addresses DROP COLUMN hard_at")
