"""Automatic mail: no robot is answered, and no person's answer is thrown away."""

from __future__ import annotations

import pytest

from mail.automatic import judge
from mail.reading import read


def letter(*headers: str, sender: str = "taro@docomo.ne.jp") -> bytes:
    return "\r\n".join([f"From: {sender}", *headers, "", "2"]).encode()


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied", "AUTO-SUBMITTED:auto-generated (failure)",
        "X-Autoreply: yes", "X-Autorespond: x",
        "Precedence: auto_reply", "Content-Type: multipart/report; boundary=x", "X-Renrakumo: 1",
        "X-Apple-Action: VACATION",
        "X-POST-MessageClass: 9; Autoresponder",
    ],
)  # fmt: skip
def test_a_robots_answer_counts_for_nothing(header: str) -> None:
    judged = judge(read(letter(header)), "taro@docomo.ne.jp")
    assert not judged.reply_allowed
    assert not judged.count_answer
    assert judged.why


@pytest.mark.parametrize("envelope", ["", "<>", " <> "])
def test_the_empty_envelope_sender_is_a_robot(envelope: str) -> None:
    judged = judge(read(letter()), envelope)
    assert (judged.reply_allowed, judged.count_answer) == (False, False)


@pytest.mark.parametrize(
    "header",
    ["Precedence: bulk", "Precedence: list", "List-Id: <a.b>", "List-Unsubscribe: <mailto:a@b>", "Feedback-ID: x",
     "X-Auto-Response-Suppress: DR, OOF, AutoReply", "X-Loop: other@example.net"],
)  # fmt: skip
def test_what_a_person_may_have_is_not_answered_but_counts(header: str) -> None:
    judged = judge(read(letter(header)), "taro@docomo.ne.jp")
    assert (judged.reply_allowed, judged.count_answer, judged.needs_look) == (False, True, False)


@pytest.mark.parametrize("sender", ["no-reply@shop.example.jp", "mailer-daemon@example.jp", "noreply-x@example.jp"])
def test_senders_that_nobody_reads_are_not_answered(sender: str) -> None:
    assert not judge(read(letter(sender=sender)), sender).reply_allowed


def test_a_subject_alone_is_shown_to_a_human() -> None:
    judged = judge(read(letter("Subject: Out of Office AutoReply: x")), "taro@docomo.ne.jp")
    assert (judged.reply_allowed, judged.count_answer, judged.needs_look) == (False, True, True)
    robot = judge(
        read(letter("Subject: 自動返信：受け付けました", sender="noreply@shop.example.jp")), "noreply@shop.example.jp"
    )
    assert (robot.reply_allowed, robot.count_answer) == (False, False)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Subject: Re: 【自動返信】受付",
        "Subject: Out of office hours でも参加できますか",
        "X-Mailer: iPhone",
    ],
)
def test_people_are_people(header: str) -> None:
    judged = judge(read(letter(header)), "taro@docomo.ne.jp")
    assert (judged.reply_allowed, judged.count_answer, judged.needs_look) == (True, True, False)


def test_a_mail_that_goes_round_is_a_loop() -> None:
    assert not judge(read(letter(*["Received: x"] * 30)), "taro@docomo.ne.jp").count_answer
