"""Where mail goes by the setting RENRAKUMO_ROUTES."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.routing.route_table import Mx, parse_routes
from dispatcher.smtp.next_hop import Login, MailHost, NextHop, Tls


def fixed(text: str, domain: str = "a.example") -> NextHop:
    hop = parse_routes(text).match(domain)
    assert isinstance(hop, NextHop)
    return hop


def test_an_exact_domain_goes_before_the_star_and_the_first_of_two_counts() -> None:
    text = "*=127.0.0.1:2526, docomo.ne.jp=127.0.0.1:2601,docomo.ne.jp=127.0.0.1:9,au.com=MX"
    assert fixed(text, "docomo.ne.jp").hosts == (MailHost("127.0.0.1", 2601),)
    assert fixed(text, "anything.example").hosts == (MailHost("127.0.0.1", 2526),)
    assert parse_routes(text).match("au.com") == Mx()


def test_a_relay_has_a_login_and_insists_on_encryption() -> None:
    hop = fixed("*=smtp://school%40x:p%2Cw%3A@relay.example:465?starttls=required")
    assert hop.hosts == (MailHost("relay.example", 465),)
    assert (hop.tls, hop.relayed) == ("required", True)
    assert hop.login == Login("school@x", "p,w:")
    assert "p,w" not in repr(hop)


def test_a_relay_without_more_words_uses_the_usual_port() -> None:
    hop = fixed("*=smtp://user:pw@relay.example")
    assert (hop.hosts, hop.tls) == ((MailHost("relay.example", 587),), "required")
    plain = fixed("*=smtp://relay.example:2500")
    assert (plain.tls, plain.login) == ("opportunistic", None)


@pytest.mark.parametrize("tls", ["none", "opportunistic", "required"])
def test_encryption_can_be_chosen_for_each_route(tls: Tls) -> None:
    assert parse_routes(f"*=mx?starttls={tls}").match("a.example") == Mx(tls)
    assert fixed(f"*=127.0.0.1:25?starttls={tls}").tls == tls
    assert fixed(f"*=smtp://relay.example?starttls={tls}").tls == tls


def test_routes_that_differ_in_encryption_share_no_connection() -> None:
    text = "a.example=127.0.0.1:25,b.example=127.0.0.1:25?starttls=required,*=mx"
    assert fixed(text, "a.example").key != fixed(text, "b.example").key


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
        "*=mx?starttls=perhaps",
        "*=mx?tls=none",
        "*=host:25?starttls=none&starttls=required",
        "*=http://host:25",
        "*=smtp://user:secret@host:587?starttls=maybe",
        "*=smtp://user:secret@host:587?starttls=none",
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
def test_whatever_is_set_is_refused_or_says_where_mail_goes(text: str) -> None:
    try:
        table = parse_routes(text)
    except ValueError:
        table = parse_routes("*=mx")
    assert table.match("docomo.ne.jp") in (table.default, *table.exact.values())


DOMAINS = st.from_regex(r"\A[a-z0-9]{1,8}(\.[a-z0-9-]{1,8}){0,2}\Z")
PORTS = st.integers(1, 65535)
ENCRYPTION = st.sampled_from(["", "?starttls=none", "?starttls=opportunistic", "?starttls=required"])


@given(st.dictionaries(DOMAINS, st.tuples(PORTS, ENCRYPTION), max_size=6), ENCRYPTION)
def test_every_domain_that_is_set_goes_where_it_was_set_to(wanted: dict[str, tuple[int, str]], star: str) -> None:
    entries = [f"{domain}=host.example:{port}{tls}" for domain, (port, tls) in wanted.items()]
    table = parse_routes(",".join([*entries, f"*=mx{star}"]))
    for domain, (port, tls) in wanted.items():
        hop = table.match(domain)
        assert isinstance(hop, NextHop)
        assert (hop.hosts, hop.tls) == ((MailHost("host.example", port),), tls.partition("=")[2] or "opportunistic")
    assert table.match("not.set.example.org") == Mx(star.partition("=")[2] or None)  # type: ignore[arg-type]
