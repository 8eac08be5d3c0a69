"""How much there is to do, and what follows: senders wait, then are told to come later, before memory grows.

    memory    every mail that is being received or stored reserves its part; without room for another the answer is 452.
              A quarter is kept for small mails, and half for others than one peer: a few large mails that take their
              time shall not keep the parents of a town out
    backlog   what waits on the bus for each service: above `slow` replies are delayed, ever longer; at `full` mail of
              the kinds that this service handles is answered with 451

Nothing is lost by it: a sender's server keeps the mail and comes again. No I/O here; `backlog` asks the bus.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from contracts.streams import RECEIPTS_INBOUND, REGISTRY_INBOUND, RESPONDER_INBOUND, ConsumerSpec
from ingress_smtp import metrics

STORED_AS = 8
"""Octets of memory for one octet of mail, until it is stored: it is there as it came, in base64, in JSON, sealed, and
all of that once more as text (measured: 7.5)."""
_EACH_MORE = 4
"""Octets of memory for one octet of mail, for each further recipient that gets the whole mail: the sealed text in an
event of its own."""
_A_MAIL = 20_000
"""The least of one mail for one recipient."""
_SMALL = 65_536
"""Octets; a mail grows beyond only while less than `_FOR_LARGE` of the memory is reserved."""
_FOR_LARGE = 0.75
_FOR_ONE_PEER = 0.5
READERS: tuple[ConsumerSpec, ...] = (REGISTRY_INBOUND, RESPONDER_INBOUND, RECEIPTS_INBOUND)
"""Who reads what we store."""


class Reservation:
    """The part of the memory that one mail has reserved."""

    def __init__(self, pressure: "Pressure", peer: str, whole: int, recipients: int) -> None:
        self._pressure = pressure
        self._peer = peer
        self._each = STORED_AS + _EACH_MORE * max(0, whole - 1)
        self._least = _A_MAIL * recipients
        self._received = 0
        self._octets = 0

    def extend(self, octets: int) -> bool:
        """So many octets of the mail have come: is there room for them? If not, they aren't counted."""
        wanted = octets * self._each + (0 if self._octets else self._least)
        large = self._received + octets > _SMALL
        if not self._pressure.room_for(wanted, self._peer, mine=self._octets, large=large):
            return False
        self._received += octets
        self._octets += wanted
        self._pressure.count(self._peer, wanted)
        return True

    def release(self) -> None:
        """The mail is stored, or dropped."""
        self._pressure.count(self._peer, -self._octets)
        self._octets = 0


class Pressure:
    """`memory`: octets for mails. `slow` and `full`: events that wait for one service."""

    def __init__(self, *, memory: int, slow: int, full: int, readers: Iterable[ConsumerSpec] = READERS) -> None:
        self._memory = memory
        self._reserved = 0
        self._of_peer: Counter[str] = Counter()
        self._slow = slow
        self._full = max(full, slow + 1)
        self._readers = {subject: spec.name for spec in readers for subject in spec.filters}
        self._waiting: dict[str, int] = {}

    @property
    def reserved(self) -> int:
        """Octets of memory that mails have reserved now."""
        return self._reserved

    @property
    def no_room(self) -> bool:
        """Not even a small mail could be taken now."""
        return self._reserved + _A_MAIL > self._memory

    def reserve(self, peer: str, whole: int = 1, recipients: int = 1) -> Reservation:
        """For one mail that begins to come in; `whole`: recipients that get all of it."""
        return Reservation(self, peer, whole, recipients)

    def room_for(self, octets: int, peer: str, *, mine: int, large: bool) -> bool:
        """May a mail that has reserved `mine` have so many octets more? One mail of each peer is bounded by the memory
        alone."""
        if self._reserved + octets > self._memory * (_FOR_LARGE if large else 1):
            return False
        of_peer = self._of_peer[peer]
        return of_peer == mine or of_peer + octets <= self._memory * _FOR_ONE_PEER

    def count(self, peer: str, octets: int) -> None:
        """So many octets more are reserved for mails of `peer` (less: negative)."""
        self._reserved += octets
        self._of_peer[peer] += octets
        if not self._of_peer[peer]:
            del self._of_peer[peer]
        metrics.RESERVED.set(self._reserved)

    def set_backlog(self, waiting: Mapping[str, int]) -> None:
        """What waits for each consumer; what isn't named has not changed."""
        self._waiting.update(waiting)
        for name, count in waiting.items():
            metrics.BACKLOG.labels(name).set(count)

    def full_for(self, subject: str) -> bool:
        """Does too much wait for whoever reads this subject?"""
        return self._waiting.get(self._readers.get(subject, ""), 0) >= self._full

    @property
    def level(self) -> float:
        """0 (at ease) to 1: the worse of memory above its half, and the deepest backlog above `slow`."""
        memory = (self._reserved - self._memory / 2) / (self._memory / 2)
        deepest = max(self._waiting.values(), default=0)
        backlog = (deepest - self._slow) / (self._full - self._slow)
        return min(1.0, max(0.0, memory, backlog))
