"""What the office does, one file an idea: plain async functions that know neither HTTP nor NATS."""
