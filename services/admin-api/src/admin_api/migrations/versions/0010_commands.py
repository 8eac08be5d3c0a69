"""Commands to registry, with what has come of each.

Of the commands on one subject (a member, a group) one waits at a time, which the unique index decides.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE office.commands (
            id bigint PRIMARY KEY,
            unit text NOT NULL REFERENCES office.units (code),
            kind text NOT NULL,
            actor text NOT NULL,
            subject text NOT NULL,
            detail jsonb NOT NULL,
            requested_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN ('waiting', 'done', 'refused')),
            reason text,
            count integer NOT NULL DEFAULT 0,
            undoable_until timestamptz,
            undoes bigint,
            undone_by bigint,
            deleted_group jsonb
        )
    """)
    op.execute("CREATE INDEX commands_unit ON office.commands (unit, id DESC)")
    op.execute("CREATE UNIQUE INDEX commands_waiting ON office.commands (unit, subject) WHERE state = 'waiting'")


def downgrade() -> None:
    op.execute("DROP TABLE office.commands")
