"""Mails made up by hypothesis: well-formed ones with anything in them, then cut, spliced and sprinkled with octets."""

from __future__ import annotations

import base64
import quopri

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.fuzz.pieces import PIECES
from tools.fuzz.targets import TARGETS

CHARSETS = ("utf-8", "iso-2022-jp", "iso-2022-jp-ms", "cp50221", "shift_jis", "Windows-31J", "euc-jp", "utf-7", "utf-16",
            "us-ascii", "iso-8859-1", "unknown-8bit", "x-nonsense", "")  # fmt: skip
CODECS = ("utf-8", "iso2022_jp_ext", "cp932", "euc_jp", "utf-7", "utf-16")
TYPES = ("text/plain", "text/html", "text/enriched", "image/gif", "application/ms-tnef", "message/delivery-status",
         "message/feedback-report", "text/calendar", "text", "")  # fmt: skip
MULTIPARTS = ("mixed", "alternative", "related", "report", "signed", "digest", "nonsense")
WORDS = st.sampled_from(
    ("良好", "③", "３です", "ｶｾﾞ", "髙橋", "1か2", "> ", "\n", "iPhoneから送信", "😀", "\u3099", " ")
)
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=20).map("".join)
NAMES = ("Subject", "From", "To", "Reply-To", "Message-ID", "References", "X-Mailer", "Auto-Submitted", "Return-Path",
         "Precedence", "Content-Type", "Content-Transfer-Encoding", "X-Failed-Recipients")  # fmt: skip


@st.composite
def words(draw: st.DrawFn) -> bytes:
    """An encoded word, whole or broken, or raw text."""
    octets = draw(TEXTS).encode(draw(st.sampled_from(CODECS)), "replace")
    charset = draw(st.sampled_from(CHARSETS)).encode()
    match draw(st.integers(0, 3)):
        case 0:
            return octets.replace(b"\n", b" ")
        case 1:
            word = b"=?" + charset + b"?B?" + base64.b64encode(octets) + b"?="
        case 2:
            word = b"=?" + charset + b"*ja?q?" + quopri.encodestring(octets, header=True).replace(b"=\n", b"") + b"?="
        case _:
            cut = draw(st.integers(0, len(octets)))
            halves = (base64.b64encode(half) for half in (octets[:cut], octets[cut:]))
            word = b"\r\n ".join(b"=?" + charset + b"?B?" + half + b"?=" for half in halves)
    return word[: draw(st.one_of(st.none(), st.integers(0, len(word))))]


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    values = st.one_of(words(), st.sampled_from(PIECES), st.binary(max_size=20))
    found = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.lists(values, max_size=3)), max_size=5))
    return b"".join(name.encode() + b": " + b" ".join(value) + b"\r\n" for name, value in found)


@st.composite
def leaves(draw: st.DrawFn) -> bytes:
    """A part with text in any charset and encoding, under any label."""
    text = draw(TEXTS)
    kind = draw(st.sampled_from(TYPES))
    if kind == "text/html":
        pieces = st.sampled_from(("<p>", "</p>", "<div hidden>", "</div>", "<blockquote>", "<!--", "-->", "&#x3042;"))
        text = "".join(draw(st.lists(st.one_of(pieces, st.just(text)), max_size=10)))
    octets = text.encode(draw(st.sampled_from(CODECS)), "replace")
    charset = draw(st.sampled_from(CHARSETS))
    encoding = draw(st.sampled_from(("7bit", "8bit", "base64", "quoted-printable", "x-nonsense")))
    body = octets
    if draw(st.booleans()):
        body = {"base64": base64.encodebytes(octets), "quoted-printable": quopri.encodestring(octets)}.get(
            encoding, body
        )
    flowed = draw(st.sampled_from(("", "; format=flowed", "; format=flowed; delsp=yes", "; name=x")))
    label = f"; charset={charset}" if charset else ""
    head = f"Content-Type: {kind}{label}{flowed}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def _multipart(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        kind = draw(st.sampled_from(MULTIPARTS))
        boundary = draw(st.sampled_from(("b", "b c", "=_x", "--")))
        lines = b"".join(
            b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in draw(st.lists(inner, max_size=4))
        )
        end = draw(st.sampled_from((f"--{boundary}--\r\n", f"--{boundary}", "")))
        return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + lines + end.encode()

    return made()


def _forwarded(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return inner.map(lambda mail: b"Content-Type: message/rfc822\r\n\r\n" + mail)


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A mail, or what a bad network, a bad program or a bad person makes of one."""
    tree = st.recursive(leaves(), lambda inner: st.one_of(_multipart(inner), _forwarded(inner)), max_leaves=6)
    mail = draw(fields()) + draw(tree)
    match draw(st.integers(0, 4)):
        case 0:
            mail = mail[: draw(st.integers(0, len(mail)))]
        case 1:
            at = draw(st.integers(0, len(mail)))
            mail = mail[:at] + draw(st.one_of(st.binary(max_size=8), st.sampled_from(PIECES))) + mail[at:]
        case 2:
            mail = mail.replace(b"\r\n", draw(st.sampled_from((b"\n", b"\r", b"\n\n", b"\r\n\t"))))
        case _:
            pass
    return mail


HEAPS = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)), max_size=40).map(b"".join)
INPUTS = st.one_of(mails(), HEAPS, st.binary(max_size=1000)).map(lambda mail: b"\0" + mail)


def examine(name: str, *, examples: int) -> None:
    """Give a target so many mails that nobody would send."""

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(INPUTS)
    def examined(data: bytes) -> None:
        TARGETS[name](data)

    examined()
