"""Addresses: one spelling per mailbox, and what our own local parts mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.addresses import (
    AddressError,
    LocalPart,
    MailboxKind,
    UnknownAddress,
    carrier_of,
    mailbox_of,
    normalise,
    parse_local,
    tidy,
    wire_form,
)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Taro@Docomo.NE.jp", "taro@docomo.ne.jp"),
        ("da.me..@docomo.ne.jp", "da.me..@docomo.ne.jp"),
        (".foo@ezweb.ne.jp", ".foo@ezweb.ne.jp"),
        ('"foo.."@docomo.ne.jp', "foo..@docomo.ne.jp"),
        ('"plain"@example.jp', "plain@example.jp"),
        ("o'brien+x@example.com", "o'brien+x@example.com"),
        ("taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@example.jp.", "taro@example.jp"),
    ],
)
def test_a_mailbox_has_one_spelling(written: str, stored: str) -> None:
    assert normalise(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "", "taro", "taro@", "@example.jp", "taro@jp", "taro@docomo,ne,jp", "ta ro@example.jp", "a@b@example.jp",
        "taro@example.jp\nRCPT TO:<x@example.net>", "taro\r@example.jp", "taro\x00@example.jp", "山田@example.jp",
        "tаro@docomo.ne.jp", "taro@exa\u00admple.jp", "taro@192.0.2.1", "taro@[192.0.2.1]",
        '""@example.jp', '"a@b"@example.jp',
        "a" * 65 + "@example.jp", "a@" + "b" * 64 + ".jp", "a@" + "b." * 200 + "jp",
        "<taro@example.jp>", "taro\udc83@example.jp",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalise(written)
    assert "taro" not in str(refused.value)
    assert "example" not in str(refused.value)
    assert refused.value.__cause__ is None


@given(st.text(max_size=300))
def test_normalising_is_total_and_idempotent(text: str) -> None:
    try:
        once = normalise(text)
    except AddressError:
        return
    assert normalise(once) == once
    assert once.isascii()
    assert not set(once) & set(" ,<>\r\n\t")


@pytest.mark.parametrize(
    "typed",
    [" taro@docomo.ne.jp\u3000", "\ufefftaro@docomo.ne.jp", "mailto:taro@docomo.ne.jp", "<taro＠docomo。ne。jp>"],
)
def test_what_spreadsheets_put_around_an_address_comes_off(typed: str) -> None:
    assert normalise(tidy(typed)) == "taro@docomo.ne.jp"


def test_a_blank_inside_is_not_guessed_away() -> None:
    with pytest.raises(AddressError):
        normalise(tidy("taro @docomo.ne.jp"))


def test_an_odd_address_is_quoted_except_for_its_own_carrier() -> None:
    assert wire_form("foo..@docomo.ne.jp") == "foo..@docomo.ne.jp"
    assert wire_form("foo..@docomo.ne.jp", relayed=True) == '"foo.."@docomo.ne.jp'
    assert wire_form(".foo@example.jp") == '".foo"@example.jp'
    assert wire_form("foo.bar@example.jp", relayed=True) == "foo.bar@example.jp"


@pytest.mark.parametrize(
    ("domain", "carrier"),
    [
        ("docomo.ne.jp", "docomo"), ("EZWEB.ne.jp", "au"), ("ido.ezweb.ne.jp", "au"), ("uqmobile.jp", "au"),
        ("t.vodafone.ne.jp", "softbank"), ("i.softbank.jp", "softbank"), ("rakuten.jp", "rakuten"),
        ("gmail.com", "gmail"),
        ("yahoo.co.jp", "yahoo"), ("me.com", "icloud"), ("hotmail.co.jp", "outlook"), ("example.jp", "other"),
        ("notdocomo.ne.jp", "other"),
    ],
)  # fmt: skip
def test_domains_belong_to_carriers(domain: str, carrier: str) -> None:
    assert carrier_of(domain) == carrier


TOKEN = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnop"


@pytest.mark.parametrize(
    ("local", "meaning"),
    [
        ("xx1-entry", LocalPart(MailboxKind.ENTRY, "xx1")),
        ("XX1-ENT", LocalPart(MailboxKind.ENTRY, "xx1")),
        ("xx1-leave", LocalPart(MailboxKind.LEAVE, "xx1")),
        ("Leave", LocalPart(MailboxKind.LEAVE)),
        ("xx1-info", LocalPart(MailboxKind.INFO, "xx1")),
        ("info", LocalPart(MailboxKind.INFO)),
        ("xx3-k7m2q9", LocalPart(MailboxKind.POST, "xx3", secret="k7m2q9")),
        ("Postmaster", LocalPart(MailboxKind.OPERATOR)),
        ("abuse", LocalPart(MailboxKind.OPERATOR)),
        ("R-" + TOKEN.upper(), LocalPart(MailboxKind.REPLY, token="r-" + TOKEN)),
        ("b-" + TOKEN, LocalPart(MailboxKind.BOUNCE, token="b-" + TOKEN)),
    ],
)
def test_our_addresses_are_understood_in_any_case(local: str, meaning: LocalPart) -> None:
    assert parse_local(local) == meaning


@pytest.mark.parametrize(
    "local",
    ["", "xx1", "xx1-", "-entry", "xx1-abc", "r-" + TOKEN[:-1], "r-" + TOKEN + "a", "r-entry", "b-info", "x_1-entry",
     "abcdefghijklm-entry", "xx1-entry-entry", "xx1-" + "a" * 25, "r-" + "1" * 48, "xx1-k7m2q9\n"],
)  # fmt: skip
def test_everything_else_is_unknown(local: str) -> None:
    with pytest.raises(UnknownAddress):
        parse_local(local)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("hanako@docomo.ne.jp", "hanako@docomo.ne.jp"),
        ("hanako..y.@docomo.ne.jp", "hanako..y.@docomo.ne.jp"),
        ("hanako+1@icloud.com", "hanako@icloud.com"),
        ("ha.na.ko+school+1@googlemail.com", "hanako@gmail.com"),
        ("+1@example.jp", "+1@example.jp"),
    ],
)
def test_a_mailbox_has_many_names(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox
