"""The tables of the ledger (schema `ledger`), as the migrations make them.

They hold facts as they were told; what follows from several of them (whether a copy that was delivered came back, how
often it was tried, which answer is the last) the views in the migrations work out, so that the order in which the
facts arrive doesn't matter.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects.postgresql import JSONB

from runtime.database.outbox import inbox_table, outbox_table

SCHEMA = "ledger"

metadata = MetaData(schema=SCHEMA)

outbox = outbox_table(metadata, SCHEMA)
inbox = inbox_table(metadata, SCHEMA)

sent_copies = Table(
    "sent_copies",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("copy_ref", BigInteger, primary_key=True, autoincrement=False),
    Column("unit", String, nullable=False),
    Column("member", BigInteger),
    Column("child", BigInteger),
    Column("carrier", String, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("stage", String),
    Column("code", Integer),
    Column("enhanced", String),
    Column("host", String),
    Column("reason", String, nullable=False),
    Column("reply", String, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("planned_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
"""One row a copy: its last attempt. `wave` and `attempt` say which that was (0: only planned), `reply` holds the
server's words; `member` and `planned_at` (of this wave) are unknown while an outcome has overtaken its plan. Pages are
filled to 40 % at first, so that an outcome finds room beside its plan and no index changes."""

earlier_attempts = Table(
    "earlier_attempts",
    metadata,
    Column("copy_ref", BigInteger, primary_key=True, autoincrement=False),
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("outcome", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("code", Integer),
    Column("enhanced", String),
    Column("host", String),
    Column("reason", String, nullable=False),
    Column("reply", String, nullable=False),
)
"""One row for each attempt at a copy before its last one: a trigger brings it here when a newer one takes its place.
The view `attempts` shows all."""

tallies = Table(
    "tallies",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("state", String, primary_key=True),
    Column("copies", Integer, nullable=False),
)
"""How many copies of a message are in a state, kept by triggers; a shard may be below zero, their sum is exact."""

bounces = Table(
    "bounces",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("copy_ref", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String, primary_key=True),
    Column("classification", String, nullable=False),
    Column("state", String, nullable=False),
    Column("hard", Boolean, nullable=False),
    Column("status", String),
    Column("issued_at", DateTime(timezone=True)),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What came back after a copy had been accepted; it may arrive before the copy's own outcome."""

recorded_answers = Table(
    "recorded_answers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("message", BigInteger, nullable=False),
    Column("copy_ref", BigInteger, nullable=False),
    Column("unit", String, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("choice", Integer),
    Column("needs_look", Boolean, nullable=False),
    Column("why", String, nullable=False),
    Column("text_key_id", String, nullable=False),
    Column("text_blob", LargeBinary, nullable=False),
    Column("authentication", JSONB(none_as_null=True)),
)
"""Every answer ever given; the last one of a copy counts. The text is encrypted (context `ledger.answers.text`).
`authentication`: what the mail showed of its origin."""
