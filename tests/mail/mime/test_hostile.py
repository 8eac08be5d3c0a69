"""Reading mail that means harm: it is read in bounds, says something or nothing, and nobody waits for it.

No durations are asserted here; `make fuzz` refuses what takes seconds.
"""

from __future__ import annotations

import base64

import pytest

from mail.mime import parts
from mail.mime.parts import Limits
from mail.mime.reading import read

LARGE = 1_000_000
FRIENDLY = b"From: taro@docomo.ne.jp\r\nSubject: s\r\n"


def html(body: bytes) -> bytes:
    return FRIENDLY + b"Content-Type: text/html\r\n\r\n" + body


def text(body: bytes, charset: str = "", more: str = "") -> bytes:
    label = f"; charset={charset}" if charset else ""
    return FRIENDLY + f"Content-Type: text/plain{label}{more}\r\n\r\n".encode() + body


def filled(piece: bytes, size: int = LARGE) -> bytes:
    return piece * (size // len(piece))


def nested(count: int, kind: str = "mixed") -> bytes:
    head = f"Content-Type: multipart/{kind}; boundary=b%d\r\n\r\n--b%d\r\n".encode()
    return FRIENDLY + b"".join(head % (number, number) for number in range(count))


HOSTILE = {
    "one line of 100 MB": lambda: text(b"a" * 100_000_000),
    "one header field of 10 MB": lambda: b"Subject: " + b"a" * 10_000_000,
    "50,000 header fields": lambda: b"".join(b"X-%d: y\r\n" % number for number in range(50_000)) + FRIENDLY,
    "a field folded 60,000 times": lambda: FRIENDLY + b"X-A: y" + b"\r\n z" * 60_000 + b"\r\n\r\n2",
    "nothing but line feeds": lambda: text(filled(b"\n")),
    "nothing but carriage returns": lambda: filled(b"\r"),
    "nothing but NULs": lambda: filled(b"\0"),
    "10,000 multiparts in one another": lambda: nested(10_000) + b"\r\n\r\n2",
    "10,000 alternatives in one another": lambda: nested(10_000, "alternative") + b"\r\n\r\n2",
    "10,000 mails in one another": lambda: FRIENDLY + b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
    "mails in one another, each to be unpacked": lambda: (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" * 200 + filled(b"2")
    ),
    "multiparts in one another, each to be unpacked": lambda: (
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--b%d\r\n"
            % (number, number)
            for number in range(200)
        ).replace(b"\r\n--b", b"\r\n=2D-b")
        + filled(b"2")
    ),
    "50,000 parts": lambda: (
        FRIENDLY + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ny\r\n" * 50_000
    ),
    "lines that are nearly boundaries": lambda: nested(200) + filled(b"\n--bb"),
    "50,000 parameters": lambda: FRIENDLY + b"Content-Type: text/plain" + b"; a=b" * 50_000 + b"\r\n\r\n2",
    "parameters in 50,000 pieces": lambda: (
        FRIENDLY + b"Content-Type: text/plain" + b"; a*9*=%41" * 50_000 + b"\r\n\r\n2"
    ),
    "encoded words without an end": lambda: b"Subject: " + filled(b"=?utf-8?Q?"),
    "encoded words of nothing": lambda: b"Subject: " + filled(b"=?"),
    "encoded words of unknown charsets": lambda: b"Subject: " + b"".join(b"=?c%d?q?=c?= " % n for n in range(50_000)),
    "comments in the sender": lambda: b"From: " + filled(b"("),
    "quotes in the sender": lambda: b"From: " + filled(b'"\\'),
    "references": lambda: b"References: " + filled(b"<a@b> "),
    "tags that never end": lambda: html(filled(b"<b ")),
    "only opening brackets": lambda: html(filled(b"<")),
    "comments that never end": lambda: html(filled(b"<!--")),
    "elements that never end": lambda: html(filled(b"<div>")),
    "elements that never began": lambda: html(filled(b"<p></i>")),
    "character references": lambda: html(filled(b"&#x3042;")),
    "attributes": lambda: html(b"<b " + filled(b"a=b ") + b">"),
    "style sheets": lambda: html(filled(b"<style>.a{display:none}")),
    "rules": lambda: html(b"<style>" + filled(b".a{display:none}@media x{")),
    "comments in a sheet": lambda: html(b"<style>" + filled(b"/*")),
    "preformatted lines": lambda: html(b"<pre>" + filled(b"\n")),
    "flowed lines": lambda: text(filled(b"a \n"), more="; format=flowed"),
    "escape sequences": lambda: text(filled(b'\x1b$B$"\x1b(B'), "iso-2022-jp"),
    "one escape sequence": lambda: text(b"\x1b$B" + filled(b'$" '), "iso-2022-jp"),
    "EUC-JP of NEC": lambda: text(filled(b"\xad\xa1"), "euc-jp"),
    "half a surrogate pair in UTF-7": lambda: text(filled(b"+2AA-"), "utf-7"),
    "every octet": lambda: text(filled(bytes(range(256)))),
    "uuencoded files that are none": lambda: text(filled(b"begin 644 a\n")),
    "BinHex files that are none": lambda: text(filled(b"(This file must be converted with BinHex 4.0)\n:")),
    "padding": lambda: text(filled(b"YQ=="), more="\r\nContent-Transfer-Encoding: base64"),
    "soft line ends": lambda: text(filled(b"=\n"), more="\r\nContent-Transfer-Encoding: quoted-printable"),
}


# Slow: the largest are a hundred megabytes.
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_all_the_same(name: str) -> None:
    raw = HOSTILE[name]()
    parsed = read(raw)
    assert parsed.raw_size == len(raw)
    assert len(parsed.text) <= 2 * Limits().text
    assert max(map(len, parsed.text.split("\n"))) <= Limits().line
    parsed.text.encode()
    parsed.subject.encode()
    assert not set("\r\0") & set(parsed.text + parsed.subject)


def test_what_lies_deep_is_found_up_to_the_limit() -> None:
    assert read(nested(100) + b"\r\n2").text == "2\n"
    assert read(nested(100) + b"\r\n2", Limits(depth=20)).text != "2\n"


def test_a_mail_in_base64_in_a_mail_in_base64() -> None:
    mail = b"Subject: s\r\n\r\n2"
    for _ in range(20):
        head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        mail = head + base64.encodebytes(mail)
    assert len(list(parts.parse(mail).walk())) == 21


def test_only_so_much_is_looked_at() -> None:
    parsed = read(text(b"x" * 5000), Limits(size=1000, text=100))
    assert len(parsed.text) <= 101
    assert parsed.raw_size > 5000
    many = b"".join(b"X-%d: y\r\n" % number for number in range(100))
    assert len(read(many + b"\r\n2", Limits(headers=10)).headers) == 10
    assert read(many + b"\r\n2", Limits(headers=10)).text == "2\n"
    tree = FRIENDLY + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ny\r\n" * 50
    assert read(tree, Limits(parts=10)).text == "y\n" * 9


def test_long_lines_are_broken_and_long_fields_cut() -> None:
    parsed = read(b"X-Long: " + b"a" * 500 + b"\r\n\r\n" + b"b" * 250, Limits(line=100))
    assert len(parsed.header("x-long")) == 99  # the blank before it is cut off as well
    assert [len(line) for line in parsed.text.splitlines()] == [100, 100, 50]


def test_many_texts_share_one_limit() -> None:
    tree = FRIENDLY + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\n\r\n" + b"y" * 90 + b"\r\n") * 9
    assert len(read(tree, Limits(text=200)).text) <= 210
