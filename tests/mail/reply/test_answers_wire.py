"""From the octets that a phone sends to the answer: every simulated program, its charset and its habits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mail.mime.reading import read
from mail.reply.answers import answer_text, recognise
from simulator.client_styles import Style, reply
from simulator.incoming import Incoming
from tests.mail.reply.test_answers_clients import PLAIN

ORIGINAL = Incoming(
    subject="【緑小学校】健康調査",
    text=PLAIN,
    sender="info@midori.example.jp",
    sender_name="緑小学校",
    to="taro@example.jp",
    reply_to="r-abc@midori.example.jp",
    message_id="<r-abc.1@midori.example.jp>",
    references=(),
    date="Wed, 08 Apr 2026 09:00:00 +0900",
    automatic=False,
    list_unsubscribe="",
)
ANSWERS = (
    "3です",
    "③でお願いします。",
    "３",
    "発熱ありです。\n熱は37.8度です。\n\n髙﨑 花子",
    "3番 ﾖﾛｼｸｵﾈｶﾞｲｼﾏｽ",
    "3️⃣ 🤒",
)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("style", Style)
def test_the_answer_of_every_simulated_program(style: Style, answer: str) -> None:
    if style is Style.FEATURE_PHONE and "\n" in answer:
        pytest.skip("it answers in the subject")
    mail = reply(style, ORIGINAL, answer, sender="taro@example.jp", date=datetime(2026, 4, 8, 3, tzinfo=UTC))
    parsed = read(mail.raw)
    assert answer_text(parsed, PLAIN, sent_subject=ORIGINAL.subject) == answer
    assert answer_text(parsed, None) == answer
    assert recognise(answer, ("良好", "せきあり", "発熱あり")).number == 3
