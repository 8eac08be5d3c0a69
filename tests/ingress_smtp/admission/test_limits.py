"""How much a peer may ask of the server."""

from ingress_smtp.admission.limits import Allowance, ConnectionLimit, RateLimit, UnitLimits, peer_of


def test_one_host_is_one_peer_however_many_addresses_it_has() -> None:
    assert peer_of("2001:db8:1:2::1") == peer_of("2001:db8:1:2:ffff::9") != peer_of("2001:db8:1:3::1")
    assert peer_of("::ffff:192.0.2.1") == peer_of("192.0.2.1") != peer_of("192.0.2.2")
    assert peer_of("fe80::1%eth0") == "fe80::/64"
    assert peer_of("") == ""


def test_connections_are_bounded_by_peer_and_in_total() -> None:
    limit = ConnectionLimit(total=3, per_peer=2)
    limit.enter("a")
    assert limit.room_for("a")
    limit.enter("a")
    assert not limit.room_for("a")
    assert limit.room_for("b")
    assert not limit.full
    limit.enter("b")
    assert limit.full
    for peer in ("b", "a", "a"):
        limit.leave(peer)
    assert limit.count == 0
    assert limit.room_for("a")


def test_a_burst_passes_and_then_the_steady_rate() -> None:
    limit = RateLimit(rate=2, burst=3)
    assert [limit.allow("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limit.allow("b", 0.0)
    assert limit.allow("a", 0.5)
    assert not limit.allow("a", 0.6)
    assert [limit.allow("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_one_peer_uses_up_half_of_what_a_unit_may_receive_at_most() -> None:
    limits = UnitLimits({"entry": Allowance(rate=10, burst=100)})

    def taken(peer: str, tries: int) -> int:
        taken = 0
        for _ in range(tries):
            if limits.may("entry", "minami", peer, 0):
                limits.take("entry", "minami", peer, 0)
                taken += 1
        return taken

    assert [taken("192.0.2.1", 1_000), taken("192.0.2.2", 30), taken("192.0.2.3", 30)] == [50, 30, 20]
    assert limits.may("entry", "kita", "192.0.2.1", 0)
    assert not limits.may("entry", "minami", "192.0.2.4", 0.05)
    assert limits.may("entry", "minami", "192.0.2.4", 0.2)
    assert limits.may("reply", "minami", "192.0.2.1", 0)


def test_only_the_peers_seen_last_are_remembered() -> None:
    limit = RateLimit(rate=0.001, burst=1, remembered=2)
    assert [limit.allow(peer, 0.0) for peer in ("a", "b", "c")] == [True, True, True]
    assert not limit.allow("c", 0.0)
    assert limit.allow("a", 0.0)  # forgotten
