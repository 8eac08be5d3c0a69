"""Where mail goes: the setting, and what DNS says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.mx import Answer, DnsTrouble, Exchanger, MxLookup, NoMail, in_order
from dispatcher.router import Router
from dispatcher.routes import Host, Login, parse_routes


def test_an_exact_domain_goes_before_the_star_and_the_first_of_two_counts() -> None:
    table = parse_routes("*=127.0.0.1:2526, docomo.ne.jp=127.0.0.1:2601,docomo.ne.jp=127.0.0.1:9,au.com=mx")
    docomo, star = table.match("docomo.ne.jp"), table.match("anything.example")
    assert docomo is not None
    assert docomo.hosts == (Host("127.0.0.1", 2601),)
    assert star is not None
    assert star.hosts == (Host("127.0.0.1", 2526),)
    assert table.match("au.com") is None


def test_a_relay_has_a_login_and_insists_on_encryption() -> None:
    hop = parse_routes("*=smtp://school%40x:p%2Cw%3A@relay.example:465?starttls=required").match("a.example")
    assert hop is not None
    assert hop.hosts == (Host("relay.example", 465),)
    assert (hop.tls, hop.relayed) == ("required", True)
    assert hop.login == Login("school@x", "p,w:")
    assert "p,w" not in repr(hop)


def test_a_relay_without_more_words_uses_the_usual_port() -> None:
    hop = parse_routes("*=smtp://user:pw@relay.example").match("a.example")
    assert hop is not None
    assert (hop.hosts, hop.tls) == ((Host("relay.example", 587),), "required")
    plain = parse_routes("*=smtp://relay.example:2500").match("a.example")
    assert plain is not None
    assert (plain.tls, plain.login) == ("opportunistic", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docomo.ne.jp=mx",
        "*",
        "*=",
        "*=host",
        "*=host:0",
        "*=host:99999",
        "*=http://host:25",
        "*=smtp://user:secret@host:587?starttls=maybe",
        "*=smtp://user:secret@host:587?tls=required",
        "*=smtp://user:secret@:587",
        "*=smtp://user:secret@host:port",
        "do como=mx,*=mx",
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_routes(text)
    assert "secret" not in str(refusal.value)
    assert "entry" in str(refusal.value)


@given(st.text(max_size=80))
def test_whatever_is_set_is_understood_or_refused(text: str) -> None:
    try:
        table = parse_routes(text)
    except ValueError:
        return
    table.match("docomo.ne.jp")


class FakeDns:
    """Answers from a table; an exception in it is raised."""

    def __init__(self, mx: dict[str, Answer | Exception], addresses: set[str] | None = None) -> None:
        self._mx = mx
        self._addresses = addresses or set()
        self.asked = 0

    async def mx(self, domain: str) -> Answer:
        self.asked += 1
        found = self._mx.get(domain, Answer((), 300))
        if isinstance(found, Exception):
            raise found
        return found

    async def has_address(self, domain: str) -> bool:
        return domain in self._addresses


def servers(*names: str) -> Answer:
    return Answer(tuple(Exchanger(10 * number, name) for number, name in enumerate(names, start=1)), 300)


async def test_servers_come_in_order_of_preference() -> None:
    lookup = MxLookup(FakeDns({"a.example": servers("first.example", "second.example")}))
    assert await lookup.hosts("a.example") == ("first.example", "second.example")


async def test_a_domain_without_mx_takes_mail_itself() -> None:
    assert await MxLookup(FakeDns({}, {"a.example"})).hosts("a.example") == ("a.example",)


async def test_a_domain_that_takes_no_mail_is_known_for_a_while() -> None:
    clock = [0.0]
    dns = FakeDns({"null.example": Answer((Exchanger(0, ""),), 300)})
    lookup = MxLookup(dns, now=lambda: clock[0])
    for _ in range(2):
        with pytest.raises(NoMail):
            await lookup.hosts("null.example")
    assert dns.asked == 1
    clock[0] = 200.0
    with pytest.raises(NoMail):
        await lookup.hosts("null.example")
    assert dns.asked == 2


async def test_trouble_with_dns_is_not_remembered() -> None:
    table: dict[str, Answer | Exception] = {"a.example": DnsTrouble("dns gives no answer")}
    lookup = MxLookup(FakeDns(table))
    with pytest.raises(DnsTrouble):
        await lookup.hosts("a.example")
    table["a.example"] = servers("mx.example")
    assert await lookup.hosts("a.example") == ("mx.example",)


async def test_domains_with_the_same_servers_share_their_sessions() -> None:
    answer = servers("mx1.carrier.example", "mx2.carrier.example")
    router = Router(parse_routes("*=mx"), MxLookup(FakeDns({"i.example": answer, "y.example": answer})))
    one, other = await router.hop_for("i.example"), await router.hop_for("y.example")
    assert one.key == other.key
    assert one.hosts == (Host("mx1.carrier.example", 25), Host("mx2.carrier.example", 25))
    assert not one.relayed


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcdef")), min_size=1))
def test_no_server_is_lost_or_named_twice(records: list[tuple[int, str]]) -> None:
    names = in_order((Exchanger(preference, host) for preference, host in records), lambda: 0.5)
    assert set(names) == {host for _, host in records}
    assert len(set(names)) == len(names)
    best = {host: min(preference for preference, other in records if other == host) for _, host in records}
    assert [best[name] for name in names] == sorted(best.values())
