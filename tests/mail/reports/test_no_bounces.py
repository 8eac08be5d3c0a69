"""What comes to the return address of a copy and is no report of non-delivery."""

from __future__ import annotations

import pytest

from mail.reports import bounces
from mail.reports.classification import Classification
from tests.mail.reports.written import TARO, mail

WARNINGS = [
    mail(
        "THIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\n"
        f"Delivery to the following recipient has been delayed:\n\n     {TARO}\n\nMessage will be retried for 2 more day(s)\n",
        sender="mailer-daemon@googlemail.com",
        subject="Delivery Status Notification (Delay)",
    ),
    mail(
        f"A message is delayed for more than 4 hours for the following\n    list of recipients:\n\n{TARO}: Network error\n\n"
        "    Please note that this is only a temporary failure report.\n    You DO NOT NEED to re-send the message to these recipients.\n",
        subject="Delivery status notification: warning",
    ),
    mail(
        f"A message that you sent has not yet been delivered to\n  {TARO}\nNo action is required on your part. Delivery attempts\n"
        "will continue for some time.\n",
        subject="Warning: message 1abc-def delayed 24 hours",
    ),
]


@pytest.mark.parametrize("raw", WARNINGS)
def test_a_warning_is_no_bounce(raw: bytes) -> None:
    bounce = bounces.read(raw)
    assert (bounce.is_bounce, bounce.hard, bounce.classification, bounce.recipients) == (
        False,
        False,
        Classification.DELAYED,
        (TARO,),
    )


PEOPLE = [
    mail("I am away. user unknown", sender="taro@example.jp", subject="Automatic reply: x", Return_Path="<>"),
    mail("10日に戻ります", sender="taro@example.jp", subject="不在通知", Return_Path="<>"),
    mail(
        "It says 550 5.1.1 user unknown <hana@example.com>, what is that?",
        sender="taro@example.jp",
        subject="Fwd: Undelivered",
    ),
    mail("Delivery of the parcel failed: 550 yen.", sender="shop@example.jp", subject="Your order"),
    mail(
        '{"notificationType":"Delivery","delivery":{"recipients":["taro@example.jp"]}}',
        sender="no-reply@sns.amazonaws.com",
    ),
]


@pytest.mark.parametrize("raw", PEOPLE)
def test_mail_of_people_and_vacation_notes_are_no_reports(raw: bytes) -> None:
    bounce = bounces.read(raw)
    assert not bounce.is_bounce
    assert not bounce.hard
