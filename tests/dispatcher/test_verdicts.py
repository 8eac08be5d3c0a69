"""What a reply means: the trade's own cases, and that no reply whatever is left without a verdict."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import CARRIERS
from contracts.events.delivery import Outcome
from dispatcher.replies import ConnectionLost, HopUnavailable, Stage, read_reply
from dispatcher.verdicts import judge, judge_error

CASES = [
    # carrier, stage, code, text, outcome
    ("docomo", "rcpt", 550, "Unknown user", "dead"),
    ("docomo", "body", 550, "Unknown user", "filtered"),
    ("au", "rcpt", 550, "<taro@ezweb.ne.jp>: User unknown", "dead"),
    ("au", "rcpt", 550, ": User unknown", "filtered"),
    ("au", "body", 550, "5.1.1 : User unknown", "filtered"),
    ("gmail", "rcpt", 550, "5.1.1 The email account that you tried to reach does not exist.", "dead"),
    ("gmail", "rcpt", 552, "5.2.2 The recipient's inbox is out of storage space", "full"),
    ("gmail", "rcpt", 452, "4.2.2 The recipient's inbox is out of storage space", "deferred"),
    ("gmail", "rcpt", 550, "5.2.1 The email account that you tried to reach is inactive", "filtered"),
    ("gmail", "body", 550, "5.7.26 This mail is unauthenticated", "policy"),
    ("gmail", "body", 421, "4.7.28 unusual rate of mail", "deferred"),
    ("outlook", "body", 550, "5.7.515 Access denied, sending domain does not pass DMARC", "policy"),
    ("outlook", "rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable", "failed"),
    ("other", "rcpt", 550, "5.1.1 <a@b>: Recipient address rejected: User unknown", "dead"),
    ("other", "rcpt", 550, "No such user here", "dead"),
    ("other", "body", 550, "No such user here", "filtered"),
    ("other", "rcpt", 550, "mailbox is full", "full"),
    ("other", "rcpt", 554, "5.7.1 Relay access denied", "policy"),
    ("other", "rcpt", 550, "blocked using a blacklist", "policy"),
    ("other", "rcpt", 554, "", "failed"),
    ("other", "mail", 553, "sorry, your domain", "policy"),
    ("other", "body", 552, "message exceeds fixed maximum message size", "failed"),
    ("other", "connect", 554, "go away", "deferred"),
    ("other", "rcpt", 450, "4.7.1 Greylisted, try again later", "deferred"),
    ("other", "rcpt", 451, "", "deferred"),
    ("other", "body", 250, "2.0.0 queued", "delivered"),
    ("other", "rcpt", 250, "ok", "deferred"),
]


@pytest.mark.parametrize("carrier, stage, code, text, outcome", CASES)
def test_the_same_words_mean_what_they_mean_there(
    carrier: str, stage: Stage, code: int, text: str, outcome: Outcome
) -> None:
    assert judge(read_reply(stage, code, text), carrier).outcome == outcome


def test_a_generic_refusal_kills_no_address() -> None:
    for stage in get_args(Stage):
        for text in ("", "rejected", "5.0.0 rejected", "5.7.1 rejected", "administrative prohibition"):
            assert judge(read_reply(stage, 550, text), "other").outcome != "dead"


@given(
    stage=st.sampled_from(get_args(Stage)),
    code=st.integers(-1, 999),
    text=st.text(max_size=200),
    carrier=st.sampled_from(CARRIERS),
)
def test_every_reply_has_a_verdict_whose_words_are_ours(stage: Stage, code: int, text: str, carrier: str) -> None:
    verdict = judge(read_reply(stage, code, text), carrier)
    assert verdict.outcome in get_args(Outcome)
    if not 500 <= code < 600:
        assert verdict.outcome in ("delivered", "deferred")
    if verdict.outcome == "dead":
        assert stage == "rcpt"
    if verdict.outcome == "delivered":
        assert stage == "body"
    assert verdict.reason == "" or verdict.reason.isascii()


@given(text=st.text(max_size=300))
def test_reading_a_reply_never_fails(text: str) -> None:
    reply = read_reply("rcpt", 550, text)
    assert reply.enhanced is None or text.lstrip().startswith(reply.enhanced)


def test_lines_of_a_long_reply_lose_their_status() -> None:
    reply = read_reply("rcpt", 550, "5.1.1 The account\n5.1.1 does not exist")
    assert (reply.enhanced, reply.text) == ("5.1.1", "The account\ndoes not exist")


def test_a_reply_does_not_show_its_words() -> None:
    assert "taro" not in repr(read_reply("rcpt", 550, "<taro@ezweb.ne.jp>: User unknown"))


def test_what_broke_off_is_tried_again() -> None:
    assert judge_error(ConnectionLost("connection lost", stage="body"), "au").outcome == "deferred"
    refused = HopUnavailable("host refuses us", stage="connect", reply=read_reply("connect", 554, "5.7.1 blocked"))
    verdict = judge_error(refused, "au")
    assert (verdict.outcome, verdict.pace) == ("deferred", "later")
