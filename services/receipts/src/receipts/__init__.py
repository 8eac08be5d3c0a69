"""The ledger: what became of every copy, and who answered what."""
