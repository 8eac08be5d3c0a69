"""What we know about each carrier, in one place: how many connections it bears, how long a session, when to come again.

The figures are careful starting points, not published limits, except docomo's 100 recipients a session. They hold for
one dispatcher process; carriers count by sending address, so with several processes behind one address divide them.

connections             open at once to all servers of the carrier; the last one is kept for urgent and prompt mail
connections_per_hop     open at once to one next hop (matters for `other`, where every domain has servers of its own)
messages_per_connection how many copies one session carries before we say QUIT ourselves
idle_seconds            how long a session without work stays open for the next batch
pause_after_421         how long a next hop is left alone after it said that it is busy, in seconds
retry                   seconds after the first, second ... attempt; the last one repeats
"""

from dataclasses import dataclass

_USUAL = (60.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
# Many hosts greylist for five minutes, few for less than one.
_OTHER = (60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True)
class CarrierPolicy:
    """See above."""

    name: str
    connections: int
    connections_per_hop: int
    messages_per_connection: int = 50
    idle_seconds: float = 10.0
    pause_after_421: float = 5.0
    retry: tuple[float, ...] = _USUAL


CARRIERS: dict[str, CarrierPolicy] = {
    policy.name: policy
    for policy in (
        CarrierPolicy("docomo", 8, 8, messages_per_connection=100, pause_after_421=10.0),
        CarrierPolicy("au", 8, 8, pause_after_421=10.0),
        CarrierPolicy("softbank", 6, 6, pause_after_421=10.0),
        CarrierPolicy("rakuten", 4, 4),
        CarrierPolicy("gmail", 10, 10, messages_per_connection=100),
        CarrierPolicy("yahoo", 6, 6),
        CarrierPolicy("icloud", 6, 6),
        CarrierPolicy("outlook", 6, 6),
        CarrierPolicy("other", 24, 4, retry=_OTHER),
    )
}


def policy_of(carrier: str) -> CarrierPolicy:
    """The policy of a carrier; one that is new to us is treated as `other`."""
    return CARRIERS.get(carrier) or CARRIERS["other"]
