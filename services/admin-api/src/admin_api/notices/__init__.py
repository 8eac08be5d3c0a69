"""Notices on the board of a unit, which anybody may read."""
