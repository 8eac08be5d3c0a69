"""What servers say, and whether the address is dead: words as programs and carriers are known to write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.reports.classification import Classification, Refusal, Stage, classify_refusal
from mail.reports.refusal_codes import split_at_code, status_in
from tests.support.steps import count_calls

TO = "taro@example.jp"

NOBODY_THERE = """
550 5.1.1 <taro@example.jp>: Recipient address rejected: User unknown in local recipient table
550 5.1.1 <taro@example.jp>: Recipient address rejected: User unknown in virtual mailbox table
550 5.1.1 <taro@example.jp>... User unknown
550 5.1.1 User unknown
550 No such user here
550 No Such User Here"
550 <taro@example.jp>: User unknown
550 5.1.1 taro@example.jp: user does not exist
550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address
550-5.1.1 The email account that you tried to reach does not exist https://support.google.com/mail/?p=NoSuchUser x - gsmtp
550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient taro@example.jp not found by SMTP address lookup
550 5.1.1 RESOLVER.ADR.RecipNotFound; not found
550 5.4.1 Recipient address rejected: Access denied. [AM0.eurprd01.prod.example]
550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)
550 Requested action not taken: mailbox unavailable
550 5.1.1 unknown or illegal alias: taro@example.jp
550 5.1.1 Mailbox does not exist
550 mailbox not found
550 Mailbox not present
550 sorry, no mailbox here by that name (#5.1.1 - chkusr)
550 Invalid recipient taro@example.jp
553 sorry, this recipient is not in my validrcptto list (#5.7.1)
550 Unknown user: taro@example.jp
550 #5.1.0 Address rejected.
550 5.1.0 <taro@example.jp> Address rejected
550 5.1.1 Address rejected taro@example.jp
550 unknown local-part "taro" in domain "example.jp"
550 Unrouteable address
550 that user does not have an account here; no such account
550 no such recipient
550 Account not available, user not found
554 5.1.1 Bad destination mailbox address
550 user (taro@example.jp) unknown
550 There is no one at this address
550 recipient not known
552 1 Requested mail action aborted, mailbox not found
554 delivery error: dd This user doesn't have a yahoo.com account (taro@yahoo.com) [0]
550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]
550 destinataire inconnu: adresse inconnue
550 5.1.1 El usuario no existe, usuario desconocido
550 Utente sconosciuto
550 Benutzer unbekannt: der Empfaenger ist nicht bekannt
550 Usuário desconhecido
550 non-local user: пользователь не найден
550 该用户不存在
550 宛先のアドレスが見つかりません
550 5.1.1 指定されたユーザーは存在しません
550 5.1.1 taro@example.jp is not a valid mailbox
550 Recipient Rejected: No account by that name here
550 5.1.1 This address is unknown; email address could not be found
550 taro@example.jp: Email address does not exist
551 not our customer
550 5.1.6 taro@example.jp Destination mailbox has moved, no forwarding address
550 5.1.1 recipient refused: mailbox unknown
550 5.1.1 RCP-P1 http://postmaster.example/response_codes
511 sorry, no such user here (#5.1.1 - chkuser)
"""

NO_DOMAIN = """
550 5.1.2 <taro@example.jp>... Host unknown (Name server: example.jp.: host not found)
Host or domain name not found. Name service error for name=example.jp type=A: Host not found
Sorry, I couldn't find any host named example.jp. (#5.1.2)
Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)
550 5.4.4 Invalid domain
all relevant MX records point to non-existent hosts
an MX or SRV record indicated no SMTP service
Domain example.jp does not accept mail (nullMX)
556 5.1.10 <taro@example.jp>: Recipient address rejected: Domain example.jp does not accept mail (nullMX)
550 5.4.4 SMTPSEND.DNS.NonExistentDomain; nonexistent domain
521 5.3.2 example.jp does not accept mail
550 5.3.2 System not accepting network messages
550 5.1.2 Bad destination system address
No such domain.
Domain does not exist
As the remote domain doesnt exist.
DNS lookup failure: host example.jp not found
"""

FULL = """
552 5.2.2 Mailbox full
452 4.2.2 The email account that you tried to reach is over quota
550 5.1.1 mailbox taro@example.jp is over quota temporarily
552 Requested mail action aborted: exceeded storage allocation
550 5.2.2 <taro@example.jp>: user is over quota
554 5.2.2 STOREDRV.Deliver; mailbox full. The recipient's mailbox is full
452-4.2.2 The recipient's inbox is out of storage space
552 too much mail data
550 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]
can't create user output file: No space left on device
メールボックスが一杯のため、送信できませんでした。
550 4.2.2 user has exceeded quota, bouncing mail
"""

CLOSED = """
550 5.2.1 The email account that you tried to reach is disabled
550-5.2.1 The email account that you tried to reach is inactive
550 5.1.1 Account disabled
554 delivery error: dd Sorry your message to taro@example.jp cannot be delivered. This account has been disabled or discontinued [#102].
554 30 Sorry, your message to taro@aol.jp cannot be delivered. This mailbox is disabled (554.30).
550 Mailbox is frozen. See http://mail.example/err/3/
525 5.7.13 User account disabled
550 5.7.1 taro@example.jp temporary locked. Please try again later
550 5.5.0 Boite du destinataire archivee. Archived recipient. LPN007_420
The user(s) account is temporarily limited.
550 Mailbox unavailable or access denied
550 User suspended
550 taro@yahoo.com is no longer valid.
このアドレスは利用停止中です
"""

NOT_OF_THE_ADDRESS = """
550 5.7.26 This mail is unauthenticated; Gmail requires all senders to authenticate with either SPF or DKIM
550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your provider; on our block list (S3150)
554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org
550 5.7.509 Access denied, sending domain example.org does not pass DMARC verification
550 5.7.515 Access denied, sending domain does not meet the required authentication level
554 5.7.1 <taro@example.jp>: Relay access denied
550 5.1.8 Access denied, bad outbound sender
550 5.1.1 <taro@example.jp> - 198.51.100.225 has sent to too many recipients this hour. IB607
553 5.1.8 <info@example.org>... Domain of sender address info@example.org does not exist
550 5.1.7 <info@example.org>: Sender address rejected: undeliverable address
550 5.1.1 RCP-P2 http://postmaster.example/response_codes Refused due to recipient preferences
550 5.2.1 taro@example.jp has restricted who may write to him; user reject
550 5.1.1 the address is on the suppression list for your account
550 5.1.1 RCP-P3 http://postmaster.example/response_codes
550 Administrative prohibition - envelope blocked
554 5.7.1 Message rejected as spam by content filtering
552 5.3.4 Message size exceeds fixed limit
552-5.7.0 Our system detected an illegal attachment on your message
550 Sender verify failed
550 5.7.25 The sending IP address must have a reverse DNS record
550 SPF check failed: user unknown to the policy server
550 Verification failed for <info@example.org>: unrouteable address; Sender verify failed
554 5.4.6 Message exceeded 50 hops, this may indicate a mail loop
501 5.5.4 HELO/EHLO argument is invalid
550 5.7.1 Recipient not authorized, your IP has been found on a block list
553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts
550 JunkMail rejected - example.org is in an RBL
421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints
450 4.2.0 <taro@example.jp>: Recipient address rejected: Greylisted
451 4.3.0 Mail server temporarily rejected message
451 4.7.1 Greylisting in action, please come back later
450 4.1.1 <taro@example.jp>: Recipient address rejected: unverified address: connect timed out
connect to mx.example.jp[192.0.2.1]:25: Connection timed out
lost connection with mx.example.jp[192.0.2.1] while receiving the initial server greeting
Host not found, try again
retry timeout exceeded
delivery temporarily suspended: connect to mx.example.jp: Connection refused
550 5.4.7 Delivery expired (message too old)
I'm not going to try again; this message has been in the queue too long.
550 5.3.0 mail server error: command died with status 3
552 5.2.121 recipient's per hour message receive limit exceeded
550 5.1.4 Destination mailbox address ambiguous
550 5.2.0 Message filtered
550 something nobody has seen
550 mailbox unavailable
521 5.2.1 (CON:B1) https://postmaster.example/error-codes
ただいま混み合っています
"""

AFTER_THE_CONTENT = """
550 Unknown user taro@docomo.ne.jp
550 No such user
550 5.2.0 User unknown
554 5.7.1 <taro@example.jp>: Recipient address rejected: User unknown
"""


def lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


def classification(words: str, stage: Stage | None = "rcpt", status: str | None = None, to: str = TO) -> Classification:
    return classify_refusal(Refusal(words, status or status_in(words), stage, to))[0]


@pytest.mark.parametrize("words", lines(NOBODY_THERE))
def test_an_address_is_dead_when_nobody_is_there(words: str) -> None:
    assert classification(words) is Classification.DEAD


@pytest.mark.parametrize("words", lines(NO_DOMAIN))
def test_an_address_is_dead_when_its_domain_is_not_there_or_takes_no_mail(words: str) -> None:
    assert classification(words, None) is Classification.DEAD


@pytest.mark.parametrize("stage", ["rcpt", None, "message"])
@pytest.mark.parametrize("words", lines(FULL))
def test_a_full_mailbox_is_a_living_one(words: str, stage: Stage | None) -> None:
    assert classification(words, stage) is Classification.FULL


@pytest.mark.parametrize("stage", ["rcpt", None, "message"])
@pytest.mark.parametrize("words", lines(CLOSED))
def test_a_closed_mailbox_may_open_again(words: str, stage: Stage | None) -> None:
    assert classification(words, stage) is Classification.SUSPENDED


@pytest.mark.parametrize("stage", ["rcpt", None, "message", "data", "mail", "connect"])
@pytest.mark.parametrize("words", lines(NOT_OF_THE_ADDRESS))
def test_what_is_about_us_or_the_way_kills_no_address(words: str, stage: Stage | None) -> None:
    assert classification(words, stage) not in (Classification.DEAD, Classification.DELIVERED)


@pytest.mark.parametrize("stage", ["message", "data"])
@pytest.mark.parametrize("words", lines(AFTER_THE_CONTENT))
def test_who_refuses_after_the_content_filters(words: str, stage: Stage) -> None:
    assert classification(words, stage) is Classification.FILTERED


@pytest.mark.parametrize("stage", ["mail", "connect"])
@pytest.mark.parametrize("words", lines(NOBODY_THERE))
def test_what_is_said_before_the_recipient_was_named_is_not_about_him(words: str, stage: Stage) -> None:
    assert classification(words, stage) is not Classification.DEAD


@pytest.mark.parametrize(
    ("words", "sure"),
    [
        ("550 5.1.1 <taro@example.jp>: User unknown", True),
        ("550 5.1.6 has moved, no forwarding address", True),
        ("550 Requested action not taken: mailbox unavailable", False),
        ("550 #5.1.0 Address rejected.", False),
        ("550 5.1.1 <taro@icloud.com>: inactive email address", False),
        ("450 4.1.1 <taro@example.jp>: User unknown in virtual alias table", False),
        ("550 5.1.2 Host unknown", True),
        ("556 5.1.10 Domain example.jp does not accept mail (nullMX)", True),
    ],
)
def test_one_report_is_enough_only_where_nothing_else_can_be_meant(words: str, sure: bool) -> None:
    classified = classify_refusal(Refusal(words, status_in(words), "rcpt", TO))
    assert (classified.classification, classified.sure) == (Classification.DEAD, sure)


def test_docomo_and_au_mean_two_things_by_the_same_words() -> None:
    docomo, au = "550 Unknown user taro@docomo.ne.jp", "550 <taro@ezweb.ne.jp>: User unknown"
    assert classification(docomo, "rcpt", to="taro@docomo.ne.jp") is Classification.DEAD
    assert classification(docomo, "message", "5.1.1", to="taro@docomo.ne.jp") is Classification.FILTERED
    assert classification(docomo, None, to="taro@docomo.ne.jp") is Classification.FILTERED
    assert classification(au, None, to="taro@ezweb.ne.jp") is Classification.DEAD
    assert classification("550 : User unknown", "rcpt", to="taro@ezweb.ne.jp") is Classification.FILTERED
    assert classification("550 User unknown", "rcpt", to="taro@au.com") is Classification.FILTERED


def test_words_of_death_without_stage_or_address_status_are_in_doubt() -> None:
    assert classification("550 No such user", None) is Classification.FILTERED
    assert classification("550 5.2.1 User unknown", None) is Classification.FILTERED
    assert classification("550 5.1.1 No such user", None) is Classification.DEAD


def test_a_server_known_to_say_it_at_rcpt_only_needs_no_stage() -> None:
    said = "550 taro@example.jp... No such user"
    there = Refusal(said, "5.0.0", None, TO, "mail.example.jp server-1.bemta-5.messagelabs.com")
    assert classify_refusal(there)[0] is Classification.DEAD
    assert classify_refusal(
        Refusal("550 Mailbox does not exist", "5.1.1", "rcpt", TO, "inbound-smtp.us-west-2.amazonaws.com")
    )[0] is (Classification.FILTERED)


def test_a_carriers_domain_does_not_vanish() -> None:
    assert classification("550 5.1.2 Host unknown", None, to="taro@docomo.ne.jp") is Classification.DEFERRED


def test_a_passing_no_counts_only_when_the_carrier_gave_up_on_the_same_words() -> None:
    assert classification("450 4.1.1 <taro@example.jp>: User unknown in virtual alias table") is Classification.DEAD
    assert (
        classification("450 4.1.1 <taro@example.jp>: User unknown in virtual alias table", None)
        is Classification.DEFERRED
    )
    assert classification("450 4.1.1 User unknown; try again later") is Classification.DEFERRED


def test_an_address_that_belongs_to_somebody_else_now_is_dead() -> None:
    assert classification("550 5.7.17 Mailbox owner has changed") is Classification.DEAD


def test_codes_are_not_taken_from_other_numbers() -> None:
    assert split_at_code("host 192.0.2.250 [198.51.100.22] OFR_416 [416] said: 550 no")[0] == "550"
    assert status_in("10.5.1.1 and 5.1.1.9 then 5.1.1") == "5.1.1"


@given(st.text(max_size=300), st.sampled_from(lines(FULL) + lines(CLOSED) + lines(NOT_OF_THE_ADDRESS)))
def test_any_words_get_a_classification(noise: str, words: str) -> None:
    assert classification(noise, None) in Classification
    assert classification(f"{words} {noise}") in Classification


@pytest.mark.parametrize(
    "word", ["user ", "mailbox ", "550 ", "<a@b.jp> ", "address not ", "http://", "exceed ", "exceed", "sender "]
)
def test_long_words_are_classified_all_the_same(word: str) -> None:
    assert classification(word * 20_000) is Classification.UNKNOWN
    assert count_calls(classification, word * 20_000) <= 2.1 * count_calls(classification, word * 10_000)
