"""Dead letters are called so, and a secret probe is."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAMES = (
    # kind, old name, new name
    ("INDEX", "held_mail_pkey", "dead_letters_pkey"),
    ("INDEX", "held_mail_letter_key", "dead_letters_letter_key"),
    ("INDEX", "held_mail_reason", "dead_letters_reason"),
    ("INDEX", "held_mail_state", "dead_letters_state"),
    ("INDEX", "held_mail_at", "dead_letters_at"),
    ("INDEX", "held_counts_pkey", "dead_letter_counts_pkey"),
    ("TABLE", "held_mail", "dead_letters"),
    ("TABLE", "held_counts", "dead_letter_counts"),
)
CHECKS = ("held_mail_state_check", "held_mail_check", "held_mail_check1")
"""As PostgreSQL named the checks of step 0006."""


def upgrade() -> None:
    for check in CHECKS:
        op.execute(f"ALTER TABLE office.held_mail DROP CONSTRAINT {check}")
    for kind, old, new in NAMES:
        op.execute(f"ALTER {kind} office.{old} RENAME TO {new}")
    op.execute("UPDATE office.dead_letters SET state = 'undecided' WHERE state = 'held'")
    add_checks("dead_letters", "undecided")
    op.execute("UPDATE office.post_attempts SET reason = 'secret-probe' WHERE reason = 'guessed'")


def downgrade() -> None:
    op.execute("UPDATE office.post_attempts SET reason = 'guessed' WHERE reason = 'secret-probe'")
    for check in CHECKS:
        op.execute(f"ALTER TABLE office.dead_letters DROP CONSTRAINT {check.replace('held_mail', 'dead_letters')}")
    for kind, old, new in reversed(NAMES):
        op.execute(f"ALTER {kind} office.{new} RENAME TO {old}")
    op.execute("UPDATE office.held_mail SET state = 'held' WHERE state = 'undecided'")
    add_checks("held_mail", "held")


def add_checks(table: str, undecided: str) -> None:
    """The checks of step 0006, with this word for what waits for a decision."""
    op.execute(f"""
        ALTER TABLE office.{table}
            ADD CONSTRAINT {table}_state_check CHECK (state IN ('{undecided}', 'retried', 'dropped')),
            ADD CONSTRAINT {table}_check CHECK ((letter_key_id IS NULL) = (letter_blob IS NULL)),
            ADD CONSTRAINT {table}_check1 CHECK (letter_blob IS NULL OR state = '{undecided}')
    """)
