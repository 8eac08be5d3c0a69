"""Reports of rarer programs and in rarer languages: all of them written for this test."""

from __future__ import annotations

import pytest

from mail.reports import bounces
from mail.reports.classification import Classification, Refusal, classify_refusal
from tests.mail.reports.written import TARO, mail

NOBODY_THERE = """
550 not a known user here
550 Boîte aux lettres inexistante
550 Ce compte n'existe pas
550 Empfaenger unbekannt
550 Der Empfänger existiert nicht
550 Unbekannter Empfänger
550 La cuenta no existe
550 No se encontró: destinatario no encontrado
550 Casella inesistente
550 Conta inexistente
550 gebruiker onbekend
550 Dit adres bestaat niet
550 nieznany odbiorca
550 Нет такого пользователя
550 Такого адреса нет
550 該当するユーザーはありません
550 存在しないメールアドレスです
550 用户不存在
550 查無此人
550 사용자를 찾을 수 없습니다
550 ご指定のアドレスは使われておりません
550 あて先が不明です
550 退会済みのユーザーです
550 無此使用者
550 Kein solcher Benutzer
550 Onbekend adres
550 Adres nieznany
550 Neznámý uživatel
550 Ismeretlen felhasználó
550 Utilizator necunoscut
550 Tuntematon käyttäjä
550 USER_UNKNOWN
550 ERR.LOGIN.USERNOTEXIST
550 No_Such_User
550 that mailbox has been deleted
550 the recipient cannot be verified
550 Requested action not taken: mailbox not available
550 User not a member of domain: <taro@example.jp>
550 I'm sorry but taro@example.jp does not have an account here
550 Unable to find taro in the directory
550 Mail address not on file
550 that address is not in our records
550 We do not have a mailbox with that name
550 nobody by that name here
550 address is no longer in service
550 Cannot find user taro
550 No record of this user
"""

ABOUT_THE_SENDER = """
550 No such user (sender) here
550 no such user: verify failed for <info@midori.example.org>
550 Adresse de l'expéditeur inconnue
550 Unbekannter Absender: Adresse existiert nicht
550 Dirección del remitente no existe: remitente desconocido
550 Адрес отправителя не существует
550 送信者のアドレスが存在しません
550 发件人地址不存在
550 5.7.1 blocked: unknown user agent
550 L'adresse de l'expéditeur n'existe pas
550 Adresse IP inconnue
550 IP-Adresse unbekannt
550 IPアドレスが不明です
550 存在しないユーザー宛が多すぎます
"""


@pytest.mark.parametrize("words", NOBODY_THERE.strip().split("\n"))
def test_an_address_is_dead_when_nobody_is_there_in_whatever_language(words: str) -> None:
    assert classify_refusal(Refusal(words, None, "rcpt", TARO)).classification is Classification.DEAD
    assert classify_refusal(Refusal(words, None, "mail", TARO)).classification is not Classification.DEAD


@pytest.mark.parametrize("words", ABOUT_THE_SENDER.strip().split("\n"))
def test_a_missing_sender_kills_no_recipient(words: str) -> None:
    assert classify_refusal(Refusal(words, None, "rcpt", TARO)).classification is not Classification.DEAD


def session(*lines: str) -> bytes:
    transcript = "\n".join(f" Thu 2026-03-12 10:00:01: {line}" for line in lines)
    text = f"The attached message had PERMANENT fatal delivery errors!\n\nFailed address: {TARO}\n\n{transcript}\n"
    return mail(text, subject="Permanent Delivery Failure")


def test_a_transcript_may_have_times_and_other_arrows() -> None:
    at_rcpt = bounces.read(session(f"--> RCPT To:<{TARO}>", f"<-- 550 <{TARO}>, Recipient unknown", "--> QUIT"))
    assert (at_rcpt.hard, at_rcpt.recipients) == (True, (TARO,))
    later = bounces.read(
        session(f"--> RCPT To:<{TARO}>", "<-- 250 ok", "--> DATA", "<-- 354 go", "<-- 550 Recipient unknown")
    )
    assert not later.hard


def test_a_program_may_tell_the_command_in_words() -> None:
    told = f"The following recipient(s) could not be reached:\n\n{TARO}\n   Error Type: SMTP\n   We sent: RCPT TO:<{TARO}>\n"
    assert bounces.read(
        mail(f"{told}   Remote server replied: 550 Unknown user\n", subject="Message undeliverable: x")
    ).hard


def test_the_shortest_of_reports_ends_where_it_announces_the_original() -> None:
    quoted = "Original message follows.\n\nReceived: by mx\nSubject: x\n\nIs your mailbox full?\n"
    assert bounces.read(mail(f"Unknown user: {TARO}\n\n{quoted}", subject="undeliverable mail")).hard


def test_an_address_kept_back_is_the_one_that_it_was_generated_from() -> None:
    text = (
        "This message was created automatically by mail delivery software.\n\nThe following address(es) failed:\n\n"
        f"  an undisclosed address\n    (generated from {TARO})\n"
        "    SMTP error from remote mail server after RCPT TO:<somebody@elsewhere.example>:\n    550 No such user\n"
    )
    told = bounces.read(mail(text, subject="Mail delivery failed: returning message to sender"))
    assert TARO in told.recipients


def test_the_returned_mail_names_the_recipient_where_the_report_does_not() -> None:
    text = f"The mail could not be delivered.\n\n--- Below this line is a copy of the message.\n\nFrom: a@b.example\nTo: {TARO}\n"
    assert bounces.read(mail(text, subject="failure notice")).recipients == (TARO,)


@pytest.mark.parametrize(
    "why",
    [
        "weil die Adresse nicht gefunden wurde oder keine E-Mails empfangen kann.",
        "アドレスが見つからないか、メールを受信できないためです。",
        "car l'adresse est introuvable.",
        "porque no se ha encontrado la dirección.",
    ],
)
def test_a_provider_may_say_in_its_own_language_that_it_found_no_such_address(why: str) -> None:
    assert bounces.read(
        mail(f"Delivery to {TARO} failed, {why}\n", subject="Delivery Status Notification (Failure)")
    ).hard


CONDITIONS = """
550 The user does not accept email in non-Western (non-Latin) character sets.
550 This host does not accept mail from unknown servers
550 Our domain does not accept mail without encryption
550 the sending domain does not exist
550 return path domain not found
550 Your From address does not exist
550 the from address is not a valid address
550 invalid recipients limit reached
550 Unknown address family
550 not a user of this relay
550 Ip frequency limited
550 certificate verification failed: host name unknown
550 Client host NXDOMAIN
550 Mail not accepted from unknown domain
550 no such domain allowed to send
550 DNS lookup of sender's host not found
550 Cannot find sender's mail server: unknown host
550 invalid mailbox name in MAIL FROM
550 Message contains unknown recipient header address
550 Your message has an invalid address in Reply-To
550 unknown user in Cc header
550 you are not a member, unknown member of this list
550 non-existent users probing detected
"""


@pytest.mark.parametrize("words", CONDITIONS.strip().split("\n"))
def test_conditions_limits_and_the_return_path_kill_no_recipient(words: str) -> None:
    assert classify_refusal(Refusal(words, None, "rcpt", TARO)).classification is not Classification.DEAD


def test_a_recipient_that_is_rejected_hasn_t_rejected_us() -> None:
    bare = Refusal(f"550 5.1.1 <{TARO}> recipient rejected", "5.1.1", "rcpt", TARO)
    assert classify_refusal(bare).classification is Classification.DEAD
    theirs = Refusal(f"550 5.1.1 <{TARO}> recipient rejected your message", "5.1.1", "rcpt", TARO)
    assert classify_refusal(theirs).classification is Classification.FILTERED


def test_a_name_server_that_denies_a_domain_is_believed_unless_the_report_says_for_now() -> None:
    words = "5.1.2 - Bad destination host 'DNS Hard Error looking up example.jp (MX): NXDomain'"
    assert classify_refusal(Refusal(words, "5.1.2", None, TARO)).classification is Classification.DEAD
    for_now = "DNS type 'mx' lookup of example.jp responded with code NXDOMAIN"
    assert classify_refusal(Refusal(for_now, "4.0.0", None, TARO)).classification is not Classification.DEAD


def test_the_command_that_was_rejected_may_be_named_before_the_answer() -> None:
    told = f"Not delivered:\n\n<{TARO}> (host 'mx.example.jp' rejected"
    at_rcpt = f"{told} command 'RCPT TO:<{TARO}>' with code 550 'no such user')\n"
    assert bounces.read(mail(at_rcpt, subject="Failed to deliver message")).hard
    later = f"{told} transaction with code 550 'no such user')\n"
    assert not bounces.read(mail(later, subject="Failed to deliver message")).hard


def test_a_list_of_who_wrote_to_whom_is_no_word_about_the_sender() -> None:
    told = (
        f"Your message to {TARO} couldn't be delivered.\n\nStatus code: 550 5.1.10\n\nSender Address:  info@midori.example.org\n"
        f"Recipient Address: {TARO}\n\nReported error: 550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found\n"
    )
    assert bounces.read(mail(told, sender="postmaster@example.jp", subject="Undeliverable: x")).hard
