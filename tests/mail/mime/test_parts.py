"""Reading mails of many parts: what a person wrote is found among pictures, signatures and forwarded mail."""

from __future__ import annotations

import base64

import pytest

from mail.mime.reading import ParsedMail, read


def part(kind: str, text: str | bytes = "", *more: str, boundary: str = "") -> bytes:
    """`Content-Type: kind`, further fields, and a body."""
    label = f"; boundary={boundary}" if boundary else ""
    head = "\r\n".join((f"Content-Type: {kind}{label}", *more))
    return head.encode() + b"\r\n\r\n" + (text.encode() if isinstance(text, str) else text)


def plain(text: str) -> bytes:
    return part("text/plain; charset=utf-8", text)


def page(text: str) -> bytes:
    return part("text/html; charset=utf-8", text)


def together(kind: str, *parts: bytes, boundary: str = "b", more: str = "") -> bytes:
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + each + b"\r\n" for each in parts)
    return part(f"multipart/{kind}{more}", body + f"--{boundary}--\r\n".encode(), boundary=boundary)


def parsed(tree: bytes) -> ParsedMail:
    return read(b"From: taro@docomo.ne.jp\r\nSubject: s\r\n" + tree)


PHOTO = part("image/jpeg; name=photo.jpg", b"/9j/4AAQ", "Content-Transfer-Encoding: base64")
INLINE = part("image/gif", b"R0lGODlh", "Content-ID: <x>", "Content-Transfer-Encoding: base64")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (together("mixed", plain("2です"), PHOTO), "2です\n"),
        (together("mixed", PHOTO, plain("2です")), "2です\n"),
        (together("mixed", plain("2です"), PHOTO, plain("以上")), "2です\n以上\n"),
        (together("mixed", page("<b>2</b>です"), PHOTO, page("<p>以上</p>")), "2です\n以上\n"),
        (together("signed", plain("2です"), part("application/pkcs7-signature; name=smime.p7s", "MIIB")), "2です\n"),
        (together("signed", plain("2です"), part("application/pgp-signature", "-----BEGIN")), "2です\n"),
        (together("mixed", plain("2です"), part("application/ms-tnef; name=winmail.dat", "eJ8+")), "2です\n"),
        (together("mixed", plain("2です"), part("message/rfc822", "Subject: x\r\n\r\n1です")), "2です\n"),
        (together("mixed", plain("2です"), part("text/calendar", "BEGIN:VCALENDAR")), "2です\n"),
        (together("mixed", plain("2です"), part("text/x-vcard; name=a.vcf", "BEGIN:VCARD")), "2です\n"),
        (together("mixed", plain("2です\n以上"), page("<p>2です<p>以上")), "2です\n以上\n"),
        (together("mixed", plain("はい"), PHOTO, plain("はい")), "はい\nはい\n"),
        (part("text/calendar", "BEGIN:VCALENDAR"), ""),
        (together("related", page("2<img src='cid:x'>です"), INLINE), "2です\n"),
        (together("related", INLINE, plain("2です")), "2です\n"),
        (together("related", INLINE, part("text/html", "2", "Content-ID: <a>"), more='; start="<a>"'), "2\n"),
        (together("digest", part("text/plain", "はじめに"), b"\r\nSubject: x\r\n\r\n1"), "はじめに\n"),
        (together("nonsense", plain("2です")), "2です\n"),
        (together("report", plain("不達です"), part("message/delivery-status", "Action: failed")), "不達です\n"),
    ],
)
def test_what_a_person_wrote_beside_what_a_program_adds(tree: bytes, text: str) -> None:
    assert parsed(tree).text == text


def test_a_decorated_mail_is_read() -> None:
    # Decomail: mixed > related > alternative, with the emoji as pictures.
    both = together(
        "alternative", plain("2です"), page("<body bgcolor='#ff99cc'>2です<img src='cid:x'></body>"), boundary="c"
    )
    tree = together("mixed", together("related", both, INLINE, boundary="r"), boundary="m")
    assert (parsed(tree).text, parsed(tree).html_only) == ("2です\n", False)


@pytest.mark.parametrize(
    ("said", "page_text", "text"),
    [
        ("2です", "2です", "2です\n"),
        ("", "2です", "2です\n"),
        (" \r\n\u200b\u3000", "2です", "2です\n"),
        ("2です", "<img src='cid:x'>", "2です\n"),
        ("2です", "", "2です\n"),
        ("このメールはHTML形式です。HTML対応のメールソフトでご覧ください。", "2です", "2です\n"),
        ("※このメールはＨＴＭＬ形式で送信されています。", "2です", "2です\n"),
        ("This is an HTML message. Please use an HTML capable viewer.", "2です", "2です\n"),
        ("Your mail client does not support HTML.", "2です", "2です\n"),
        ("HTMLメールは見られないので、2です", "", "HTMLメールは見られないので、2です\n"),
    ],
)
def test_of_two_versions_the_one_that_says_something(said: str, page_text: str, text: str) -> None:
    assert parsed(together("alternative", plain(said), page(page_text))).text == text


def test_the_only_text_is_read_whatever_it_is_called() -> None:
    assert (
        parsed(part("text/plain; name=body.txt", "2", "Content-Disposition: attachment; filename=body.txt")).text
        == "2\n"
    )
    assert parsed(together("mixed", PHOTO, part("text/plain; name=body.txt", "2"))).text == "2\n"
    assert parsed(together("mixed", plain("2"), part("text/plain; name=memo.txt", "1"))).text == "2\n"
    memo = part("text/plain; name=memo.txt", "1", "Content-Disposition: attachment")
    assert parsed(together("mixed", memo, PHOTO)).text == ""
    assert parsed(part("text/x-nonsense", "2")).text == "2\n"
    assert parsed(part("text", "2")).text == "2\n"
    assert parsed(part("nonsense", "2")).text == "2\n"


@pytest.mark.parametrize(
    "tree",
    [
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\n2\r\n--b--trailing\r\n',
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n2",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b  \r\n\r\n2\r\n--b--  \r\n",
        b"Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\n2\n--b--\nepilogue",
        b"Content-Type: multipart/mixed; boundary=b\r\r--b\r\r2\r--b--\r",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n2\r\n--bc\r\n--b--\r\n",
        b"Content-Type: multipart/mixed\r\n\r\n--lost\r\nContent-Type: text/plain\r\n\r\n2\r\n--lost--\r\n",
        b"Content-Type: multipart/mixed; boundary=wrong\r\n\r\n--right\r\nContent-Type: text/plain\r\n\r\n2\r\n--right--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n2",
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(b"--b\r\n\r\n2\r\n--b--\r\n"),
    ],
    ids=range(10),
)
def test_boundaries_that_are_missing_or_broken(tree: bytes) -> None:
    text = parsed(tree).text
    assert text.startswith("2")
    assert "Content" not in text


def test_an_inner_boundary_that_begins_like_the_outer_one() -> None:
    inner = together("alternative", plain("2です"), page("2です"), boundary="bb")
    assert parsed(together("mixed", inner, PHOTO, boundary="b")).text == "2です\n"


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("base64", base64.encodebytes("2です".encode()), "2です\n"),
        ("BASE64", b"Mg=", "2\n"),
        ("base64", b"Mg==\r\nMw==\r\n", "23\n"),
        ("base64", b"Mu\x00OBp+OBmeOAguOCiOOCjeOBl+OBj!+OBiumhmOOBhOOBl+OBvuOBmQ=!=", "2です。よろしくお願いします\n"),
        ("base64", "2です。よろしくお願いします".encode(), "2です。よろしくお願いします\n"),
        ("base64", base64.encodebytes("2です。".encode()) + b"\r\n-- \r\nScanned by an example", "2です。\n"),
        ("quoted-printable", b"2=E3=81=A7=\r\n=E3=81=99 ", "2です\n"),
        ("quoted-printable", b"2=ZZ=", "2=ZZ\n"),
        ("Quoted-Printable; x", b"=32", "2\n"),
        ("x-nonsense", b"2", "2\n"),
        ("8bit", "2です".encode(), "2です\n"),
    ],
)
def test_transfer_encodings_and_what_is_wrong_with_them(encoding: str, body: bytes, text: str) -> None:
    tree = part("text/plain; charset=utf-8", body, f"Content-Transfer-Encoding: {encoding}")
    assert parsed(tree).text.rstrip() == text.rstrip()


def test_files_typed_into_the_text_are_left_out() -> None:
    uu = "begin 644 photo.jpg\nM1TE&.#=A$P`3`*$``/___P```\n`\nend\n"
    assert parsed(plain(f"2です\n{uu}以上")).text == "2です\n以上\n"
    binhex = "(This file must be converted with BinHex 4.0)\n\n:$f*TEQKPH#jbH\n!N!3:\n"
    assert parsed(plain(f"2です\n{binhex}以上")).text.split() == ["2です", "以上"]
    assert parsed(plain("begin 100 things today\n2です")).text == "begin 100 things today\n2です\n"


def test_a_forwarded_mail_alone_is_nobodys_answer() -> None:
    assert parsed(part("message/rfc822", "Subject: x\r\n\r\n1です")).text == ""


def der(tag: int, content: bytes, *, until_mark: bool = False) -> bytes:
    if until_mark:
        return bytes((tag, 0x80)) + content + b"\0\0"
    length = len(content).to_bytes(4, "big")
    return bytes((tag, 0x84)) + length + content


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_mail_that_was_signed_as_a_whole_is_read(in_pieces: bool) -> None:
    inner = together("mixed", plain("2です"), PHOTO)
    content = der(0x04, inner)
    if in_pieces:
        content = der(0x24, der(0x04, inner[:40]) + der(0x04, inner[40:]), until_mark=True)
    data = bytes.fromhex("06092a864886f70d010701") + der(0xA0, content, until_mark=in_pieces)
    structure = der(
        0x30, bytes.fromhex("06092a864886f70d010702") + der(0xA0, der(0x30, b"\x02\x01\x01" + der(0x30, data)))
    )
    tree = part(
        "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
        base64.encodebytes(structure),
        "Content-Transfer-Encoding: base64",
    )
    assert parsed(tree).text == "2です\n"
    for cut in range(len(structure)):
        broken = part(
            "application/pkcs7-mime", base64.encodebytes(structure[:cut]), "Content-Transfer-Encoding: base64"
        )
        parsed(broken)
