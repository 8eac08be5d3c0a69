"""All paces of a dispatcher: each carrier its own, each server that stands apart its own, in bounded memory."""

import gc
from collections import deque
from math import inf

from contracts.pace import PaceOrder
from dispatcher.pace.state import Pace, Sign
from dispatcher.pace.table import PaceTable
from tests.dispatcher.pace.pace_world import Clock, apart, hop, policy


def test_a_carrier_has_one_pace_whichever_server_it_is() -> None:
    docomo = policy()
    paces = PaceTable([docomo, policy(name="au")], Clock())
    assert paces.of(docomo, hop("mx1")) is paces.of(docomo, hop("mx2"))
    assert paces.of(docomo, hop("mx1")) is not paces.of(policy(name="au"), hop("mx1"))


def test_trouble_with_one_server_of_the_others_slows_no_other() -> None:
    other = apart()
    paces = PaceTable([other], Clock())
    paces.of(other, hop("mx.a")).slow_down(Sign.BUSY)
    assert paces.of(other, hop("mx.a")).wait() == 10.0
    assert (paces.of(other, hop("mx.b")).wait(), paces.of(other, hop("mx.b")).connections) == (0.0, 4)
    view = paces.view("other")
    assert (view.servers, view.slowed, view.pausing) == (2, 1, 1)


def test_limits_of_the_others_as_a_whole_are_shared_too() -> None:
    other = apart()
    paces = PaceTable([other], Clock())
    used = paces.of(other, hop("mx.a"))
    assert (used.connections, used.connections_per_hop, used.connections_in_all) == (4, 4, 24)
    paces.share(2, 1)
    assert (used.connections, used.connections_in_all) == (2, 12)
    view = paces.view("other")
    assert (view.per_server, view.pace.connections) == (2, 12)


def test_orders_and_shares_reach_who_is_there_and_who_comes_later() -> None:
    other, docomo = apart(), policy()
    paces = PaceTable([other, docomo], Clock())
    changed: list[str] = []
    paces.on_change(changed.append)
    early = paces.of(other, hop("mx.a"))
    paces.override("other", PaceOrder(paused=True))
    paces.override("other", PaceOrder(paused=True))
    paces.override("unknown", PaceOrder(paused=True))
    assert (early.wait(), paces.of(other, hop("mx.b")).wait()) == (inf, inf)
    assert paces.of(docomo, hop("mx.c")).wait() == 0
    paces.share(2, 0)
    assert changed == ["other", "other", "docomo"]
    paces.override("other", None)
    assert early.wait() == 0


def test_memory_of_servers_is_bounded_and_forgets_none_that_is_in_use_or_in_trouble() -> None:
    other = apart()
    paces = PaceTable([other], Clock(), most_hops=10)
    in_use = paces.of(other, hop("in use"))
    in_use.slow_down(Sign.BUSY)
    paces.of(other, hop("in trouble")).slow_down(Sign.BUSY)
    for number in range(1000):
        paces.of(other, hop(f"mx{number}"))
    gc.collect()
    assert paces.of(other, hop("in use")) is in_use
    assert paces.of(other, hop("in trouble")).wait() == 10.0
    assert paces.view("other").servers <= 12


def test_memory_stays_bounded_when_all_are_in_trouble() -> None:
    other = apart()
    paces = PaceTable([other], Clock(), most_hops=10)
    used = deque[Pace](maxlen=3)
    for number in range(200):
        used.append(paces.of(other, hop(f"mx{number}")))
        used[-1].slow_down(Sign.BUSY)
    gc.collect()
    assert paces.view("other").servers <= 13
    assert [paces.of(other, hop(f"mx{number}")) for number in (197, 198, 199)] == list(used)
