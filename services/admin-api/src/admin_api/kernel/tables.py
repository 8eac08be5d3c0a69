"""The tables of the office (schema `office`), as the migrations make them.

Members stand here as numbers only. Subjects and texts of messages are encrypted (a key id beside each blob); notices
and events are public and stand in clear.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Time,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from admin_api.settings import SCHEMA
from runtime.database.outbox import inbox_table, outbox_table

metadata = MetaData(schema=SCHEMA)

outbox = outbox_table(metadata, SCHEMA)
inbox = inbox_table(metadata, SCHEMA)


def _now(name: str) -> "Column[object]":
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _number() -> "Column[int]":
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def _unit(*, nullable: bool = False) -> "Column[str]":
    return Column("unit", Text, ForeignKey("office.units.code"), nullable=nullable)


units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("receipts", Boolean, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _now("created_at"),
)
"""The tenants. `receipts`: the option of names and answers."""

groups = Table(
    "groups",
    metadata,
    Column("unit", Text, ForeignKey("office.units.code"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("post_secret_hash", Text),
    _now("created_at"),
)
"""Small groups of a unit. The secret of the post address is known as a keyed hash only."""

accounts = Table(
    "accounts",
    metadata,
    _number(),
    Column("login", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    _unit(nullable=True),
    Column("groups", ARRAY(Text)),
    Column("password_hash", Text, nullable=False),
    Column("totp_key_id", Text, nullable=False),
    Column("totp_secret", LargeBinary, nullable=False),
    Column("totp_last_step", BigInteger, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    _now("created_at"),
)
"""Who may sign in. `totp_last_step` is the last one-time password that was used: each opens the door once."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account", BigInteger, ForeignKey("office.accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    _now("created_at"),
    _now("last_seen_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
"""Signed-in sessions, by the SHA-256 of their token."""

messages = Table(
    "messages",
    metadata,
    _number(),
    _unit(),
    Column("groups", ARRAY(Text)),
    Column("members", ARRAY(BigInteger)),
    Column("lane", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_key_id", Text, nullable=False),
    Column("subject_blob", LargeBinary, nullable=False),
    Column("body_key_id", Text, nullable=False),
    Column("body_blob", LargeBinary, nullable=False),
    Column("sent_key_id", Text, nullable=False),
    Column("sent_text", LargeBinary, nullable=False),
    Column("asks", Text, nullable=False),
    Column("choices", ARRAY(Text), nullable=False),
    Column("synonyms", JSONB, nullable=False, server_default=text("'[]'")),
    Column("about_child", Boolean, nullable=False),
    Column("publish", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_by", BigInteger, ForeignKey("office.accounts.id")),
    Column("posted_by", BigInteger),
    Column("addressee", JSONB),
    Column("post", BigInteger, unique=True),
    _now("created_at"),
    Column("approved_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("waves", Integer, nullable=False, server_default=text("0")),
    Column("last_sent_at", DateTime(timezone=True)),
    Column("supersedes", BigInteger, ForeignKey("office.messages.id")),
    Column("superseded_by", BigInteger, ForeignKey("office.messages.id")),
    Column("stopped_at", DateTime(timezone=True)),
    Column("authentication", JSONB(none_as_null=True)),
)
"""Messages. `groups` null: everybody; `members` set: these only. `sent_text` is the text exactly as it goes out, which
is needed to take quotations out of answers. `addressee`: a sealed box with the phone poster's address. `last_sent_at`:
when its newest wave went out. `supersedes`: the message that it corrects; `superseded_by`: the one that corrects it.
`authentication`: what a phone post showed of its origin. `synonyms`: a list for each choice, or none at all."""

choices_by_hand = Table(
    "choices_by_hand",
    metadata,
    Column("answer", BigInteger, primary_key=True, autoincrement=False),
    Column("message", BigInteger, ForeignKey("office.messages.id"), nullable=False),
    Column("choice", Integer, nullable=False),
    Column("account", BigInteger, ForeignKey("office.accounts.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What an account said that an answer of the ledger means."""

requests_seen = Table(
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

notices = Table(
    "notices",
    metadata,
    _number(),
    _unit(),
    Column("group_code", Text),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("message", BigInteger, ForeignKey("office.messages.id"), unique=True),
    ForeignKeyConstraint(["unit", "group_code"], ["office.groups.unit", "office.groups.code"], ondelete="CASCADE"),
)
"""What the public may read. `message`: the broadcast that it came from."""

events = Table(
    "events",
    metadata,
    _number(),
    _unit(),
    Column("group_code", Text),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("starts_at", Time),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("place", Text, nullable=False),
    _now("created_at"),
    ForeignKeyConstraint(["unit", "group_code"], ["office.groups.unit", "office.groups.code"], ondelete="CASCADE"),
)
"""The calendar, public too. Dates and times are Japan's."""

post_attempts = Table(
    "post_attempts",
    metadata,
    _number(),
    _unit(),
    Column("group_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("authentication", JSONB(none_as_null=True)),
)
"""Mails to a group's secret post address that were refused, and wrong guesses at it (`tries` of them). Who wrote is not
known here."""

held_mail = Table(
    "held_mail",
    metadata,
    _number(),
    Column("letter", Text, nullable=False, unique=True),
    Column("newest", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("service", Text, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("unit", Text),
    Column("message", BigInteger),
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("times_back", Integer, nullable=False, server_default=text("0")),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("letter_key_id", Text),
    Column("letter_blob", LargeBinary),
)
"""What services gave up on. `letter`: id of the first dead letter of a message; `newest`: of its newest
one. `letter_blob`: that one itself, encrypted (what is personal in it is sealed besides); null once it
was decided about or erased. `unit` and `message`: what the message says in clear that it is about."""

held_counts = Table(
    "held_counts",
    metadata,
    Column("service", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("let_go", BigInteger, nullable=False, server_default=text("0")),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
)
"""How many dead letters came, by reason. `let_go`: so many of them were the oldest when there were too many to keep."""

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
