"""The table of the calendar."""

from sqlalchemy import Column, Date, ForeignKeyConstraint, Table, Text, Time

from admin_api.kernel.tables import metadata, now_column, number_column, unit_column

events = Table(
    "events",
    metadata,
    number_column(),
    unit_column(),
    Column("group_code", Text, key="group"),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("starts_at", Time),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("place", Text, nullable=False),
    now_column("created_at"),
    ForeignKeyConstraint(["unit", "group"], ["office.groups.unit", "office.groups.code"], ondelete="CASCADE"),
)
"""The calendar, public. Dates and times are Japan's."""
