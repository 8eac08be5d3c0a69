"""A server's words in the ledger: useful to who looks for the reason, silent about whose mailbox it was."""

import html
import re
import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dispatcher.smtp.server_words import MOST, server_name, server_words
from dispatcher.smtp.smtp_replies import read_reply
from mail.addresses import AddressError, normalise

LOCAL_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~.-"
DOMAINS = ("docomo.ne.jp", "gmail.com", "mail.yamada-family.jp", "suzuki.example", "xn--wgv71a119e.jp", "a.co.jp")
SENTENCES = (
    "{} is over quota",
    "Unknown user {}",
    "<{}>: User unknown",
    "no\nmailbox here called {}",
    '"{}"... denied',
)


def said(text: str, address: str) -> str:
    return server_words(read_reply("rcpt", 550, text), address)


def encoded(text: str) -> list[str]:
    """The spellings in which servers and filters repeat what they were told."""
    wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
    return [
        text,
        text.upper(),
        text.title(),
        wide,
        quote(text, safe=""),
        quote(quote(text, safe=""), safe=""),
        "".join(f"%{ord(char):02x}" for char in text),
        "".join(f"&#{ord(char)};" for char in text),
        "".join(f"&#x{ord(char):x};" for char in text),
        html.escape(text),
        "".join(f"={ord(char):02X}" for char in text),
        text.replace("@", "="),
        "".join(f"\\{char}" for char in text),
        "\u200b".join(text),
        f"mailto:{text}",
        f"{text}-bounce",
    ]


def readings(text: str) -> set[str]:
    """What a curious reader may make of a line."""
    forms = {text}
    for _ in range(3):
        decoded = {re.sub(r"=([0-9A-F]{2})", lambda two: chr(int(two[1], 16)), form) for form in forms}
        forms |= decoded | {unquote(form) for form in forms} | {html.unescape(form) for form in forms}
    folded = {unicodedata.normalize("NFKC", form).replace("\u200b", "").casefold() for form in forms}
    return folded | {form.replace("\\", "").replace('"', "") for form in folded}


@st.composite
def addresses(draw: st.DrawFn) -> str:
    local = draw(st.text(LOCAL_LETTERS, min_size=1, max_size=20))
    try:
        return normalise(f"{local}@{draw(st.sampled_from(DOMAINS))}")
    except AddressError:
        assume(False)
        raise


@given(address=addresses(), sentence=st.sampled_from(SENTENCES), part=st.sampled_from(("all", "local", "domain")), spelling=st.integers(0, 15))  # fmt: skip
@example(address="a%41b@docomo.ne.jp", sentence="Unknown user {}", part="local", spelling=0)
@example(address="taro'yamada@docomo.ne.jp", sentence="Unknown user {}", part="all", spelling=12)
@example(address="...@docomo.ne.jp", sentence="Unknown user {}", part="local", spelling=6)
def test_no_spelling_of_the_address_survives(address: str, sentence: str, part: str, spelling: int) -> None:
    local, _, domain = address.rpartition("@")
    told = {"all": address, "local": local, "domain": domain}[part]
    shown = readings(said(sentence.format(encoded(told)[spelling]), address))
    # What our own sentence says cannot give anything away.
    assume(local not in sentence.casefold())
    for form in shown:
        assert "@" not in form
        if len(local) >= 4:
            assert local not in form
        else:
            assert not re.search(rf"(^|[^0-9a-z]){re.escape(local)}($|[^0-9a-z])", form)
        if domain not in ("docomo.ne.jp", "gmail.com"):
            assert domain not in form


@given(text=st.text(max_size=400), address=addresses())
def test_whatever_a_server_says_becomes_one_short_line_that_can_be_stored(text: str, address: str) -> None:
    line = said(text, address)
    assert len(line) <= MOST
    assert line == line.strip()
    line.encode("utf-8")
    assert not any(unicodedata.category(char)[0] == "C" for char in line)
    assert "@" not in line


@pytest.mark.parametrize(
    "text, address, line",
    [
        ("2.0.0 Ok: queued as 4XyZ", "hanako@docomo.ne.jp", "Ok: queued as 4XyZ"),
        ("5.1.1 <Hanako@Example.jp>: User unknown", "hanako@example.jp", "[] User unknown"),
        ("Unknown user hanako@docomo.ne.jp", "hanako@docomo.ne.jp", "Unknown user []"),
        ("5.1.1 The email account\n5.1.1 does not exist", "hanako@gmail.com", "The email account does not exist"),
        ("mx.yamada.jp does not like hanako", "hanako@mail.yamada.jp", "[] does not like []"),
        ("mfsmax.docomo.ne.jp is busy", "hanako@docomo.ne.jp", "mfsmax.docomo.ne.jp is busy"),
        ("hanako.b@gmail.com (forwarded) is full", "hanako@docomo.ne.jp", "[] (forwarded) is full"),
        ("hanakosuzuki is full", "hanako.suzuki+school@gmail.com", "[] is full"),
        ("in our opinion inside is fine", "in@gmail.com", "[] our opinion inside is fine"),
        ("日本.jp は満杯です", "hanako@xn--wgv71a.jp", "[] は満杯です"),
        ("", "hanako@gmail.com", ""),
    ],
)
def test_what_is_left_says_why(text: str, address: str, line: str) -> None:
    assert said(text, address) == line


def test_a_servers_name_is_told_unless_it_names_a_family() -> None:
    assert server_name("mx1.docomo.ne.jp", "hanako@docomo.ne.jp") == "mx1.docomo.ne.jp"
    assert server_name("aspmx.l.google.com", "hanako@yamada.jp") == "aspmx.l.google.com"
    assert server_name("mx.yamada.jp", "hanako@mail.yamada.jp") is None
    assert server_name(None, "hanako@yamada.jp") is None
