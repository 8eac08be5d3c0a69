"""Mail whose labels are rare, wrong or not there at all is read as what it is."""

from __future__ import annotations

import binascii

import pytest

from mail.mime.reading import read

SAID = "3でお願いします。\n木曜の午後です。\n"


def uuencoded(content: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45))
    return b"begin 644 text\n" + lines + b"`\nend\n"


@pytest.mark.parametrize("label", ["x-uuencode", "UUENCODE", "x-uue"])
def test_a_text_that_is_uuencoded_as_a_whole_is_read(label: str) -> None:
    head = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {label}\n\n".encode()
    assert read(head + uuencoded(SAID.encode())).text == SAID
    assert read(head + SAID.encode()).text == SAID  # the label lies
    assert read(head + uuencoded(SAID.encode())[:-40]).text.startswith("3でお願い")


def test_a_page_without_any_label_is_a_page() -> None:
    assert read(f"Subject: x\n\n<html><body><p>{SAID}</p></body></html>".encode()).text.startswith("3でお願い")
    assert read(b"Subject: x\n\n<3 kisses> 2").text.strip() == "<3 kisses> 2"


@pytest.mark.parametrize("label", ["utf-16", "UTF-16LE", "utf-32"])
def test_a_wide_label_on_narrow_text_is_not_believed(label: str) -> None:
    head = f"Content-Type: text/plain; charset={label}\nContent-Transfer-Encoding: 8bit\n\n".encode()
    assert read(head + (SAID + SAID).encode()).text == SAID + SAID
