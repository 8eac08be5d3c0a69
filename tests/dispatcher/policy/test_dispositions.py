"""What a reply means: what the carriers were seen to say, and that no reply whatever is left without a disposition."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import CARRIERS
from contracts.events.delivery import Outcome
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.carriers_file import load_carriers
from dispatcher.policy.dispositions import disposition_of, disposition_of_error
from dispatcher.policy.reply_rules import Disposition
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable, Stage, read_reply

TABLE = load_carriers()
LONG = 100_000

FINAL = [
    # carrier, stage, code, text, outcome, reason
    ("docomo", "rcpt", 550, "Unknown user taro@docomo.ne.jp", "dead", "no such user"),
    ("docomo", "body", 550, "Unknown user taro@docomo.ne.jp", "filtered", "refused by the recipient's filter"),
    ("docomo", "data", 550, "Unknown user taro@docomo.ne.jp", "filtered", "refused by the recipient's filter"),
    ("docomo", "rcpt", 552, "Too much mail data taro@docomo.ne.jp", "full", "mailbox full"),
    ("au", "rcpt", 550, "<taro@ezweb.ne.jp>: User unknown", "dead", "no such user"),
    ("au", "rcpt", 550, ": User unknown", "filtered", "refused by the recipient's filter"),
    ("au", "rcpt", 550, "<>: User unknown", "filtered", "refused by the recipient's filter"),
    ("au", "body", 550, "5.1.1 : User unknown", "filtered", "refused by the recipient's filter"),
    ("au", "body", 550, "<taro@ezweb.ne.jp>: User unknown", "filtered", "refused by the recipient's filter"),
    ("au", "rcpt", 554, "<ta!ro@ezweb.ne.jp>: Relay access denied", "failed", "address not understood"),
    ("softbank", "rcpt", 550, "Invalid recipient: <taro@i.softbank.jp>", "dead", "no such user"),
    ("softbank", "body", 550, "Invalid recipient: <taro@i.softbank.jp>", "filtered", "refused by the recipient's filter"),
    ("softbank", "mail", 553, "sakura.example does not exist", "policy", "sender refused"),
    ("gmail", "rcpt", 550, "5.1.1 The email account that you tried to reach does not exist.", "dead", "no such user"),
    ("gmail", "rcpt", 552, "5.2.2 The recipient's inbox is out of storage space", "full", "mailbox full"),
    ("gmail", "rcpt", 550, "5.2.1 The email account that you tried to reach is inactive", "filtered", "mailbox suspended"),
    ("gmail", "body", 550, "5.7.26 This mail has been blocked", "policy", "sender not authenticated"),
    ("gmail", "body", 550, "5.7.1 Unauthenticated email is not accepted due to domain's DMARC policy", "policy", "sender not authenticated"),
    ("gmail", "body", 550, "5.7.25 The IP address does not have a PTR record set_up", "policy", "refused by policy"),
    ("gmail", "body", 550, "5.7.1 The user or domain that you are sending to (or from) has a policy that prohibited the mail", "filtered", "refused by the recipient's organisation"),
    ("gmail", "body", 550, "5.7.1 likely suspicious due to the very low reputation of the sending domain", "policy", "on a block list"),
    ("gmail", "body", 552, "5.3.4 Your message exceeded Google's message size limits", "failed", "too large"),
    ("outlook", "body", 550, "5.7.515 Access denied, sending domain does not pass DMARC", "policy", "sender not authenticated"),
    ("outlook", "mail", 550, "5.7.606 Access denied, banned sending IP [192.0.2.1]", "policy", "on a block list"),
    ("outlook", "mail", 550, "5.7.649 Access denied, banned sending IP [192.0.2.1]", "policy", "on a block list"),
    ("outlook", "mail", 550, "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. part of their network is on our block list (S3150).", "policy", "on a block list"),
    ("outlook", "mail", 550, "weren't sent. Please contact your Internet service provider (AS3140)", "policy", "on a block list"),
    ("outlook", "rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", "dead", "mailbox unavailable"),
    ("outlook", "rcpt", 550, "5.4.1 Recipient address rejected: Access denied. [AMS]", "dead", "mailbox unavailable"),
    ("outlook", "rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable", "failed", "mailbox unavailable"),
    ("outlook", "rcpt", 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "dead", "no such user"),
    ("outlook", "body", 550, "5.7.133 sender not authenticated for group", "filtered", "refused by the recipient's organisation"),
    ("outlook", "rcpt", 550, "5.7.505 Access denied, banned recipient", "filtered", "mailbox suspended"),
    ("outlook", "rcpt", 552, "5.2.2 mailbox full", "full", "mailbox full"),
    ("yahoo", "body", 554, "delivery error: dd This user doesn't have a yahoo.co.jp account (taro@yahoo.co.jp) [-5] - mta", "dead", "no such user"),
    ("yahoo", "body", 552, "1 Requested mail action aborted, mailbox not found", "dead", "no such user"),
    ("yahoo", "body", 554, "30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30)", "filtered", "mailbox suspended"),
    ("yahoo", "body", 554, "Message not allowed - [PH01] Email not accepted for policy reasons.", "policy", "refused by policy"),
    ("yahoo", "mail", 553, "5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred", "policy", "refused by policy"),
    ("icloud", "rcpt", 550, "5.1.1 <taro@icloud.com>: user does not exist", "dead", "no such user"),
    ("icloud", "rcpt", 550, "5.1.1 unknown or illegal alias: taro@icloud.com", "dead", "no such user"),
    ("icloud", "rcpt", 550, "5.1.6 recipient no longer on server: taro@icloud.com", "dead", "no such user"),
    ("icloud", "rcpt", 550, "5.1.1 <taro@icloud.com>: inactive email address", "filtered", "mailbox suspended"),
    ("icloud", "rcpt", 552, "5.2.2 <taro@icloud.com>: user is over quota", "full", "mailbox full"),
    ("icloud", "body", 550, "5.7.1 [CS01] Message rejected due to local policy.", "policy", "refused by policy"),
    ("icloud", "body", 554, "5.7.1 [HME1] This message was blocked for failing both SPF and DKIM", "policy", "sender not authenticated"),
    ("icloud", "mail", 550, "5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi", "policy", "on a block list"),
    ("rakuten", "rcpt", 550, "5.1.1 <taro@rakuten.jp>: Recipient address rejected: User unknown", "dead", "no such user"),
    ("other", "rcpt", 550, "5.1.1 <a@b>: Recipient address rejected: User unknown", "dead", "no such user"),
    ("other", "rcpt", 550, "5.1.2 bad destination system", "dead", "no such user"),
    ("other", "rcpt", 553, "5.1.3 bad destination mailbox address syntax", "failed", "address not understood"),
    ("other", "rcpt", 550, "No such user here", "dead", "no such user"),
    ("other", "body", 550, "No such user here", "filtered", "refused by the recipient's filter"),
    ("other", "rcpt", 550, "mailbox is full", "full", "mailbox full"),
    ("other", "rcpt", 554, "5.7.1 Relay access denied", "policy", "refused by policy"),
    ("other", "rcpt", 550, "blocked using a blacklist", "policy", "on a block list"),
    ("other", "rcpt", 550, "rejected by recipient", "filtered", "refused by the recipient's filter"),
    ("other", "rcpt", 554, "", "failed", "refused"),
    ("other", "mail", 553, "sorry, your domain", "policy", "sender refused"),
    ("other", "body", 552, "message exceeds fixed maximum message size", "failed", "too large"),
    ("other", "body", 550, "the user's account is suspended", "filtered", "mailbox suspended"),
]  # fmt: skip


@pytest.mark.parametrize("carrier, stage, code, text, outcome, reason", FINAL)
def test_the_same_words_mean_what_they_mean_there(
    carrier: str, stage: Stage, code: int, text: str, outcome: Outcome, reason: str
) -> None:
    disposition = disposition_of(read_reply(stage, code, text), TABLE.named(carrier))
    assert (disposition.outcome, disposition.reason) == (outcome, reason)


FOR_NOW = [
    # carrier, stage, code, text, reason, pace, asks to slow down
    ("gmail", "rcpt", 452, "4.2.2 The recipient's inbox is out of storage space", "mailbox full", "later", False),
    ("gmail", "rcpt", 450, "4.2.1 The user is receiving mail too quickly", "recipient gets too much at once", "later", False),
    ("gmail", "rcpt", 550, "5.2.1 The user is receiving mail at a rate that prevents", "recipient gets too much at once", "later", False),
    ("gmail", "body", 421, "4.7.28 Gmail has detected an unusual rate of mail", "asked to slow down", "later", True),
    ("gmail", "body", 421, "4.7.0 Try again later, closing connection.", "asked to slow down", "later", True),
    ("gmail", "body", 421, "4.7.26 This mail has been rate limited because it is unauthenticated", "sender not authenticated", "later", True),
    ("gmail", "body", 421, "4.4.5 Server busy, try again later.", "host is busy", "planned", True),
    ("gmail", "mail", 421, "4.7.0 Connection expired, try reconnecting", "session was used up", "soon", False),
    ("outlook", "mail", 451, "4.7.650 The mail server has been temporarily rate limited due to IP reputation", "asked to slow down", "later", True),
    ("outlook", "mail", 451, "4.7.652 has exceeded the maximum number of connections. (S3115)", "asked to slow down", "later", True),
    ("outlook", "rcpt", 451, "4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)", "host is busy", "planned", True),
    ("outlook", "rcpt", 452, "4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "recipient gets too much at once", "later", False),
    ("outlook", "rcpt", 550, "5.2.121 recipient's per hour message receive limit", "recipient gets too much at once", "later", False),
    ("yahoo", "mail", 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", "asked to slow down", "later", True),
    ("yahoo", "rcpt", 421, "Max message per connection reached, closing transmission channel", "session was used up", "soon", False),
    ("yahoo", "rcpt", 451, "mta1.mail.yahoo.co.jp Resources temporarily unavailable. Please try again later [#4.16.1].", "host is busy", "planned", True),
    ("yahoo", "rcpt", 451, "VS1-MF Excessive unknown recipients - possible Open Relay", "asked to slow down", "later", True),
    ("yahoo", "mail", 553, "VS99-IP1 deferred", "asked to slow down", "later", True),
    ("icloud", "rcpt", 421, "4.7.1 Messages to taro@icloud.com deferred due to excessive volume.", "asked to slow down", "later", True),
    ("docomo", "rcpt", 552, "Too many recipients", "asked to slow down", "later", True),
    ("docomo", "rcpt", 421, "Service not available", "host is busy", "planned", True),
    ("softbank", "rcpt", 451, "4.3.0 temporary failure", "temporary refusal", "planned", False),
    ("other", "rcpt", 421, "#4.x.2 Too many messages for this session", "session was used up", "soon", False),
    ("other", "rcpt", 421, "too many connections from your host", "asked to slow down", "later", True),
    ("other", "rcpt", 421, "4.4.2 Error: timeout exceeded", "session was used up", "soon", False),
    ("other", "rcpt", 450, "4.2.0 <a@b>: Recipient address rejected: Greylisted, see http://postgrey.example", "greylisted", "soon", False),
    ("other", "rcpt", 451, "4.7.1 Greylisting in action, please come back in 00:05:00", "greylisted", "soon", False),
    ("other", "body", 451, "4.7.1 Try again later", "greylisted", "soon", False),
    ("other", "rcpt", 450, "please retry in 300 seconds, graylisted", "greylisted", "soon", False),
    ("other", "rcpt", 450, "4.7.1 Client host rejected: cannot find your reverse hostname", "refused by policy for now", "later", True),
    ("other", "rcpt", 451, "", "temporary refusal", "planned", False),
    ("other", "rcpt", 452, "4.3.1 Insufficient system storage", "temporary refusal", "planned", False),
    ("other", "rcpt", 452, "4.2.2 over quota", "mailbox full", "later", False),
    ("other", "connect", 554, "go away", "host refuses us", "later", True),
    ("other", "ehlo", 550, "5.1.1 no such user", "host refuses us", "later", True),
    ("other", "mail", 530, "5.7.0 Must issue a STARTTLS command first", "encryption required", "later", False),
    ("other", "rcpt", 550, "please try again later", "temporary refusal", "later", False),
    ("other", "rcpt", 250, "ok", "reply not understood", "planned", False),
]  # fmt: skip


@pytest.mark.parametrize("carrier, stage, code, text, reason, pace, slower", FOR_NOW)
def test_what_is_only_for_now_is_tried_again_and_too_fast_is_told_from_greylisting(
    carrier: str, stage: Stage, code: int, text: str, reason: str, pace: str, slower: bool
) -> None:
    disposition = disposition_of(read_reply(stage, code, text), TABLE.named(carrier))
    assert disposition == Disposition("deferred", reason, pace, slower)  # type: ignore[arg-type]


SURE = [
    ("docomo", "rcpt", 550, "Unknown user"),
    ("au", "rcpt", 550, "<taro@ezweb.ne.jp>: User unknown"),
    ("softbank", "rcpt", 550, "Invalid recipient: <taro@i.softbank.jp>"),
    ("gmail", "rcpt", 550, "5.1.1 The email account that you tried to reach does not exist."),
    ("yahoo", "body", 554, "delivery error: dd This user doesn't have a yahoo.co.jp account"),
    ("icloud", "rcpt", 550, "5.1.1 user does not exist"),
    ("outlook", "rcpt", 550, "5.1.10 RESOLVER.ADR.RecipientNotFound"),
    ("other", "rcpt", 550, "5.1.1 <a@b>: Recipient address rejected: User unknown in local recipient table"),
]
IN_DOUBT = [
    ("outlook", "rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."),
    ("outlook", "rcpt", 550, "5.4.1 Recipient address rejected: Access denied."),
    ("yahoo", "body", 552, "1 Requested mail action aborted, mailbox not found"),
    ("other", "rcpt", 550, "No such user here"),
    ("other", "rcpt", 550, "5.1.1 rejected"),
    ("other", "rcpt", 550, "5.1.2 bad destination system"),
]


@pytest.mark.parametrize("carrier, stage, code, text", SURE)
def test_a_carriers_own_words_for_an_address_that_is_gone_leave_no_doubt(
    carrier: str, stage: Stage, code: int, text: str
) -> None:
    disposition = disposition_of(read_reply(stage, code, text), TABLE.named(carrier))
    assert (disposition.outcome, disposition.sure) == ("dead", True)


@pytest.mark.parametrize("carrier, stage, code, text", IN_DOUBT)
def test_words_that_living_addresses_were_seen_to_get_are_never_enough(
    carrier: str, stage: Stage, code: int, text: str
) -> None:
    disposition = disposition_of(read_reply(stage, code, text), TABLE.named(carrier))
    assert (disposition.outcome, disposition.sure) == ("dead", False)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_generic_refusal_kills_no_address(carrier: str) -> None:
    for stage in get_args(Stage):
        for text in ("", "rejected", "5.0.0 rejected", "5.7.1 rejected", "administrative prohibition", "5.5.0 no"):
            assert disposition_of(read_reply(stage, 550, text), TABLE.named(carrier)).outcome != "dead"


def test_421_always_means_that_we_are_too_many_unless_the_connection_was_used_up() -> None:
    for stage in get_args(Stage):
        for text in ("", "4.3.2 shutting down", "4.7.0 no", "bye"):
            assert disposition_of(read_reply(stage, 421, text), TABLE.named("au")).asks_to_slow_down


@given(
    stage=st.sampled_from(get_args(Stage)),
    code=st.integers(-1, 999),
    text=st.one_of(st.text(max_size=200), st.sampled_from([case[3] for case in FINAL])),
    policy=st.sampled_from(list(TABLE.policies.values())),
)
def test_every_reply_has_a_disposition_whose_words_are_ours(
    stage: Stage, code: int, text: str, policy: CarrierPolicy
) -> None:
    disposition = disposition_of(read_reply(stage, code, text), policy)
    assert disposition.outcome in get_args(Outcome)
    if not 500 <= code < 600:
        assert disposition.outcome in ("delivered", "deferred")
    if disposition.outcome == "dead":
        assert stage == "rcpt" or (policy.name == "yahoo" and stage in ("data", "body"))
    else:
        assert not disposition.sure
    if disposition.outcome == "delivered":
        assert stage == "body"
    if stage in ("connect", "ehlo", "starttls"):
        assert disposition.outcome == "deferred"
    assert re.fullmatch(r"[a-z' ]*", disposition.reason)


@pytest.mark.parametrize("piece", ["<", "a", " ", "mailbox ", "user unknown", "delivery ", "<a", "excee", "-list"])
def test_a_hostile_line_is_read_by_its_beginning(piece: str) -> None:
    line = piece * (LONG // len(piece))
    for policy in TABLE.policies.values():
        assert disposition_of(read_reply("rcpt", 550, line), policy) == disposition_of(
            read_reply("rcpt", 550, line[:600]), policy
        )


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
    au = TABLE.named("au")
    assert disposition_of_error(ConnectionLost("connection lost", stage="body"), au) == Disposition(
        "deferred", "connection lost"
    )
    refused = NextHopUnavailable("host refuses us", stage="connect", reply=read_reply("connect", 554, "5.7.1 blocked"))
    disposition = disposition_of_error(refused, au)
    assert (disposition.outcome, disposition.retry_hint) == ("deferred", "later")
    # A no in the middle of a transaction that broke off doesn't say whom it was meant for.
    lost = ConnectionLost("reset refused", stage="mail", reply=read_reply("mail", 550, "5.1.1 user unknown"))
    assert disposition_of_error(lost, au) == Disposition("deferred", "reset refused")
