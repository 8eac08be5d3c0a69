"""What SPF, DKIM, DMARC and ARC showed, in words that a head teacher can read."""

from typing import get_args

import pytest

from admin_api.kernel.authentication_results import explain_authentication
from contracts.events.inbound import Authentication, AuthenticationResult


@pytest.mark.parametrize(
    ("shown", "japanese", "english"),
    [
        (
            Authentication(spf="pass", dmarc="pass", sender_proven=True),
            "差出人の証明：SPF 合格、DKIM なし、DMARC 合格。差出人のドメインから送られたことが確かめられました。",
            "Proof of the sender: SPF pass, DKIM none, DMARC pass. It is shown that the sender's domain did send it.",
        ),
        (Authentication(), "確かめられていません", "not shown"),
        (Authentication(spf="fail", dmarc="fail", policy="reject"), "偽のメール", "forged"),
        (Authentication(spf="fail", dmarc="fail", policy="none"), "確かめられていません", "not shown"),
        (Authentication(dkim="fail", dmarc="policy", arc="pass", policy="reject"), "信頼している転送元", "forwarder"),
        (Authentication(spf="temperror", dmarc="temperror"), "一時的に調べられません", "for the moment"),
    ],
)
def test_the_marks_and_what_they_mean(shown: Authentication, japanese: str, english: str) -> None:
    words = explain_authentication(shown)
    assert japanese in words.ja
    assert english in words.en


@pytest.mark.parametrize("result", get_args(AuthenticationResult))
def test_every_result_has_words(result: AuthenticationResult) -> None:
    words = explain_authentication(Authentication(spf=result, dkim=result, dmarc=result, arc=result))
    assert words.ja.startswith("差出人の証明：")
    assert ("、ARC" in words.ja) == (result != "none")
