"""Tables of accounts and their sessions."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from admin_api.kernel.tables import metadata, now_column, number_column, unit_column

accounts = Table(
    "accounts",
    metadata,
    number_column(),
    Column("login", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    unit_column(nullable=True),
    Column("groups", ARRAY(Text)),
    Column("password_hash", Text, nullable=False),
    Column("totp_key_id", Text, nullable=False),
    Column("totp_secret", LargeBinary, nullable=False),
    Column("totp_last_step", BigInteger, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    now_column("created_at"),
)
"""Who may sign in. `totp_last_step` is the last one-time password that was used: each is good for one session."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account", BigInteger, ForeignKey("office.accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    now_column("created_at"),
    now_column("last_seen_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
"""Signed-in sessions, by the SHA-256 of their token."""
