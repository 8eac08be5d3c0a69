"""All SQL of the office, one file an idea. Functions take the connection: their caller holds the transaction."""
