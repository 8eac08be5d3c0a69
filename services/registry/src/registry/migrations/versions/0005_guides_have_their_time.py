"""When the last guide mail of a registration, or of a request to leave, was written: one an hour is all that an address
gets while it doesn't answer."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE registrations ADD COLUMN guided_at timestamptz")
    op.execute("ALTER TABLE leave_requests ADD COLUMN guided_at timestamptz")
    # Until now every one got its guide when it was opened.
    op.execute("UPDATE registrations SET guided_at = opened_at")
    op.execute("UPDATE leave_requests SET guided_at = opened_at")


def downgrade() -> None:
    op.execute("ALTER TABLE leave_requests DROP COLUMN guided_at")
    op.execute("ALTER TABLE registrations DROP COLUMN guided_at")
