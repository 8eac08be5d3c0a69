"""The table of notices."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, ForeignKeyConstraint, Table, Text

from admin_api.kernel.tables import metadata, number_column, unit_column

notices = Table(
    "notices",
    metadata,
    number_column(),
    unit_column(),
    Column("group_code", Text, key="group"),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("message", BigInteger, ForeignKey("office.messages.id"), unique=True),
    ForeignKeyConstraint(["unit", "group"], ["office.groups.unit", "office.groups.code"], ondelete="CASCADE"),
)
"""What the public may read. `message`: the broadcast that it came from."""
