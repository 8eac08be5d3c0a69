"""Carriers files that lift every limit, so that nothing is measured but the services."""

from collections.abc import Mapping

from simulator.crowd import DOMAINS

CONNECTIONS_A_CARRIER = 48
_MOST_COPIES = 1000
"""Copies; the file takes no larger figure."""
# Connections are closed when idle for a second: each broadcast has to open its own, as after a quiet hour.
_LIMITS = """carriers:
{carriers}"""
_CARRIER = """  {name}:
    connections: {connections}
    connections_per_hop: {connections}
    messages_per_connection: {many}
    recipients_per_session: null
    rate: null
    idle_seconds: 1s
    full_hour_spread: 0s
"""


def lifted_limits(connections: Mapping[str, int] | None = None) -> str:
    """The carriers file that lifts all limits of these carriers (default: the crowd's), with so many connections to each."""
    chosen = connections or dict.fromkeys(DOMAINS, CONNECTIONS_A_CARRIER)
    blocks = (_CARRIER.format(name=name, connections=number, many=_MOST_COPIES) for name, number in chosen.items())
    return _LIMITS.format(carriers="".join(blocks))
