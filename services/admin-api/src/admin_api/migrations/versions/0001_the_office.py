"""The office: units, accounts, messages, news, the audit log, and the views that other services read."""

from alembic import op

from admin_api.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CONSTRAINTS = """
ALTER TABLE office.accounts ADD CONSTRAINT accounts_role CHECK (
    CASE WHEN role = 'operator' THEN unit IS NULL
         WHEN role IN ('administrator', 'sender', 'viewer') THEN unit IS NOT NULL
         ELSE false END);
ALTER TABLE office.messages ADD CONSTRAINT messages_words CHECK (
    lane IN ('urgent', 'ordinary') AND kind IN ('broadcast', 'individual')
    AND asks IN ('none', 'receipt', 'choice', 'text') AND state IN ('draft', 'held', 'approved', 'cancelled'));
ALTER TABLE office.messages ADD CONSTRAINT messages_individual CHECK (
    (kind = 'individual') = (members IS NOT NULL));
CREATE INDEX messages_unit ON office.messages (unit, id);
CREATE INDEX notices_unit ON office.notices (unit, id);
CREATE INDEX events_unit ON office.events (unit, starts_on);
CREATE INDEX post_attempts_unit ON office.post_attempts (unit, id);
CREATE INDEX audit_log_unit ON office.audit_log (unit, id)
"""

REFUSE = """
CREATE FUNCTION office.audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON office.audit_log
    FOR EACH ROW EXECUTE FUNCTION office.audit_log_is_append_only();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON office.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION office.audit_log_is_append_only()
"""

VIEWS = """
CREATE VIEW office.public_units AS
SELECT code AS unit, name FROM office.units WHERE active;

CREATE VIEW office.public_notices AS
SELECT notices.id, notices.unit, group_code, title, body, published_at, expires_at
FROM office.notices JOIN office.units ON units.code = notices.unit AND units.active;

CREATE VIEW office.public_events AS
SELECT events.id, events.unit, group_code, starts_on, ends_on, starts_at, title, note, place
FROM office.events JOIN office.units ON units.code = events.unit AND units.active;

CREATE VIEW office.sent_messages AS
SELECT id, unit, asks, choices, about_child, sent_key_id, sent_text, state, subject_key_id, subject_blob
FROM office.messages WHERE state = 'approved';

GRANT SELECT ON office.public_units, office.public_notices, office.public_events
    TO renrakumo_responder, renrakumo_info_site;
GRANT SELECT ON office.sent_messages TO renrakumo_receipts
"""


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute(REFUSE)
    for statement in ";".join((CONSTRAINTS, TRIGGERS, VIEWS)).split(";"):
        op.execute(statement)


def downgrade() -> None:
    for view in ("sent_messages", "public_events", "public_notices", "public_units"):
        op.execute(f"DROP VIEW office.{view}")
    metadata.drop_all(op.get_bind())
    op.execute("DROP FUNCTION office.audit_log_is_append_only")
