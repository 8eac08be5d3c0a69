"""The table of refused posts."""

from sqlalchemy import Column, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from admin_api.kernel.tables import metadata, number_column, unit_column

post_attempts = Table(
    "post_attempts",
    metadata,
    number_column(),
    unit_column(),
    Column("group_code", Text, nullable=False, key="group"),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("authentication", JSONB(none_as_null=True)),
)
"""Mails to a group's secret post address that were refused, and secret probes (`tries` of them). Who wrote is not known
here."""
