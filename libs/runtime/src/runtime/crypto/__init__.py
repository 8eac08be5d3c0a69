"""Key rings, sealed boxes for the bus, ciphers and keyed hashes for database fields."""
