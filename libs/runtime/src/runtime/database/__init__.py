"""PostgreSQL: the engine, migrations, the transactional outbox and inbox, and the relay to the bus."""
