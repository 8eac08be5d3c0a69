"""Steps that make the personal database, run by runtime.database.migrations."""
