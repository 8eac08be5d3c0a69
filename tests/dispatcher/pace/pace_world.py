"""What tests of the pace share: a clock that the test moves, and policies."""

from dataclasses import dataclass
from typing import Any

from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.smtp.next_hop import MailHost, NextHop


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 1024.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def policy(**values: Any) -> CarrierPolicy:
    return CarrierPolicy(
        **{"name": "docomo", "connections": 8, "connections_per_hop": 8, "pause_after_421": 10.0, **values}
    )


def apart(**values: Any) -> CarrierPolicy:
    return policy(**{"name": "other", "connections": 24, "connections_per_hop": 4, "each_hop_apart": True, **values})


def hop(name: str) -> NextHop:
    return NextHop(name, (MailHost(name),))
