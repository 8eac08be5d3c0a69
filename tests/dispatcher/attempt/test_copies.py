"""What stands on a copy does not change by accident: parents' replies, filters and carriers depend on every line.

The files in golden/ are whole copies with their envelope, one for each kind of mail that leaves the harness.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.events.delivery import DeliveryBatch
from contracts.sealed import CardFields, MessageContent, RecipientCard, Sealed
from dispatcher.attempt.copies import CopyHeaders, CopyWriter
from dispatcher.smtp.connection import Envelope
from mail.outgoing.dkim_keys import DkimKey, DkimKeys
from mail.outgoing.rendering import RenderingError

UNSIGNED = DkimKeys()
GOLDEN = Path(__file__).parent / "golden"
NEWS = MessageContent(
    from_name="さくら小学校",
    subject="臨時休校のお知らせ",
    text="本日は臨時休校です。\n台風のため、明日も休校とします。\n",
    list_name="さくら小学校",
)
ABOUT_A_CHILD = MessageContent(
    from_name="さくら小学校 保健室",
    subject="{{child}}さんの健康調査",
    text="{{ child }}さんの今朝の様子を、番号で返信してください。\n1 良好\n2 せきあり\n3 発熱あり\n{{unknown}}\n",
    list_name="さくら小学校",
)
ENGLISH = MessageContent(from_name="Sakura School", subject="Pool closed", text="The pool is closed.\n.\n\n\n")
MIXED = MessageContent(
    from_name="Sakura", subject="Pool", text="The pool (プール) is closed today because of rain.\n" * 4
)
ANSWER = MessageContent(
    from_name="さくら小学校", subject="{{topic}}", text="{{name}}さん\n\n最新のお知らせです。\n", automatic=True
)

CASES: dict[str, tuple[MessageContent, dict[str, Any], str, dict[str, str], CardFields | None]] = {
    "news": (NEWS, {}, "taro.yamada@docomo.ne.jp", {}, None),
    "news-second-wave": (NEWS, {"wave": 2}, "taro@example.jp", {"name": "unused"}, None),
    "news-to-an-odd-address": (NEWS, {}, "foo..bar@ezweb.ne.jp", {}, None),
    "news-to-an-odd-address-elsewhere": (NEWS, {"reply_kind": None}, ".foo@gmail.com", {}, None),
    "about-a-child": (ABOUT_A_CHILD, {}, "hanako@softbank.ne.jp", {"child": "山田 太郎"}, None),
    "english": (ENGLISH, {"reply_kind": "post"}, "head@example.jp", {}, None),
    "mixed": (MIXED, {"reply_kind": "leave"}, "head@example.jp", {}, None),
    "automatic-answer": (
        ANSWER,
        {"reply_kind": None, "null_sender": True},
        "grandmother@example.jp",
        {"name": "祖母"},
        CardFields(fields={"topic": "今日の予定", "name": "?"}),
    ),
    "guide": (ANSWER, {"reply_kind": "registration", "null_sender": True}, "new@au.com", {"name": "母"}, None),
}


def writer(
    content: MessageContent, extra: CardFields | None = None, *, dkim_keys: DkimKeys = UNSIGNED, **fields: Any
) -> CopyWriter:
    values: dict[str, Any] = {
        "id": "b",
        "occurred_at": datetime(2026, 4, 8, 9, 0, tzinfo=UTC),
        "batch": "4711-1-1",
        "unit": "sakura",
        "lane": "ordinary",
        "carrier": "other",
        "message": 4711,
        "reply_kind": "answer",
        "recipients": Sealed(recipient="dispatcher", key_id="d1", box="AAAA"),
        "first_planned_at": datetime(2026, 4, 8, 8, 59, 30, tzinfo=UTC),
        **fields,
    }
    batch = DeliveryBatch(**values)
    headers = CopyHeaders("renraku.example", b"k" * 32, "https://info.renraku.example/100%25", dkim_keys)
    return CopyWriter(headers, batch, headers.compile(batch, content), extra)


def written(name: str) -> Envelope:
    content, fields, address, card, extra = CASES[name]
    return writer(content, extra, **fields).write(
        RecipientCard(copy_ref=815, address=address, fields=card), address, relayed=True
    )


@pytest.mark.parametrize("name", CASES)
def test_a_copy_stays_as_it_is_known(name: str) -> None:
    envelope = written(name)
    shown = f"MAIL FROM:<{envelope.sender}>\r\nRCPT TO:<{envelope.recipient}>\r\n".encode() + envelope.text
    assert shown == (GOLDEN / f"{name}.txt").read_bytes()


@pytest.mark.parametrize(
    "address", ["a@x.jp>\r\nBcc: <b@x.jp", "a b@x.jp", "a@x.jp\n", "太郎@x.jp", "a%sb@x.jp\r\n.\r\n"]
)
def test_an_address_that_could_forge_a_line_makes_no_copy(address: str) -> None:
    with pytest.raises(RenderingError) as refused:
        writer(NEWS).write(RecipientCard(copy_ref=1, address=address), address, relayed=False)
    assert address not in str(refused.value)


def test_a_percent_sign_is_nothing_special() -> None:
    address = "100%s%d%%@x.jp"
    text = writer(NEWS).write(RecipientCard(copy_ref=1, address=address), address, relayed=False).text
    assert f"To: <{address}>\r\n".encode() in text


def test_a_writer_serves_several_threads_at_once() -> None:
    shared = writer(ABOUT_A_CHILD, dkim_keys=DkimKeys([DkimKey("*", "e1", Ed25519PrivateKey.generate())]))
    cards = [RecipientCard(copy_ref=n, address=f"p{n}@x.jp", fields={"child": f"児童{n}"}) for n in range(1, 400)]

    def write(card: RecipientCard) -> Envelope:
        return shared.write(card, card.address, relayed=False)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, cards)) == [write(card) for card in cards]
