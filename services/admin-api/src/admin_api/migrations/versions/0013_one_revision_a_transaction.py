"""A transaction that changes many rows of a unit's board gives the board one revision instead of one for each row.

A file with a school year's calendar is hundreds of rows. What counts is that the revision differs once the transaction
is seen, and it does after the first row; whether this transaction wrote the board's row already stands in the row
itself (xmin). The function is PL/pgSQL now, whose statements are planned once a session, not at each call.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ONCE = """
CREATE OR REPLACE FUNCTION office.board_changed(changed text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM office.board_changes
                   WHERE unit = changed AND xmin = pg_current_xact_id()::xid) THEN
        INSERT INTO office.board_changes (unit, revision) VALUES (changed, nextval('office.board_revisions'))
        ON CONFLICT (unit) DO UPDATE SET revision = excluded.revision;
    END IF;
END $$
"""

EACH_TIME = """
CREATE OR REPLACE FUNCTION office.board_changed(changed text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO office.board_changes (unit, revision) VALUES (changed, nextval('office.board_revisions'))
    ON CONFLICT (unit) DO UPDATE SET revision = excluded.revision
$$
"""


def upgrade() -> None:
    op.execute(ONCE)


def downgrade() -> None:
    op.execute(EACH_TIME)
