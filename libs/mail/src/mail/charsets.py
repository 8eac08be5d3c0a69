"""Octets to text, for the mail that Japanese phones and PCs really send. Never raises.

Order of trust: the label where it is known and fits, then escape sequences, strict UTF-8, CP932 against EUC-JP (the
one that yields fewer half-width kana), and Latin-1 last. Python has no cp50221, so ISO-2022-JP is read here: each
double-octet character is moved to its CP932 place, which knows NEC row 13, the NEC-selected IBM rows, and the carriers'
emoji as private-use characters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable

_ISO2022 = "iso-2022-jp"
_LABELS = {
    "cp932": "shiftjis sjis xsjis windows31j cswindows31j cp932 ms932 mskanji csshiftjis sjiswin ibm943 cp943 xmscp932",
    _ISO2022: "iso2022jp csiso2022jp iso2022jpms iso2022jp1 iso2022jp2 iso2022jpext xiso2022jp jis "
    "cp50220 cp50221 cp50222",
    "euc-jp": "eucjp xeucjp ujis eucjpms eucjpwin cp51932 cseucpkdfmtjapanese",
    "utf-8": "utf8 xutf8 unicode11utf8 utf8mb4 utf8n",
    "": "usascii ascii ansix34 ansix341968 unknown8bit unknown xunknown default binary",
}
_ALIASES = {label: charset for charset, labels in _LABELS.items() for label in labels.split()}
# Text codecs of Python that are no charsets; punycode takes quadratic time besides.
_NO_CHARSETS = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_NOT_ALNUM = re.compile(r"[^a-z0-9]")
_ESCAPE = re.compile(rb"\x1b(\([BJIH]|\$[@B]|\$\([@BDOPQ]|\$[GEFOPQ](?=[\x21-\x7a]+\x0f)|&@)|[\x0e\x0f]|\n")
_ESCAPED = re.compile(rb"\x1b[$(]")
_CJK = re.compile("[\u3000-\u9fff\uff00-\uff9f]")
_VOICED = re.compile("[\u3041-\u30ff][\u3099\u309a]")
_ODD = re.compile("[\uff61-\uff9f\ue000-\uf8ff]")
_WEBCODE_BASE = {b"G": 0xE001, b"E": 0xE101, b"F": 0xE201, b"O": 0xE301, b"P": 0xE401, b"Q": 0xE501}
_SINGLE_BYTE_LABELS = ("iso8859", "latin", "windows125", "cp125", "koi8")


def decode(raw: bytes, label: str | None = None) -> tuple[str, str]:
    """Return the text and the name of the charset that was really used.

    Kana with a voicing mark apart (as macOS writes them) are composed; nothing else is normalised, because that would
    change the characters of names.
    """
    text, used = _decode(raw, label)
    if "\u3099" in text or "\u309a" in text:
        text = _VOICED.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)
    return text, used


def _decode(raw: bytes, label: str | None) -> tuple[str, str]:
    charset = _charset_of(label)
    if _ESCAPED.search(raw) and (charset in ("", _ISO2022, "cp932") or raw.isascii()) and charset[:5] != "utf-7":
        return _iso2022jp(raw), _ISO2022
    if raw.isascii() and charset in ("", "utf-8", "cp932", "euc-jp", _ISO2022):
        return raw.decode("ascii"), charset or "us-ascii"
    if not charset or charset == _ISO2022:
        return _guess(raw, "")
    if charset != "utf-8" and not raw.isascii() and not charset.startswith("utf"):
        # A label that lies: Japanese in valid UTF-8 is next to impossible by chance.
        text = _strict(raw, "utf-8")
        if text is not None and (_CJK.search(text) or _is_single_byte(charset)):
            return text, "utf-8"
    text = _strict(raw, charset)
    if text is not None:
        return text, charset
    return _guess(raw, charset)


def _charset_of(label: str | None) -> str:
    if not label:
        return ""
    plain = _NOT_ALNUM.sub("", label.lower()[:60])
    if plain in _ALIASES:
        return _ALIASES[plain]
    try:
        info = codecs.lookup(label.strip(" \"'")[:60])
    except (LookupError, ValueError, UnicodeError):
        return ""
    # Binary transforms (base64, zlib) are codecs too, told apart by this attribute only.
    if not getattr(info, "_is_text_encoding", False) or info.name.replace("-", "_") in _NO_CHARSETS:
        return ""
    return info.name


def _is_single_byte(charset: str) -> bool:
    return _NOT_ALNUM.sub("", charset).startswith(_SINGLE_BYTE_LABELS)


def _strict(raw: bytes, charset: str) -> str | None:
    try:
        text = raw.decode(charset)
        if charset.startswith("utf-7"):
            text.encode()  # it lets half a surrogate pair through, which nothing after us could store
        return text
    except (UnicodeError, LookupError, ValueError):
        return _eucjp(raw) if charset == "euc-jp" else None


def _guess(raw: bytes, labelled: str) -> tuple[str, str]:
    text = _strict(raw, "utf-8")
    if text is not None:
        return text, "utf-8"
    candidates = [(text, name) for name in ("cp932", "euc-jp") if (text := _strict(raw, name)) is not None]
    if candidates:
        return min(candidates, key=lambda candidate: len(_ODD.findall(candidate[0])))
    if labelled and not _is_single_byte(labelled):
        return raw.decode(labelled, "replace").encode("utf-8", "replace").decode(), labelled
    text = raw.decode("utf-8", "replace")
    if text.count("\ufffd") * 10 < sum(octet > 0x7F for octet in raw):
        return text, "utf-8"
    text = raw.decode("cp932", "replace")
    if text.count("\ufffd") * 10 < len(_CJK.findall(text)):
        return text, "cp932"
    return raw.decode("latin-1"), "iso-8859-1"


def _iso2022jp(raw: bytes) -> str:
    """ISO-2022-JP with everything that senders put into it: JIS X 0201 kana, 0208 with extensions, 0212, webcodes."""
    pieces: list[str] = []
    mode = b"(B"
    start = 0
    for escape in _ESCAPE.finditer(raw):
        pieces.append(_segment(raw[start : escape.start()], mode))
        start = escape.end()
        if escape[1]:
            mode = escape[1]
        elif escape[0] == b"\n":
            pieces.append("\n")
            mode = b"(B"
        else:
            mode = b"(I" if escape[0] == b"\x0e" else b"(B"
    pieces.append(_segment(raw[start:], mode))
    return "".join(pieces)


def _segment(raw: bytes, mode: bytes) -> str:
    if not raw:
        return ""
    if mode in (b"(B", b"(J", b"(H", b"&@"):
        return raw.decode("ascii") if raw.isascii() else _guess(raw, "")[0]
    if mode == b"(I":
        return bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in raw).decode("cp932", "replace")
    if mode[1:] in _WEBCODE_BASE:
        return "".join(chr(_WEBCODE_BASE[mode[1:]] + octet - 0x21) for octet in raw if octet >= 0x21)
    if mode == b"$(D":
        return _pairs(raw, lambda high, low: bytes((0x8F, high | 0x80, low | 0x80)).decode("euc_jp", "replace"))
    if mode in (b"$(O", b"$(P", b"$(Q"):
        return _pairs(raw, lambda high, low: (b"\x1b$(Q" + bytes((high, low))).decode("iso2022_jp_2004", "replace"))
    return _pairs(raw, _jis0208)


def _pairs(raw: bytes, convert: Callable[[int, int], str]) -> str:
    pieces = []
    position = 0
    while position < len(raw):
        high = raw[position]
        if position + 1 < len(raw) and high > 0x20 and raw[position + 1] > 0x20:
            pieces.append(convert(high & 0x7F, raw[position + 1] & 0x7F))
            position += 2
        else:
            pieces.append(chr(high) if high <= 0x20 else "\ufffd")
            position += 1
    return "".join(pieces)


def _jis0208(high: int, low: int) -> str:
    if not (0x21 <= high <= 0x7E and 0x21 <= low <= 0x7E):
        return "\ufffd"
    lead = ((high - 0x21) >> 1) + 0x81
    if lead > 0x9F:
        lead += 0x40
    trail = low + 0x7E if high % 2 == 0 else low + (0x1F if low < 0x60 else 0x20)
    text = bytes((lead, trail)).decode("cp932", "replace")
    if "\ufffd" in text:
        # Rows without a character are where au keeps its emoji: shown as a private-use character, never lost.
        return chr(0xE758 + ((high - 0x21) * 94 + low - 0x21) % 0x0EA0)
    return text


def _eucjp(raw: bytes) -> str | None:
    """EUC-JP with the Windows extensions that Python's codec refuses, or None."""
    pieces = []
    position = 0
    while position < len(raw):
        octet = raw[position]
        width = 1 if octet < 0x80 else 3 if octet == 0x8F else 2
        char = raw[position : position + width]
        if width > 1 and (len(char) < width or any(byte < 0xA1 for byte in char[1:])):
            return None
        if width == 1:
            pieces.append(chr(octet))
        elif octet >= 0xA1:
            pieces.append(_jis0208(octet & 0x7F, char[1] & 0x7F))
        else:
            try:
                pieces.append(char.decode("euc_jp"))
            except UnicodeError:
                return None
        position += width
    return "".join(pieces)
