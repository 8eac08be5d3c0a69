"""A person may say which choice an answer means."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE office.choices_by_hand (
            answer bigint PRIMARY KEY,
            message bigint NOT NULL REFERENCES office.messages (id),
            choice integer NOT NULL CHECK (choice > 0),
            account bigint NOT NULL REFERENCES office.accounts (id),
            at timestamptz NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE office.choices_by_hand")
