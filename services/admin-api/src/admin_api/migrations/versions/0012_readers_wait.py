"""Who reads the office's views can see of which release they are, and waits for its own (contracts.views).

The version table holds one revision and nothing else.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT SELECT ON office.alembic_version TO renrakumo_info_site, renrakumo_responder")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON office.alembic_version FROM renrakumo_info_site, renrakumo_responder")
