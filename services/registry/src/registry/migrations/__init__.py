"""Steps that make the personal database, run by runtime.migrations."""
