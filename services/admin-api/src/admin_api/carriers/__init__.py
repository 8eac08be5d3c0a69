"""How fast mail goes out to each carrier, and the operator's orders about it."""
