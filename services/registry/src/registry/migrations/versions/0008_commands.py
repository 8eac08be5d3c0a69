"""Commands: how to undo them, and which groups are closed.

`undo.inverse` is encrypted, as it may hold the address of a member who was removed; it goes when it was used, or when
its member says himself that he wants to leave. `closed_groups.command`: the one that closed it.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE undo (
            id bigint PRIMARY KEY,
            command varchar NOT NULL UNIQUE,
            unit varchar NOT NULL,
            kind varchar NOT NULL,
            member bigint REFERENCES members,
            inverse_key_id varchar,
            inverse bytea,
            at timestamptz NOT NULL,
            undone_at timestamptz
        )
    """)
    op.execute("CREATE INDEX undo_member ON undo (member)")
    op.execute("CREATE INDEX undo_at ON undo (at)")
    op.execute("""
        CREATE TABLE closed_groups (
            unit varchar,
            group_code varchar,
            command varchar NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (unit, group_code)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE closed_groups")
    op.execute("DROP TABLE undo")
