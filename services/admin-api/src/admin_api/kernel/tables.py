"""The base of all tables of admin-api (schema `office`): metadata, usual columns, and the tables that every feature
writes into. A feature's own tables stand in its folder; together they are what the migrations make.

Members stand in tables as numbers only. Subjects and texts of messages are encrypted (a key id beside each blob);
notices and events are public and stand in clear.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from admin_api.settings import SCHEMA
from runtime.database.outbox import inbox_table, outbox_table

metadata = MetaData(schema=SCHEMA)

outbox = outbox_table(metadata, SCHEMA)
inbox = inbox_table(metadata, SCHEMA)


def now_column(name: str) -> "Column[object]":
    """A moment that is now when nothing else is given."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def number_column() -> "Column[int]":
    """The primary key `id`: a number that the service draws."""
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def unit_column(*, nullable: bool = False) -> "Column[str]":
    """The unit that a row belongs to."""
    return Column("unit", Text, ForeignKey("office.units.code"), nullable=nullable)


audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("unit", Text),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""Who did what, without personal data. Each row's hash covers the row before it; rows cannot be changed or deleted."""

idempotency_keys = Table(
    "requests_seen",
    metadata,
    Column("account", BigInteger, ForeignKey("office.accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("unit", Text, ForeignKey("office.units.code"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("message", BigInteger, ForeignKey("office.messages.id"), nullable=False),
    Column("wave", Integer),
    Column("copies", Integer),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""Requests that came with an Idempotency-Key, and what came of them. `wave` and `copies`: of a resend."""

board_changes = Table(
    "board_changes",
    metadata,
    Column("unit", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
"""Another revision of a unit whenever its name, a notice or an event of its calendar changed. Written by triggers."""
