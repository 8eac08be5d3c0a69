"""What could not be processed waits for the operator's word."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE office.held_mail (
            id bigint PRIMARY KEY,
            letter text NOT NULL UNIQUE,
            newest text NOT NULL,
            at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            service text NOT NULL,
            consumer text NOT NULL,
            subject text NOT NULL,
            reason text NOT NULL,
            detail text NOT NULL,
            attempts integer NOT NULL,
            unit text,
            message bigint,
            size integer NOT NULL,
            state text NOT NULL CHECK (state IN ('held', 'retried', 'dropped')),
            times_back integer NOT NULL DEFAULT 0,
            decided_at timestamptz,
            decided_by text,
            letter_key_id text,
            letter_blob bytea,
            CHECK ((letter_key_id IS NULL) = (letter_blob IS NULL)),
            CHECK (letter_blob IS NULL OR state = 'held')
        )
    """)
    # What is sealed does not get smaller.
    op.execute("ALTER TABLE office.held_mail ALTER COLUMN letter_blob SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX held_mail_reason ON office.held_mail (service, reason, id)")
    op.execute("CREATE INDEX held_mail_state ON office.held_mail (state, id)")
    op.execute("CREATE INDEX held_mail_at ON office.held_mail (at)")
    op.execute("""
        CREATE TABLE office.held_counts (
            service text,
            reason text,
            total bigint NOT NULL,
            let_go bigint NOT NULL DEFAULT 0,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (service, reason)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE office.held_counts")
    op.execute("DROP TABLE office.held_mail")
