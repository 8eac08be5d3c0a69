"""Reading a winmail.dat: the text of an Exchange mail that stands nowhere else."""

from __future__ import annotations

import base64
import codecs
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.mime import tnef
from mail.mime.reading import read

START = struct.pack("<IH", 0x223E9F78, 1)
VERSION = (0x00089006, b"\0\0\1\0")


def attribute(kind: int, data: bytes, level: int = 1) -> bytes:
    return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def prop(kind: int, name: int, data: bytes) -> bytes:
    if kind in (0x1E, 0x1F, 0x102):
        return struct.pack("<HHII", kind, name, 1, len(data)) + data + b"\0" * (-len(data) % 4)
    return struct.pack("<HH", kind, name) + data


def properties(*props: bytes) -> bytes:
    return attribute(0x00069003, struct.pack("<I", len(props)) + b"".join(props))


NAMED = struct.pack("<HH", 0x03, 0x8001) + bytes(16) + struct.pack("<III", 0, 7, 9)
NAMED_BY_WORDS = struct.pack("<HH", 0x1E, 0x8002) + bytes(16) + struct.pack("<II", 1, 5) + b"a\0b\0\0\0\0\0" + struct.pack(
    "<II", 1, 2
) + b"x\0\0\0"  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (attribute(*VERSION) + attribute(0x0002800C, "2です\r\n".encode() + b"\0"), "2です"),
        (attribute(0x00069007, struct.pack("<II", 932, 0)) + attribute(0x0002800C, "2です".encode("cp932")), "2です"),
        (properties(prop(0x03, 0x1, b"\1\0\0\0"), prop(0x1F, 0x1000, "2です\0".encode("utf-16-le"))), "2です"),
        (properties(NAMED, NAMED_BY_WORDS, prop(0x1F, 0x1000, "2です".encode("utf-16-le"))), "2です"),
        (properties(prop(0x102, 0x1013, "<p>2です<p hidden>1".encode())), "2です"),
        (attribute(0x0002800C, b"1", level=2), ""),
        (properties(prop(0x102, 0x1009, b"\0\0\0\0LZFu")), ""),
        (b"", ""),
    ],
)
def test_the_text_in_it(stream: bytes, text: str) -> None:
    assert tnef.text_in(START + stream)[0].strip() == text
    for cut in range(len(stream)):
        tnef.text_in(START + stream[:cut])


def test_it_is_read_where_nothing_else_was_written() -> None:
    stream = base64.encodebytes(START + attribute(0x0002800C, "1です".encode()))
    winmail = (
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + stream
    )
    assert read(winmail).text == "1です\n"
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    assert read(head + b"2\r\n--b\r\n" + winmail + b"--b--").text == "2\n"
    assert read(head + b"\r\n--b\r\n" + winmail + b"--b--").text == "1です\n"


@given(st.lists(st.one_of(st.binary(max_size=12), st.sampled_from([START, NAMED, NAMED_BY_WORDS, properties(NAMED)]))))
def test_any_octets_may_lie_in_it(pieces: list[bytes]) -> None:
    text, charset = tnef.text_in(START + b"".join(pieces))
    assert text.encode().decode() == text, "half of a character pair"
    assert codecs.lookup(charset)
