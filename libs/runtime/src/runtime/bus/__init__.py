"""NATS with the habits we want: the connection, pull consumers, requests, key-value buckets, dead-letter retry."""
