"""How much may come in: limits by peer, sender and unit, memory, backlog, and who tries out secret addresses."""
