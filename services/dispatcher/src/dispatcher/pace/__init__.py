"""How fast and over how many connections now: the state of each pace, all of them, and what dispatchers share."""
