"""What every feature stands on: context, audit log, idempotency keys, roles, errors, base of the tables, texts."""
