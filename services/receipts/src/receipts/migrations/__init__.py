"""Migrations of the schema `ledger`, run by alembic as the role that owns it."""
