"""Lanes: which copies may have one of a carrier's connections. Pure.

Urgent and prompt mail may use all of them; corrections and ordinary mail (bulk mail) together all but one, if there is
more than one, so that a backlog never holds the last connection. The order of the lanes is that of
contracts.base.LANES.
"""

from contracts.base import Lane

BULK: frozenset[Lane] = frozenset({"correction", "ordinary"})


def most_for(lane: Lane, connections: int) -> int:
    """How many of so many connections a lane may use at once."""
    return max(1, connections - 1) if lane in BULK else connections


def may_carry(lane: Lane, *, bulk: int, connections: int) -> bool:
    """Whether a connection may carry a copy of `lane` while `bulk` others, of at most `connections`, carry bulk
    mail."""
    return lane not in BULK or bulk < most_for(lane, connections)
