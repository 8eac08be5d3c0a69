"""Rendering: every phone can read a copy, and nothing in it can forge a header."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.mime.reading import read
from mail.outgoing.rendering import SLOT, Rendering, RenderingError

DATE = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
SENDER = "info@midori.example.jp"


def rendering(subject: str = "お知らせ", text: str = "本文です。\n", **more: str) -> Rendering:
    return Rendering(subject, text, more.pop("from_name", "緑小学校"), SENDER, DATE, **more)


def copy(
    message: Rendering,
    to: str = "a@example.jp",
    message_id: str = "m@x.jp",
    reply_to: str | None = None,
    leave_mail: str | None = None,
    leave_url: str | None = None,
    fields: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    return message.form(message_id, reply_to, leave_mail, leave_url).copy(to, fields=fields)


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_copy_carries_everything_that_a_mail_server_and_a_parent_look_for() -> None:
    raw = copy(
        rendering(
            list_id="midori.example.jp", auto_submitted="auto-generated", feedback_id="7:midori:ordinary:renrakumo"
        ),
        "taro@docomo.ne.jp",
        "r-x.1@midori.example.jp",
        "r-x@midori.example.jp",
        "r-u@midori.example.jp",
        "https://e.jp/u",
    )
    message = parsed(raw)
    assert message["Subject"] == "お知らせ"
    assert message["From"] == "緑小学校 <info@midori.example.jp>"
    assert message["To"] == "taro@docomo.ne.jp"
    assert message["Reply-To"] == "r-x@midori.example.jp"
    assert message["Message-ID"] == "<r-x.1@midori.example.jp>"
    assert message["List-Id"] == "<midori.example.jp>"
    assert message["List-Unsubscribe"] == "<mailto:r-u@midori.example.jp>, <https://e.jp/u>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Feedback-ID"] == "7:midori:ordinary:renrakumo"
    assert message["X-Renrakumo"] == "1"
    assert message["Date"].datetime == DATE
    assert message.get_content() == "本文です。\r\n"
    assert not message.defects


def test_one_click_is_only_promised_where_there_is_a_url() -> None:
    raw = copy(rendering(), reply_to="r@x.jp", leave_mail="u@x.jp")
    assert b"List-Unsubscribe-Post" not in raw
    assert b"List-Unsubscribe" not in copy(rendering())


@given(st.text(max_size=300), st.text(max_size=120), st.text(max_size=2000))
def test_lines_are_short_and_crlf_and_the_header_is_ours_alone(subject: str, name: str, text: str) -> None:
    raw = copy(rendering(subject, text, from_name=name))
    head, _, body = raw.partition(b"\r\n\r\n")
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    assert names == [b"To", b"Message-ID", b"Subject", b"From", b"Date", b"X-Renrakumo", b"MIME-Version",
                     b"Content-Type", b"Content-Transfer-Encoding"]  # fmt: skip
    assert body.endswith(b"\r\n")


@given(st.text(alphabet=st.characters(categories=["L", "N", "So"]), min_size=1, max_size=200))
def test_no_character_is_split_between_encoded_words(subject: str) -> None:
    head = copy(rendering(subject)).partition(b"\r\n\r\n")[0]
    for word in head.split():
        if word.startswith(b"=?UTF-8?B?"):
            assert len(word) <= 75
            parsed(b"Subject: " + word + b"\r\n\r\n")["Subject"].encode("utf-8")
            assert "\ufffd" not in str(email.header.make_header(email.header.decode_header(word.decode())))
    assert read(head + b"\r\n\r\n").subject == " ".join(subject.split())


def test_a_line_end_in_a_name_or_subject_becomes_a_blank() -> None:
    raw = copy(rendering("件名\r\nBcc: x@example.net", from_name="学校\nX: y"))
    message = parsed(raw)
    assert message["Subject"] == "件名 Bcc: x@example.net"
    assert message["Bcc"] is None
    assert message["X"] is None


@pytest.mark.parametrize(
    "bad", ["a@example.jp>\r\nBcc: <x@example.net", "a b@example.jp", "a@example.jp\x00", "a@例.jp"]
)
def test_an_address_that_could_forge_a_header_is_refused(bad: str) -> None:
    with pytest.raises(RenderingError) as refused:
        copy(rendering(), bad)
    assert "example" not in str(refused.value)
    with pytest.raises(RenderingError):
        copy(rendering(), reply_to=bad.replace(SLOT, "\r"))


def test_placeholders_are_filled_once_and_unknown_ones_stay() -> None:
    message = rendering("{{child}}さんについて", "{{child}}さん、{{ other }}と{{child}}\n")
    raw = copy(message, fields={"child": "{{other}}\r\n", "unused": "x"})
    parsed = read(raw)
    assert parsed.subject == "{{other}} さんについて"
    assert parsed.text.startswith("{{other}}\n")
    assert "{{ other }}と{{other}}" in parsed.text


def test_copies_of_a_plain_message_share_its_encoded_body() -> None:
    shared = rendering()
    one, other = copy(shared), copy(shared, "b@example.jp", "2@x.jp")
    assert one.partition(b"\r\n\r\n")[2] == other.partition(b"\r\n\r\n")[2]


def test_nothing_personal_shows_in_its_representation() -> None:
    assert "本文" not in repr(rendering())


@pytest.mark.parametrize(
    "text", ["plain ascii\n", "mostly ascii with 日本 in it " * 20, "日本語だけ\n" * 30, "x" * 500, ".\n..\n"]
)
def test_what_we_write_is_what_is_read(text: str) -> None:
    assert read(copy(rendering(text=text))).text.strip() == text.strip()


def test_each_copys_tokens_come_where_their_slots_are_and_nowhere_else() -> None:
    message = rendering()
    form = message.form(f"{SLOT}.1@x.jp", f"{SLOT}@x.jp", f"{SLOT}@x.jp", f"https://x.jp/%s/100%25/{SLOT}")
    head = parsed(form.copy("a@example.jp", "r-a", "m-b", "r-c"))
    assert (head["Message-ID"], head["Reply-To"]) == ("<m-b.1@x.jp>", "r-a@x.jp")
    assert head["List-Unsubscribe"] == "<mailto:r-c@x.jp>, <https://x.jp/%s/100%25/r-c>"
    assert message.form("m@x.jp").copy("a@example.jp", "r-a", "m-b", "r-c") == copy(message)
