"""The ledger says why a copy came back, in the words that it has for refusals at the door (contracts.reasons)."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Of a report about several addresses the verdict is that of a dead one, the state that of the mildest: then the state
# alone is true of the copy.
RETURNED = """
CREATE OR REPLACE VIEW ledger.returned AS
SELECT DISTINCT ON (back.message, back.copy_ref) back.message, back.copy_ref, back.state, back.status, back.at,
       CASE WHEN back.verdict = 'dead' AND back.state <> 'dead' THEN ''
            WHEN back.verdict = 'dead' AND back.status IN ('5.1.2', '5.4.4') THEN 'no such domain'
            WHEN back.verdict = 'dead' AND back.status IN ('5.1.10', '5.3.2') THEN 'domain takes no mail'
            WHEN back.verdict = 'dead' THEN 'no such user'
            WHEN back.verdict = 'full' THEN 'mailbox full'
            WHEN back.verdict = 'suspended' THEN 'mailbox suspended'
            WHEN back.verdict = 'filtered' THEN 'refused by the recipient''s filter'
            WHEN back.verdict = 'policy' THEN 'refused by policy'
            WHEN back.verdict = 'unknown' THEN 'refused'
            ELSE '' END AS reason
FROM ledger.bounces AS back
JOIN ledger.sent_copies AS sent USING (message, copy_ref)
WHERE sent.state = 'delivered' AND back.at >= sent.updated_at - interval '1 minute'
  AND coalesce(back.issued_at + interval '1 hour' > sent.planned_at, true)
ORDER BY back.message, back.copy_ref, back.hard DESC, back.at DESC, back.event_id
"""

# `last_reason`: of the last attempt to hand it over; `returned_reason`: of the report, where it came back later.
COPIES = """
CREATE OR REPLACE VIEW ledger.copies AS
SELECT sent.message, sent.copy_ref, sent.unit, sent.member, sent.child, sent.carrier, sent.wave,
       coalesce(back.state, sent.state) AS state,
       CASE WHEN back.state IS NULL THEN sent.stage ELSE 'dsn' END AS stage,
       CASE WHEN back.state IS NULL THEN sent.code END AS code,
       CASE WHEN back.state IS NULL THEN sent.enhanced ELSE back.status END AS enhanced,
       (sent.attempt > 0)::int
           + (SELECT count(*)::int FROM ledger.earlier_attempts AS tried WHERE tried.copy_ref = sent.copy_ref)
           AS attempts,
       sent.next_attempt_at,
       greatest(sent.updated_at, back.at) AS updated_at,
       EXISTS (SELECT FROM ledger.recorded_answers AS given
               WHERE given.message = sent.message AND given.copy_ref = sent.copy_ref) AS answered,
       sent.host AS last_host, sent.reason AS last_reason, sent.reply AS last_reply,
       CASE WHEN sent.state = 'delivered' THEN sent.updated_at END AS accepted_at,
       back.at AS returned_at,
       back.reason AS returned_reason
FROM ledger.sent_copies AS sent
LEFT JOIN LATERAL (
    SELECT * FROM ledger.returned WHERE returned.message = sent.message AND returned.copy_ref = sent.copy_ref
) AS back ON true
"""


def upgrade() -> None:
    op.execute(RETURNED)
    op.execute(COPIES)


def downgrade() -> None:
    raise RuntimeError("not reversible: views could not lose their columns without being granted anew")
