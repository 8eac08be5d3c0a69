"""Tables of units and groups."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, text

from admin_api.kernel.tables import metadata, now_column

units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("receipts", Boolean, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    now_column("created_at"),
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
    now_column("created_at"),
)
"""Small groups of a unit. The secret of the post address is known as a keyed hash only."""
