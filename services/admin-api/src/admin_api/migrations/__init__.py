"""Migrations of the schema `office`, run by alembic as the role that owns it."""
