"""Reading header fields: subjects, names and parameters come out as they were meant, however a program broke them."""

from __future__ import annotations

import base64

import pytest

from mail.mime import headers
from mail.mime.reading import read


def subject(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return read(b"Subject: " + raw + b"\r\n\r\n").subject


def b(text: str, charset: str = "utf-8", label: str | None = None) -> str:
    return f"=?{label or charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (f"{b('個人')} {b('面談')}", "個人面談"),
        (f"{b('個人')}\r\n\t{b('面談')}", "個人面談"),
        (f"{b('個人')}{b('面談')}", "個人面談"),
        (f"{b('個人')} abc {b('面談')}", "個人 abc 面談"),
        (f"{b('個人', 'cp932', 'Shift_JIS')} {b('面談', 'euc_jp', 'EUC-JP')}", "個人面談"),
        ("=?utf-8*ja?Q?=E5=87=BA?=", "出"),
        ("=?UTF-8?b?5Ye65bit?=", "出席"),
        ("=?utf-8?Q?=E5=87=BA=E5=B8=AD a b?=", "出席 a b"),
        ("=?utf-8?Q?what?=E5=87=BA?=", "what?出"),
        ("=?utf-8?B?5Ye65bit", "出席"),
        ("=?utf-8?B?5Ye65bit =?utf-8?B?5Ye65bit?=", "出席出席"),
        ("=?utf-8?Q?=E5=87=BA=E5=B8=AD", "出席"),
        ("=?utf-8?B?5Ye65bit====?=", "出席"),
        ("=?utf-8?B?5Ye65bi?= =?utf-8?B?t5Ye65bit?=", "出席出席"),  # base64 cut between its groups of four
        ("=?utf-8?B?5Ye65b?= =?utf-8?B?it?=", "出席"),
        ("=?iso-2022-jp?B?GyRCJCI=?= =?iso-2022-jp?B?JCQbKEI=?=", "あい"),  # no escape back to ASCII between the words
        ("=?nonsense?B?5Ye65bit?=", "出席"),
        ("=??B?5Ye65bit?=", "=??B?5Ye65bit?="),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("a =? b ?= c", "a =? b ?= c"),
        (b"\xef\xbb\xbfabc", "abc"),
        ("個人".encode("euc_jp"), "個人"),
        ("面談①".encode("cp932") + b" " + b("面談").encode(), "面談① 面談"),
        (b"\x1b$B\x25\x46\x25\x39\x25\x48\x1b(B", "テスト"),
        ("=?utf-7?Q?+MEI-?=", "あ"),
        ("=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        ("=?utf-8?Q?=00=07a=7F?=", "a"),
    ],
)
def test_encoded_words_whole_and_broken(value: str | bytes, text: str) -> None:
    assert subject(value) == text


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc_jp", "iso2022_jp"])
def test_a_character_split_between_two_words_is_one(charset: str) -> None:
    octets = "個人面談のお知らせ".encode(charset)
    label = {"cp932": "Shift_JIS", "euc_jp": "EUC-JP", "iso2022_jp": "ISO-2022-JP"}.get(charset, charset)
    for cut in range(len(octets)):
        halves = (base64.b64encode(half).decode() for half in (octets[:cut], octets[cut:]))
        assert subject("\r\n ".join(f"=?{label}?B?{half}?=" for half in halves)) == "個人面談のお知らせ"


@pytest.mark.parametrize(
    ("value", "main", "parameters"),
    [
        ("text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ('TEXT/Plain ; Charset = "UTF-8" ;', "text/plain", {"charset": "UTF-8"}),
        ("text/plain charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ("text/plain (comment); charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ("text/plain;; charset=a; charset=b", "text/plain", {"charset": "a"}),
        (r'a/b; name="x\"y;z"', "a/b", {"name": 'x"y;z'}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("attachment; filename*=utf-8'ja'%E5%86%99%E7%9C%9F.jpg", "attachment", {"filename": "写真.jpg"}),
        ("attachment; filename*0*=utf-8''%E5%86; filename*1*=%99%E7%9C; filename*2=%9F", "attachment", None),
        ("attachment; filename*1*=%9C%9F; filename*0*=utf-8''%E5%86%99%E7", "attachment", {"filename": "写真"}),
        ("attachment; filename*=cp932''%8E%CA%90%5E", "attachment", {"filename": "写真"}),
        (f'attachment; filename="{b("写真.jpg")}"', "attachment", {"filename": "写真.jpg"}),
        ("", "", {}),
        (";;;=;", "", {}),
    ],
)
def test_parameters_as_they_are_really_written(value: str, main: str, parameters: dict[str, str] | None) -> None:
    found = headers.parameters(value.encode())
    assert found[0] == main
    if parameters is not None:
        assert found[1] == parameters


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc_jp", "iso2022_jp"])
def test_a_raw_file_name_is_read(charset: str) -> None:
    value = b'attachment; filename="' + "写真です.jpg".encode(charset) + b'"'
    assert headers.parameters(value)[1]["filename"] == "写真です.jpg"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xef\xbb\xbfSubject: s\r\n\r\n2", "2\n"),
        (b"\r\n\r\nSubject: s\r\n\r\n2", "2\n"),
        (b" \t\r\nSubject: s\r\n\r\n2", "2\n"),
        (b"From parent Mon Apr 6 2026\r\nSubject: s\r\n\r\n2", "2\n"),
        (b"Subject: s\r\rline\r2", "line\n2\n"),
        (b"Subject: s\n\nline\r2\r\n3", "line\n2\n3\n"),
        (b"Subject: s\r\n2\r\n", "2\n"),
        (b"Subject: s\r\n \r\n2 is\r\n", "2 is\n"),
        (b"Sub\0ject: s\0\r\n\r\n2", "2\n"),
        (b"Broken\r\nSubject: s\r\n\r\n2", "Broken\nSubject: s\n\n2\n"),
        (b"X: y\r\nbroken line\r\nSubject: s\r\nContent-Type: text/plain\r\n\r\n2", "2\n"),
        (b"Subject : s\r\n\r\n2", "2\n"),
        (b"SUBJECT: s\n\n2", "2\n"),
        (b"Subject: s", ""),
    ],
)
def test_header_and_body_are_told_apart(raw: bytes, text: str) -> None:
    parsed = read(raw)
    assert parsed.text == text
    assert parsed.subject == ("" if text.startswith("Broken") else "s")


def test_a_message_id_that_was_folded_in_its_middle_is_whole() -> None:
    parsed = read(b"In-Reply-To: <r-abc\r\n def@xx.example>\r\nReferences: (a) <c@d> junk <e@f>\r\n\r\n")
    assert parsed.references == ("<r-abcdef@xx.example>", "<e@f>", "<c@d>")


def test_references_that_are_too_long_keep_the_nearest() -> None:
    chain = b" ".join(b"<%d@x.example>" % number for number in range(5000))
    assert read(b"References: " + chain + b"\r\n\r\n").references[0] == "<4999@x.example>"
