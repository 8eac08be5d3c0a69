"""The table of commands."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from admin_api.kernel.tables import metadata, number_column, unit_column

commands = Table(
    "commands",
    metadata,
    number_column(),
    unit_column(),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("count", Integer, nullable=False, server_default=text("0")),
    Column("undoable_until", DateTime(timezone=True)),
    Column("undoes", BigInteger),
    Column("undone_by", BigInteger),
    Column("deleted_group", JSONB),
)
"""What administrators commanded. `subject`: `member/…`, `group/…` or `request/…` (an invitation), of which only one
command waits at a time (a partial unique index). `undoes` and `undone_by`: other commands. `deleted_group`: the columns
of a group that the command deleted, to make it again."""
