"""A dead letter is called so where it is kept, and so is its first one; a mail is no letter."""

from alembic import op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = (("letter", "first"), ("letter_key_id", "dead_letter_key_id"), ("letter_blob", "dead_letter_blob"))
REASON = ("letter_is_not_base64", "mail_is_not_base64")


def upgrade() -> None:
    # Checks follow by themselves: PostgreSQL keeps a column's number in them, not its name.
    for old, new in COLUMNS:
        op.execute(f"ALTER TABLE office.dead_letters RENAME COLUMN {old} TO {new}")
    op.execute("ALTER INDEX office.dead_letters_letter_key RENAME TO dead_letters_first_key")
    rename_reason(*REASON)


def downgrade() -> None:
    rename_reason(*reversed(REASON))
    op.execute("ALTER INDEX office.dead_letters_first_key RENAME TO dead_letters_letter_key")
    for old, new in reversed(COLUMNS):
        op.execute(f"ALTER TABLE office.dead_letters RENAME COLUMN {new} TO {old}")


def rename_reason(old: str, new: str) -> None:
    for statement in (
        "UPDATE office.dead_letters SET reason = :new WHERE reason = :old",
        "UPDATE office.dead_letter_counts SET reason = :new WHERE reason = :old",
    ):
        op.execute(text(statement).bindparams(old=old, new=new))
