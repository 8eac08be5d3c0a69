"""The table of choices that a person set. Answers themselves are the ledger's."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, Table

from admin_api.kernel.tables import metadata

choice_overrides = Table(
    "choices_by_hand",
    metadata,
    Column("answer", BigInteger, primary_key=True, autoincrement=False),
    Column("message", BigInteger, ForeignKey("office.messages.id"), nullable=False),
    Column("choice", Integer, nullable=False),
    Column("account", BigInteger, ForeignKey("office.accounts.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What an account said that an answer of the ledger means."""
