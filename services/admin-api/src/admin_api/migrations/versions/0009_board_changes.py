"""Who shows boards learns which of them have changed, and reads those only.

Each change of a unit, a notice or an event of the calendar gives the unit's row a new revision in the same transaction,
so a revision is seen exactly when what it stands for is seen. Readers compare revisions for being different, never for
order: two transactions may commit in another order than that in which they began. The row stays locked from then
on, which is why the triggers wait for the commit: until then nobody is kept waiting, and no circle of waiting can
arise with locks that a transaction takes later. Names of groups are not on the board (who needs them follows the
directory), and what is deleted with a group is deleted row by row, through the same triggers.

A later step that changes rows of these tables and then alters the same table in one transaction has to say
`SET CONSTRAINTS ALL IMMEDIATE` in between; PostgreSQL refuses it otherwise.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHANGED = """
CREATE FUNCTION office.board_changed(changed text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO office.board_changes (unit, revision) VALUES (changed, nextval('office.board_revisions'))
    ON CONFLICT (unit) DO UPDATE SET revision = excluded.revision
$$
"""

OF_A_UNIT = """
CREATE FUNCTION office.unit_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM office.board_changed(NEW.code);
    RETURN NULL;
END $$
"""

OF_AN_ENTRY = """
CREATE FUNCTION office.board_entry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM office.board_changed(OLD.unit);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.unit <> OLD.unit) THEN
        PERFORM office.board_changed(NEW.unit);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE office.board_revisions")
    # No foreign key: should a unit ever be deleted and made again, its revision must not be one that was seen before.
    op.execute("CREATE TABLE office.board_changes (unit text PRIMARY KEY, revision bigint NOT NULL)")
    op.execute("INSERT INTO office.board_changes SELECT code, nextval('office.board_revisions') FROM office.units")
    for function in (CHANGED, OF_A_UNIT, OF_AN_ENTRY):
        op.execute(function)
    op.execute("""
        CREATE CONSTRAINT TRIGGER board_changed AFTER INSERT OR UPDATE OF name, active ON office.units
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION office.unit_changed()
    """)
    for table in ("notices", "events"):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER board_changed AFTER INSERT OR UPDATE OR DELETE ON office.{table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION office.board_entry_changed()
        """)
    op.execute("""
        CREATE VIEW office.public_board_changes AS
        SELECT units.code AS unit, coalesce(board_changes.revision, 0) AS revision
        FROM office.units LEFT JOIN office.board_changes ON board_changes.unit = units.code
        WHERE units.active
    """)
    op.execute("GRANT SELECT ON office.public_board_changes TO renrakumo_responder, renrakumo_info_site")


def downgrade() -> None:
    op.execute("DROP VIEW office.public_board_changes")
    for table in ("units", "notices", "events"):
        op.execute(f"DROP TRIGGER board_changed ON office.{table}")
    for function in ("board_entry_changed()", "unit_changed()", "board_changed(text)"):
        op.execute(f"DROP FUNCTION office.{function}")
    op.execute("DROP TABLE office.board_changes")
    op.execute("DROP SEQUENCE office.board_revisions")
