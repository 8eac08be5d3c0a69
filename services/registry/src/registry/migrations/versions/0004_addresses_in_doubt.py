"""An index of the few addresses that something was said against: each broadcast asks for them."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX addresses_in_doubt ON addresses (id) WHERE state <> 'active' OR hard_count > 0 OR soft_count > 0"
    )


def downgrade() -> None:
    op.execute("DROP INDEX addresses_in_doubt")
