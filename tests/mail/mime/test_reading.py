"""Reading: whatever a phone sends comes out as the words that were typed, and nothing makes the reader fall over."""

from __future__ import annotations

import base64

import pytest

from mail.mime.reading import read

JIS = "iso2022_jp"


def mail(body: bytes, *headers: str | bytes) -> bytes:
    lines = [header.encode() if isinstance(header, str) else header for header in headers]
    return b"\r\n".join([b"From: taro@docomo.ne.jp", *lines, b"", body])


@pytest.mark.parametrize(
    ("label", "body", "text", "used"),
    [
        ("iso-2022-jp", "3でお願いします".encode(JIS), "3でお願いします", "iso-2022-jp"),
        ("iso-2022-jp", b"\x1b$B-!-j\x1b(B", "①㈱", "iso-2022-jp"),
        ("ISO-2022-JP-MS", b"\x1b$B\x7c\x62\x1b(B", "髙", "iso-2022-jp"),
        ("cp50221", b"\x1b(I:]\x1b(B", "ｺﾝ", "iso-2022-jp"),
        ("iso-2022-jp", b"\x1b$B%F%9%H\x1b(B 2\r\n\x1b$B$G$9\x1b(B", "テスト 2\nです", "iso-2022-jp"),
        ("Shift_JIS", "髙橋①㈱ﾃｽﾄ".encode("cp932"), "髙橋①㈱ﾃｽﾄ", "cp932"),
        ("Windows-31J", "3番で".encode("cp932"), "3番で", "cp932"),
        ("x-sjis", "3番で".encode("cp932"), "3番で", "cp932"),
        ("euc-jp", "良好です".encode("euc_jp"), "良好です", "euc-jp"),
        ("euc-jp", b"\xad\xa1\xcc\xbe", "①名", "euc-jp"),
        ("utf-8", "良好です".encode(), "良好です", "utf-8"),
        ("iso-2022-jp", "欠席します".encode("cp932"), "欠席します", "cp932"),
        ("utf-8", "欠席します".encode("cp932"), "欠席します", "cp932"),
        ("us-ascii", "欠席します".encode(), "欠席します", "utf-8"),
        ("iso-8859-1", "欠席します".encode(), "欠席します", "utf-8"),
        ("Shift_JIS", "欠席します".encode(), "欠席します", "utf-8"),
        ("Shift_JIS", "Ⅱ".encode(), "Ⅱ", "utf-8"),
        ("euc-jp", "👍".encode(), "👍", "utf-8"),
        ("Shift_JIS", "ﾃｽ".encode("cp932"), "ﾃｽ", "cp932"),
        ("iso-8859-1", "はい、２です".encode("cp932"), "はい、２です", "cp932"),
        ("windows-1252", "はい、２です".encode("euc_jp"), "はい、２です", "euc-jp"),
        ("iso-8859-1", "Müller café".encode("latin-1"), "Müller café", "iso-8859-1"),
        ("iso-8859-1", b"\x93x\x94", "“x”", "iso-8859-1"),
        ("gb2312", "你好，镕".encode("gbk"), "你好，镕", "gb18030"),
        ("iso-2022-jp", b"2 $B$G$9\x1b(B (B".replace(b"\x1b", b""), "2 です (B", "iso-2022-jp"),
        ("utf-8", b"$B$G$9(B", "$B$G$9(B", "utf-8"),
        ("cp51932", b"\xad\xa1\xb9\xe2", "①高", "euc-jp"),
        ("iso-2022-jp", b"\x1b$B\x76\x7d\x1b(B", "\ue522", "iso-2022-jp"),  # au's emoji of a boxed 1
        ("us-ascii", "欠席".encode(JIS), "欠席", "iso-2022-jp"),
        ("no-such-charset", "欠席します".encode("euc_jp"), "欠席します", "euc-jp"),
        ("punycode", b"abc-def", "abc-def", "us-ascii"),
        ("utf-8", "がくどう".encode(), "がくどう", "utf-8"),
    ],
)
def test_japanese_in_every_charset_and_under_wrong_labels(label: str, body: bytes, text: str, used: str) -> None:
    parsed = read(mail(body, f"Content-Type: text/plain; charset={label}"))
    assert parsed.text.strip() == text
    assert parsed.charset == used


def test_no_label_at_all() -> None:
    assert read(mail("欠席します".encode("cp932"))).text.strip() == "欠席します"


def test_names_keep_their_characters() -> None:
    assert "神﨑" in read(mail("神﨑".encode(), "Content-Type: text/plain; charset=utf-8")).text


def b_word(text: str, charset: str) -> str:
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


def test_subjects_with_encoded_words_in_any_mixture() -> None:
    half = base64.b64encode("出席".encode()[:4]).decode(), base64.b64encode("出席".encode()[4:]).decode()
    assert read(mail(b"", f"Subject: =?utf-8?B?{half[0]}?=\r\n =?utf-8?B?{half[1]}?=")).subject == "出席"
    assert (
        read(mail(b"", f"Subject: Re: {b_word('個人', 'iso-2022-jp')} 3 {b_word('面談', 'utf-8')}")).subject
        == "Re: 個人 3 面談"
    )
    assert read(mail(b"", b"Subject: Re: " + "個人面談".encode("cp932"))).subject == "Re: 個人面談"
    assert read(mail(b"", b"Subject: " + "個人面談".encode(JIS))).subject == "個人面談"
    assert read(mail(b"", "Subject: =?utf-8?Q?=E5=87=BA=E5=B8=AD_3?=")).subject == "出席 3"


def test_no_line_end_hides_in_a_header() -> None:
    hidden = base64.b64encode(b"a\r\nBcc: x@example.net\x00").decode()
    parsed = read(mail(b"", f"Subject: =?utf-8?B?{hidden}?="))
    assert "\n" not in parsed.subject
    assert "\x00" not in parsed.subject


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("Taro <Taro@Docomo.ne.jp>", "taro@docomo.ne.jp"),
        ("da.me..@docomo.ne.jp", "da.me..@docomo.ne.jp"),
        ('"a@b" <foo..@ezweb.ne.jp>', "foo..@ezweb.ne.jp"),
        ('"foo.."@docomo.ne.jp', "foo..@docomo.ne.jp"),
        ("=?utf-8?B?PHhAeS5qcD4=?= <taro@example.jp>", "taro@example.jp"),
        ("taro@example.jp (太郎)", "taro@example.jp"),
        ("undisclosed:;", ""),
        ("太郎<たろう> <taro@example.jp>", "taro@example.jp"),
        ("", ""),
    ],
)
def test_the_sender_is_an_address_or_nothing(value: str, sender: str) -> None:
    assert read(f"From: {value}\r\n\r\n".encode()).sender == sender


def test_a_from_with_raw_shift_jis_keeps_its_address() -> None:
    assert read(b"From: " + "山田ソ".encode("cp932") + b" <taro@example.jp>\r\n\r\n").sender == "taro@example.jp"


def multipart(kind: str, *parts: bytes) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    return mail(body, f"Content-Type: multipart/{kind}; boundary=x")


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def test_the_part_that_a_person_wrote_is_chosen() -> None:
    assert read(multipart("alternative", PLAIN + b"2", HTML + b"<p>2</p>")).text == "2\n"
    blank = read(multipart("alternative", PLAIN + b" \r\n", HTML + b"<p>3</p>"))
    assert (blank.text, blank.html_only) == ("3\n", True)
    attached = b"Content-Type: text/plain; name=memo.txt\r\nContent-Disposition: attachment\r\n\r\n1"
    assert read(multipart("mixed", attached, PLAIN + b"2")).text == "2\n"
    assert read(multipart("mixed", PLAIN + b"2", b"Content-Type: image/jpeg\r\n\r\nxx", PLAIN + b"!")).text == "2\n!\n"
    forwarded = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n1"
    assert read(multipart("mixed", PLAIN + b"2", forwarded)).text == "2\n"


def test_html_is_read_as_it_is_seen() -> None:
    page = (
        "<style>p{1}</style><div hidden>1</div><span style='display: none'>2</span><!-- 3 --><p>4&amp;で<br>お願い</p>"
        "<blockquote type=cite>元の<br>文</blockquote><script>5</script>あと"
    )
    assert (
        read(mail(page.encode(), "Content-Type: text/html; charset=utf-8")).text == "4&で\nお願い\n> 元の\n> 文\nあと\n"
    )


def test_flowed_lines_are_joined() -> None:
    parsed = read(mail(b"a \r\nb\r\n> c \r\n> d\r\n-- \r\nx", "Content-Type: text/plain; format=flowed"))
    assert parsed.text == "a b\n> c d\n-- \nx\n"


def test_references_stand_nearest_first() -> None:
    parsed = read(mail(b"", "Message-ID: <m@x>", "References: <1@x>\r\n <2@x>", "In-Reply-To: <2@x>"))
    assert parsed.message_id == "<m@x>"
    assert parsed.references == ("<2@x>", "<1@x>")


def test_a_folded_header_is_one_value() -> None:
    assert read(mail(b"", "Subject: a\r\n b\r\n\tc", "X-Next: d")).subject == "a b c"


def test_headers_are_lower_case_and_complete() -> None:
    parsed = read(mail(b"", "X-A: 1", "x-a: 2"))
    assert parsed.headers["x-a"] == ("1", "2")
    assert parsed.header("x-a") == "1"
    assert parsed.header("none") == ""


def test_an_answer_does_not_show_in_its_representation() -> None:
    assert "taro" not in repr(read(mail(b"secret", "Subject: secret")))
    assert "secret" not in repr(read(mail(b"secret", "Subject: secret")))
