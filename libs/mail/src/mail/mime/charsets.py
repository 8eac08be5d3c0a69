"""Octets to text, for the mail that Japanese phones and PCs really send. Never raises.

Order of trust: the label where it is known and fits, then escape sequences, strict UTF-8, CP932 against EUC-JP (the
one that yields fewer half-width kana), and Latin-1 last. A label that fits is not believed where it turns what is
certainly Japanese into rubbish. ISO-2022-JP and the Windows extensions of EUC-JP are read by `mail.mime.jis`.
"""

from __future__ import annotations

import re
import unicodedata
from encodings import normalize_encoding
from encodings.aliases import aliases

from mail.mime import jis

_ISO2022 = "iso-2022-jp"
_LATIN1 = "iso-8859-1"
_LABELS = {
    "cp932": "shiftjis sjis xsjis windows31j cswindows31j cp932 ms932 mskanji csshiftjis sjiswin ibm943 cp943 xmscp932 "
    "shiftjis2004 shiftjisx0213 sjis2004 shiftjiswin xshiftjis",
    _ISO2022: "iso2022jp csiso2022jp iso2022jpms iso2022jp1 iso2022jp2 iso2022jp3 iso2022jp2004 iso2022jpext "
    "xiso2022jp jis cp50220 cp50221 cp50222 xwindows50220 xwindows50221 xwindowsiso2022jp",
    "euc-jp": "eucjp xeucjp ujis eucjpms eucjpwin cp51932 cseucpkdfmtjapanese eucjpopen xeucjplinux eucjis2004",
    "utf-8": "utf8 xutf8 unicode11utf8 utf8mb4 utf8n xunicode20utf8 utf8sig utf8bom",
    "windows-1252": "cp1252 windows1252 xcp1252 ansi",
    "cp874": "windows874 cp874 iso885911 tis620",
    "iso-8859-8": "iso88598i iso88598e",
    "gb18030": "gb2312 gbk gb18030 xgbk euccn cp936 csgb2312",
    "utf-7": "utf7 unicode11utf7 csunicode11utf7 xunicode20utf7",
    "": "usascii ascii ansix34 ansix341968 iso646us us 646 unknown8bit unknown xunknown default binary 8bit none auto "
    "charset usascii8bit",
}
_ALIASES = {label: charset for charset, labels in _LABELS.items() for label in labels.split()}
# Text codecs of Python that no mail is in; base64 and its kind are told apart as no text at all. Asking the codecs
# themselves would import a module for each name that a mail invents, and remember the name for ever.
_NO_CHARSETS = {
    "punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem",
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec",
}  # fmt: skip
_KNOWN = set(aliases.values()) | {"koi8_u", "cp874", "cp720", "cp737", "cp856", "koi8_t", "latin_1"}
_NOT_ALNUM = re.compile(r"[^a-z0-9]")
_PYTHON_NAME = re.compile(r"^(?:(iso)_?(8859)_?|cp(?=125\d))")
_CJK = re.compile("[\u3000-\u9fff\uff00-\uff9f]")
_THREE_OCTETS = re.compile("[\u2010-\ud7ff\uf900-\U0010ffff]")
_HIRAGANA = re.compile("[\u3041-\u3096]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_VOICED = re.compile("[\u3041-\u30ff][\u3099\u309a]")
_ODD = re.compile("[\uff61-\uff9f\ue000-\uf8ff]")
_C1 = re.compile(rb"[\x80-\x9f]")
_LOOKED_AT = 4000
_SINGLE_BYTE_LABELS = ("iso8859", "latin", "windows125", "cp125", "koi8", "mac")


def decode(raw: bytes, label: str | None = None) -> tuple[str, str]:
    """Return the text and the name of the charset that was really used, which may hold no surrogate.

    Kana with a voicing mark apart (as macOS writes them) are composed; nothing else is normalised, because that would
    change the characters of names.
    """
    text, used = _decode(raw, label)
    if "\u3099" in text or "\u309a" in text:
        text = _VOICED.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)
    return text, used


def _decode(raw: bytes, label: str | None) -> tuple[str, str]:
    charset = _charset_of(label)
    ascii_only = raw.isascii()
    if charset == _ISO2022 and ascii_only and b"\x1b" not in raw:
        raw = jis.with_escapes(raw)
    if jis.is_escaped(raw) and charset != "utf-7" and (charset in ("", _ISO2022, "cp932") or ascii_only):
        return jis.from_iso2022(raw, lambda octets: _guess(octets, "")[0]), _ISO2022
    if ascii_only and charset in ("", "utf-8", "cp932", "euc-jp", _ISO2022):
        return raw.decode("ascii"), charset or "us-ascii"
    if not charset or charset == _ISO2022:
        return _guess(raw, "")
    if charset != "utf-8" and not ascii_only and not charset.startswith("utf"):
        # A label that lies: characters of three octets or more in valid UTF-8 are next to impossible by chance.
        text = _strict(raw, "utf-8")
        if text is not None and (_THREE_OCTETS.search(text) or _is_single_byte(charset)):
            return text, "utf-8"
        if _is_single_byte(charset) and (japanese := _certainly_japanese(raw)):
            return japanese
    if (
        charset.startswith(("utf-16", "utf-32"))
        and b"\0" not in raw[:_LOOKED_AT]
        and _CJK.search(_strict(raw, "utf-8") or "")
    ):
        return _guess(raw, "")  # of these no text is without a NUL, but for one without spaces and line ends
    text = _strict(raw, charset)
    if text is not None:
        return text, charset
    return _guess(raw, charset)


def _charset_of(label: str | None) -> str:
    """The name that we know a label by, as IANA writes it if Python's differs; "" for none and for nonsense."""
    if not label:
        return ""
    bare = label.lower()[:60].strip(" \"'")
    plain = _NOT_ALNUM.sub("", bare)
    if plain in _ALIASES:
        return _ALIASES[plain]
    name = normalize_encoding(bare)
    name = aliases.get(name, name)
    if name not in _KNOWN or name in _NO_CHARSETS:
        return ""
    return _LATIN1 if name == "latin_1" else _PYTHON_NAME.sub(_iana, name).replace("_", "-")


def _iana(found: re.Match[str]) -> str:
    return "iso-8859-" if found[1] else "windows-"


def _is_single_byte(charset: str) -> bool:
    return _NOT_ALNUM.sub("", charset).startswith(_SINGLE_BYTE_LABELS)


def _certainly_japanese(raw: bytes) -> tuple[str, str] | None:
    """Text under a Western label that is Japanese in octets which no Western text has side by side."""
    for name in ("cp932", "euc-jp"):
        text = _strict(raw, name)
        if text is None or _ODD.search(text):
            continue
        if len(_HIRAGANA.findall(text)) * 5 > len(_BEYOND_ASCII.findall(text)):
            return text, name
    return None


def _strict(raw: bytes, charset: str) -> str | None:
    try:
        if charset == _LATIN1 and _C1.search(raw):
            return raw.decode("windows-1252", "replace")  # as every program reads it
        text = raw.decode(charset)
        if charset.startswith("utf"):
            text.encode()  # UTF-7 lets half a surrogate pair through, which nothing after us could store
        return text
    except (UnicodeError, LookupError, ValueError):
        return jis.from_eucjp(raw) if charset == "euc-jp" else None


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
    return raw.decode("windows-1252", "replace"), "windows-1252"
