"""Alembic's entry, the same for every owner of a schema: runs the migrations on the connection that it is handed."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema=context.config.attributes["schema"],
)
context.run_migrations()
