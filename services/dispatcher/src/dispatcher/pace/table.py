"""The table of all paces of this dispatcher: one for each carrier, and for carriers whose servers stand apart one for
each server.

Overrides and the share of this dispatcher reach every pace from here. Servers are many (every small domain has its
own), so those that were not spoken to for the longest are forgotten, first those that have no trouble to remember; a
pace that somebody still uses is never made a second time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from weakref import WeakValueDictionary

from contracts.pace import PaceOrder
from dispatcher import metrics
from dispatcher.pace.state import Pace, PaceView, Sign
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.smtp.next_hop import NextHop

MOST_HOPS = 2000
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class CarrierPaceView:
    """A carrier as it is right now. Where servers stand apart, `pace` holds the connections of all together, the rate
    of one without trouble, and the counts of all; `per_server` is how many connections one of them may have (None:
    servers don't stand apart), `servers` how many there are, `slowed` and `pausing` how many of them are held back."""

    pace: PaceView
    per_server: int | None
    servers: int
    slowed: int
    pausing: int


class PaceTable:
    """Paces by carrier and, where its servers stand apart, by hop. `most_hops` are remembered."""

    def __init__(
        self, policies: Iterable[CarrierPolicy], now: Callable[[], float] = monotonic, *, most_hops: int = MOST_HOPS
    ) -> None:
        self._now = now
        self._most_hops = most_hops
        self._overrides: dict[str, PaceOrder] = {}
        self._sharing = (1, 0)
        self._carriers: dict[str, Pace] = {}
        self._hops: OrderedDict[tuple[str, str], Pace] = OrderedDict()
        self._alive: WeakValueDictionary[tuple[str, str], Pace] = WeakValueDictionary()
        self._apart: dict[str, bool] = {}
        self._listeners: list[Callable[[str], None]] = []
        for policy in policies:
            self._apart[policy.name] = policy.each_hop_apart
            self._carriers[policy.name] = self._new(policy)

    @property
    def carriers(self) -> tuple[str, ...]:
        """Names of all carriers."""
        return tuple(self._carriers)

    def of(self, policy: CarrierPolicy, hop: NextHop) -> Pace:
        """The pace that holds for this hop."""
        if not policy.each_hop_apart:
            pace = self._carriers.get(policy.name)
            if pace is None:
                pace = self._carriers[policy.name] = self._new(policy)
                self._apart[policy.name] = False
            return pace
        key = (policy.name, hop.key)
        pace = self._alive.get(key)
        if pace is None:
            pace = self._alive[key] = self._new(policy)
        self._hops[key] = pace
        self._hops.move_to_end(key)
        if len(self._hops) > self._most_hops:
            self._forget_one()
        return pace

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with a carrier's name when an override or the share changed what it may do: who waits for it
        shall look again."""
        self._listeners.append(listener)

    def override(self, carrier: str, order: PaceOrder | None) -> None:
        """The operator's order in force for a carrier; None: none. Carriers that are unknown here are left alone."""
        if carrier not in self._carriers or self._overrides.get(carrier) == order:
            return
        if order is None:
            del self._overrides[carrier]
        else:
            self._overrides[carrier] = order
        for pace in self._all_of(carrier):
            pace.override(order)
        self._tell(carrier)

    def share(self, of: int, place: int) -> None:
        """So many dispatchers share the limits, of which this is the one at `place` (from 0)."""
        if self._sharing == (of, place):
            return
        self._sharing = (of, place)
        for carrier in self._carriers:
            for pace in self._all_of(carrier):
                pace.share(of, place)
            self._tell(carrier)

    def view(self, carrier: str) -> CarrierPaceView:
        """A carrier for those who look. Raises KeyError for an unknown one."""
        own = self._carriers[carrier].view()
        if not self._apart[carrier]:
            return CarrierPaceView(own, None, 1, int(own.slowed), int(own.pause > 0))
        views = [pace.view() for (name, _), pace in self._alive.items() if name == carrier]
        last = max((view for view in views if view.last_sign), key=lambda view: -view.last_sign_ago, default=own)
        pace = PaceView(
            connections_limit=self._carriers[carrier].connections_in_all,
            connections=self._carriers[carrier].connections_in_all,
            rate_limit=own.rate_limit,
            rate=own.rate,
            pause=own.pause,
            overridden=own.overridden,
            paused_by_override=own.paused_by_override,
            slowed=any(view.slowed for view in views),
            accepted=sum(view.accepted for view in views),
            slow_downs=sum(view.slow_downs for view in views),
            last_sign=last.last_sign,
            last_sign_ago=last.last_sign_ago,
        )
        slowed, pausing = sum(view.slowed for view in views), sum(view.pause > 0 for view in views)
        return CarrierPaceView(pace, own.connections, len(views), slowed, pausing)

    def _new(self, policy: CarrierPolicy) -> Pace:
        name = policy.name

        def told(sign: Sign) -> None:
            metrics.SLOW_DOWNS.labels(name, sign.value).inc()

        pace = Pace(policy, self._now, told=told)
        pace.share(*self._sharing)
        pace.override(self._overrides.get(name))
        return pace

    def _all_of(self, carrier: str) -> list[Pace]:
        return [self._carriers[carrier], *(pace for (name, _), pace in self._alive.items() if name == carrier)]

    def _forget_one(self) -> None:
        oldest = islice(self._hops.items(), min(_LOOKED_AT, len(self._hops) - 1))
        key = next((key for key, pace in oldest if pace.at_rest), next(iter(self._hops)))
        del self._hops[key]

    def _tell(self, carrier: str) -> None:
        for listener in self._listeners:
            listener(carrier)
