"""The vault: the only one that holds persons."""
