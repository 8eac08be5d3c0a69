"""How to treat each carrier, and which carrier a domain or a mail server belongs to.

What each limit means is told in deploy/carriers.yaml, where the figures are; carriers_file.py reads and checks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType

from dispatcher.policy.reply_rules import ReplyRule
from dispatcher.smtp.next_hop import Tls

OTHER = "other"
"""The carrier of all who have none: each of its hops is treated by itself."""


@dataclass(frozen=True, slots=True)
class CarrierPolicy:
    """How to treat a carrier. Times in seconds, `rate` in copies a second; None: no limit."""

    name: str
    connections: int
    connections_per_hop: int
    messages_per_connection: int = 50
    recipients_per_session: int | None = None
    rate: float | None = None
    idle_seconds: float = 10.0
    pause_after_421: float = 5.0
    ipv4_only: bool = False
    tls: Tls = "opportunistic"
    retry: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    full_hour_spread: float = 0.0
    each_hop_apart: bool = False
    rules: tuple[ReplyRule, ...] = field(default=(), repr=False)

    @property
    def copies_per_connection(self) -> int:
        """Copies that one connection carries."""
        if self.recipients_per_session is None:
            return self.messages_per_connection
        return min(self.messages_per_connection, self.recipients_per_session)


@dataclass(frozen=True, slots=True)
class Territory:
    """What belongs to a carrier: exact domains, endings of domains (with their dot), patterns of server names."""

    domains: frozenset[str] = frozenset()
    endings: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class CarrierTable:
    """All carriers; `other` is always one of them."""

    def __init__(self, policies: Mapping[str, CarrierPolicy], territories: Mapping[str, Territory]) -> None:
        self.policies: Mapping[str, CarrierPolicy] = MappingProxyType(dict(policies))
        self._by_domain = {domain: name for name, territory in territories.items() for domain in territory.domains}
        self._by_ending = tuple((end, name) for name, territory in territories.items() for end in territory.endings)
        self._by_server = tuple((form, name) for name, territory in territories.items() for form in territory.servers)

    def named(self, carrier: str) -> CarrierPolicy:
        """The carrier of that name; `other` when there is none."""
        return self.policies.get(carrier) or self.policies[OTHER]

    def of_domain(self, domain: str) -> CarrierPolicy:
        """The carrier that a normalised domain belongs to."""
        name = self._by_domain.get(domain)
        if name is None:
            name = next((name for ending, name in self._by_ending if domain.endswith(ending)), OTHER)
        return self.policies[name]

    def of_servers(self, names: Sequence[str]) -> CarrierPolicy | None:
        """The carrier that runs these mail servers, most preferred first: the first one tells. None: nobody we know."""
        if not names:
            return None
        first = names[0].lower().removesuffix(".")
        name = next((name for form, name in self._by_server if fnmatchcase(first, form)), None)
        return None if name is None else self.policies[name]
