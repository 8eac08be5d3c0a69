"""The table of messages."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from admin_api.kernel.tables import metadata, now_column, number_column, unit_column

messages = Table(
    "messages",
    metadata,
    number_column(),
    unit_column(),
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
    now_column("created_at"),
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
