"""What was typed is what is read, in every charset, encoding and structure that mail programs put around it."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st

from mail.mime.reading import read

CHARACTERS = "あいうがぱんーゃアイウガパンヴ山田太郎髙橋神﨑出席欠席熱３①㈱Ⅱ。、「」！？abcXYZ0123456789 .,:;=?_-<>&"
PLAIN_CHARACTERS = "".join(char for char in CHARACTERS if char not in "髙﨑①㈱Ⅱ")
KANA = "あいうえおかきくけこさしすせそ"
CODECS = {  # Python's codec: labels that programs give to it
    "utf-8": ("utf-8", "UTF8", '"utf-8"', "us-ascii", "iso-8859-1", "Shift_JIS", "unknown-8bit", ""),
    "cp932": ("Shift_JIS", "shift-jis", "Windows-31J", "x-sjis", "cp932", "MS_Kanji"),
    "euc_jp": ("euc-jp", "EUCJP", "x-euc-jp", "cp51932"),
    "iso2022_jp": ("iso-2022-jp", "ISO-2022-JP", "cp50220", "us-ascii", "utf-8", ""),
    "utf-7": ("utf-7",),
    "utf-16": ("utf-16",),
}
ENCODINGS = ("8bit", "base64", "quoted-printable", "Base64", "binary")


def not_utf8_by_chance(text: str, codec: str) -> str:
    """The text, behind a kana where another charset would write it in octets that are UTF-8 as well.

    "﨑Ⅱ" in cp932 is "핇U" in UTF-8. There the reader takes UTF-8 on purpose (mail/mime/charsets.py): labels lie more
    often than a text of nothing but such characters is written. No text that begins with a kana is both."""
    if codec not in ("cp932", "euc_jp") or text.isascii():
        return text
    try:
        text.encode(codec).decode("utf-8")
    except UnicodeDecodeError:
        return text
    return "あ" + text


@st.composite
def written(draw: st.DrawFn) -> tuple[str, bytes, str]:
    """Lines of text, their octets, and a label."""
    codec = draw(st.sampled_from(sorted(CODECS)))
    characters = PLAIN_CHARACTERS if codec in ("iso2022_jp", "euc_jp") else CHARACTERS
    lines = draw(st.lists(st.text(characters, min_size=1, max_size=30), min_size=1, max_size=5))
    text = not_utf8_by_chance("\n".join(line.strip() or "2" for line in lines), codec)
    return text, text.replace("\n", "\r\n").encode(codec), draw(st.sampled_from(CODECS[codec]))


def part(octets: bytes, label: str, encoding: str, kind: str = "text/plain") -> bytes:
    body = octets
    if encoding.lower() == "base64":
        body = base64.encodebytes(octets)
    elif encoding == "quoted-printable":
        body = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    charset = f"; charset={label}" if label else ""
    return f"Content-Type: {kind}{charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


@given(written(), st.sampled_from(ENCODINGS), st.integers(0, 3), st.booleans())
def test_the_text_that_was_typed_is_read(
    typed: tuple[str, bytes, str], encoding: str, depth: int, with_a_page: bool
) -> None:
    text, octets, label = typed
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")) and encoding != "base64":
        encoding = "base64"  # UTF-16 goes no other way
    tree = part(octets, label, encoding)
    if with_a_page:
        page = "<html><style>.x{display:none}</style><p>別の</p></html>".encode()
        tree = _multipart("alternative", tree, part(page, "utf-8", "base64", "text/html"))
    for level in range(depth):
        tree = _multipart("mixed", tree, b"Content-Type: image/gif\r\n\r\nGIF89a", boundary=f"b{level}")
    assert read(b"Subject: s\r\n" + tree).text == text.rstrip("\n") + "\n"


def _multipart(kind: str, *parts: bytes, boundary: str = "a") -> bytes:
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + each + b"\r\n" for each in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n".encode() + lines + f"--{boundary}--".encode()


@st.composite
def subjects(draw: st.DrawFn) -> tuple[str, bytes]:
    """A subject, and its octets as encoded words, cut anywhere."""
    codec = draw(st.sampled_from(("utf-8", "cp932", "euc_jp")))
    drawn = draw(st.text(PLAIN_CHARACTERS if codec == "euc_jp" else CHARACTERS, min_size=1, max_size=40))
    text = not_utf8_by_chance(drawn.strip() or "2", codec)
    octets = text.encode(codec)
    cuts = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=4)))
    pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True) if end > start]
    words = []
    for piece in pieces:
        if draw(st.booleans()):
            words.append(f"=?{codec}?B?{base64.b64encode(piece).decode()}?=")
        else:
            quoted = "".join(f"={octet:02X}" if octet != 0x20 else "_" for octet in piece)
            words.append(f"=?{codec}?Q?{quoted}?=")
    between = draw(st.sampled_from((" ", "\r\n ", "\r\n\t", "\n ", "")))
    return text, between.join(words).encode()


@given(subjects())
def test_the_subject_that_was_typed_is_read(typed: tuple[str, bytes]) -> None:
    text, value = typed
    assert read(b"Subject: " + value + b"\r\n\r\n").subject == " ".join(text.split())


@given(st.text(KANA, min_size=4, max_size=40), st.sampled_from(("utf-8", "cp932", "euc_jp", "iso2022_jp")))
def test_without_any_label_the_charset_is_found(text: str, codec: str) -> None:
    parsed = read(b"Subject: " + text.encode(codec) + b"\r\n\r\n" + text.encode(codec))
    assert (parsed.subject, parsed.text) == (text, text + "\n")
