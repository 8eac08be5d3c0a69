"""Reports as the programs write them: who is named, and what is made of it. All of them written for this test."""

from __future__ import annotations

import pytest

from mail.reports import bounces
from mail.reports.classification import Classification
from tests.mail.reports.written import HANA, TARO, mail

COPY = "\n\nReceived: from mail.example.org by mx\nFrom: info@midori.example.org\nTo: taro@example.jp\nSubject: x\n\nuser unknown\n"


FORMATS: dict[str, tuple[bytes, Classification, tuple[str, ...]]] = {
    "qmail": (
        mail(
            "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message.\n\n"
            f"<{TARO}>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 unknown person\nGiving up on 192.0.2.1.\n\n"
            f"--- Below this line is a copy of the message.{COPY}",
            subject="failure notice",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "qmail after the content": (
        mail(
            "Hi. This is the qmail-send program at mx.example.org.\n\n"
            f"<{TARO}>:\n192.0.2.1 failed after I sent the message.\nRemote host said: 550 no such user\n\n"
            "--- Below this line is a copy of the message.",
            subject="failure notice",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "qmail gave up": (
        mail(
            f"Hi. This is the qmail-send program at mx.example.org.\n\n<{TARO}>:\nCNAME lookup failed temporarily. (#4.4.3)\n"
            "I'm not going to try again; this message has been in the queue too long.\n",
            subject="failure notice",
        ),
        Classification.DEFERRED,
        (TARO,),
    ),
    "exim": (
        mail(
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered\n"
            "to one or more of its recipients. This is a permanent error.\nThe following address(es) failed:\n\n"
            f"  {TARO}\n    host mx.example.jp [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<{TARO}>:\n"
            f"    550 5.1.1 <{TARO}>... no such user here\n  {HANA}\n    mailbox is full: retry timeout exceeded\n\n"
            f"------ This is a copy of the message, including all the headers. ------{COPY}",
            subject="Mail delivery failed: returning message to sender",
            X_Failed_Recipients=f"{TARO}, {HANA}",
            Auto_Submitted="auto-replied",
        ),
        Classification.DEAD,
        (TARO, HANA),
    ),
    "exim about the sender": (
        mail(
            "This message was created automatically by mail delivery software.\n\nA message sent by\n\n  <info@midori.example.org>\n\n"
            f"could not be delivered. The following address(es) failed:\n\n  {TARO}\n"
            "    SMTP error from remote mail server after MAIL FROM:<info@midori.example.org> SIZE=900:\n"
            "    550 5.1.1 user unknown\n",
            subject="Mail delivery failed",
        ),
        Classification.POLICY,
        (TARO,),
    ),
    "exim without a way": (
        mail(
            f"The following address(es) failed:\n\n  {TARO}\n    Unrouteable address\n", subject="Mail delivery failed"
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "exim of its own users": (
        mail(
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be\n"
            f"delivered. The following address(es) failed:\n\n  {TARO}\n    user not found\n  {HANA}\n"
            "    SMTP error from remote mail server after end of data: 550 user not found\n",
            subject="Mail delivery failed",
        ),
        Classification.DEAD,
        (TARO, HANA),
    ),
    "old sendmail": (
        mail(
            f"   ----- Transcript of session follows -----\nWhile talking to mx.example.jp:\n>>> RCPT To:<{TARO}>\n"
            f"<<< 550 <{TARO}>, User Unknown\n550 <{TARO}>... User unknown\n   ----- Unsent message follows -----{COPY}",
            subject="Returned mail: User unknown",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "smail": (
        mail(
            "|------------------------- Message log follows: -------------------------|\n no valid recipients were found\n"
            f"|------------------------- Failed addresses follow: ---------------------|\n <{TARO}>\n"
            f"   552 5.2.2 <{TARO}> Quota exceeded (mailbox for user is full)\n\n"
            f"|------------------------- Message header follows: ----------------------|{COPY}",
            subject="mail failed, returning to sender",
        ),
        Classification.FULL,
        (TARO,),
    ),
    "gmx": (
        mail(
            "This message was created automatically by mail delivery software.\nThe following address failed:\n\n"
            f'"{TARO}":\nSMTP error from remote server after RCPT command:\nhost: mx.example.jp\n5.1.1 User Unknown\n\n'
            "--- The header of the original message is following. ---"
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "1&1 after the content": (
        mail(
            f"The following address failed:\n\n{TARO}:\nSMTP error from remote server for TEXT command, host: mx (192.0.2.1) "
            "reason: 550 no such user\n",
            subject="Mail delivery failed: returning message to sender",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "gmail of old": (
        mail(
            f"Delivery to the following recipient failed permanently:\n\n     {TARO}\n\nTechnical details of permanent failure:\n"
            "Google tried to deliver your message, but it was rejected by the recipient domain. The error that the other server\n"
            "returned was: 550 550 unknown user (state 14).\n\n----- Original message -----" + COPY,
            sender="mailer-daemon@googlemail.com",
            subject="Delivery Status Notification (Failure)",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "gmail of old, after the content": (
        mail(
            f"Delivery to the following recipient failed permanently:\n\n     {TARO}\n\nThe error that the other server returned was:\n"
            "550 550 unknown user (state 18).\n",
            sender="mailer-daemon@googlemail.com",
            subject="Delivery Status Notification (Failure)",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "gmail of today": (
        mail(
            f"** Address not found **\n\nYour message wasn't delivered to {TARO} because the address couldn't be found. Check for\n"
            "typos or unnecessary spaces and try again.\n",
            sender="mailer-daemon@googlemail.com",
            subject="Delivery Status Notification (Failure)",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "domino": (
        mail(
            f"Your message\n\n  Subject: x\n\nwas not delivered to:\n\n  {TARO}\n\nbecause:\n\n"
            f"  User taro ({TARO}) not listed in Domino Directory\n",
            sender="Postmaster@example.jp",
            subject="DELIVERY FAILURE: User taro not listed in Domino Directory",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "notes": (
        mail(
            f"------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n{TARO}\n\n"
            f"------- Returned Message --------{COPY}",
            sender="postmaster@example.jp",
            subject="Undeliverable message",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "exchange 5.5": (
        mail(
            "Your message\n\n  To:      info@elsewhere.example\n  Subject: x\n  Sent:    Thu, 29 Apr 2010 18:14:35 +0000\n\n"
            f"did not reach the following recipient(s):\n\n{TARO} on Thu, 29 Apr 2010 16:51:51 -0500\n"
            "    The recipient name is not recognized\n    MSEXCH:IMS:X:Y:Z 0 (000C05A6) Unknown Recipient\n",
            sender="System Administrator <postmaster@example.jp>",
            subject="Undeliverable: x",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "imail": (
        mail(
            f"Unknown user: {TARO}\n\nOriginal message follows.{COPY}",
            sender="Postmaster@example.jp",
            subject="Undeliverable Mail",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "messaging server": (
        mail(
            "This report relates to a message you sent with the following header fields:\n\n  Message-id: <1@midori.example.org>\n"
            "  From: info@midori.example.org\n  To: taro@example.jp\n\nYour message cannot be delivered to the following recipients:\n\n"
            f"  Recipient address: {TARO}\n  Reason: Remote SMTP server has rejected address\n"
            f"  Diagnostic code: smtp;550 5.1.1 <{TARO}>... User Unknown\n",
            subject="Delivery Notification: Delivery has failed",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "mailmarshal": (
        mail(
            "Your message:\n   From:    info@midori.example.org\n   Subject: x\n\nCould not be delivered because of\n\n"
            f"550 5.1.1 User unknown\n\nThe following recipients were affected:\n    {TARO}\n",
            sender="postmaster@example.jp",
            subject='Undeliverable Mail: "x"',
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "interscan": (
        mail(
            f"Sent <<< RCPT TO:<{TARO}>\nReceived >>> 550 5.1.1 <{TARO}>... user unknown\n\nUnable to deliver message to <{TARO}>\n",
            sender='"InterScan MSS" <postmaster@example.jp>',
            subject="Mail could not be delivered",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "m-filter": (
        mail(
            "このメールは「m-FILTER」が自動的に生成して送信しています。\n以下のメールアドレスへの送信に失敗しました。\n"
            f"{TARO}\n\n-------server message\n550 {TARO}... No such user\n\n-------SMTP command\nDATA\n\n-------original message\n",
            sender="<>",
            subject="failure notice",
            Content_Type="text/plain; charset=utf-8",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "opensmtpd": (
        mail(
            "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.\n\n"
            "    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n"
            f"{TARO}: Domain does not exist\n\n    Below is a copy of the original message:{COPY}",
            subject="Delivery status notification: error",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "dragonfly": (
        mail(
            f"This is the DragonFly Mail Agent v0.13 at df.example.org.\n\nThere was an error delivering your mail to <{TARO}>.\n\n"
            f"mx.example.jp [192.0.2.1] did not like our RCPT TO:\n550 <{TARO}>: User unknown\n\nMessage headers follow.{COPY}",
            sender="MAILER-DAEMON <>",
            subject="Mail delivery failed",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "au refuses for its user": (
        mail(
            "The user(s) account is temporarily limited.\n\n<taro@ezweb.ne.jp>\n",
            sender="Postmaster@ezweb.ne.jp",
            subject="Mail System Error - Returned Mail",
        ),
        Classification.SUSPENDED,
        ("taro@ezweb.ne.jp",),
    ),
    "au at rcpt": (
        mail(
            "Each of the following recipients was rejected by a remote\nmail server.\n\n    Recipient: <taro@ezweb.ne.jp>\n"
            "    >>> RCPT TO:<taro@ezweb.ne.jp>\n    <<< 550 <taro@ezweb.ne.jp>: User unknown\n",
            sender="Postmaster@ezweb.ne.jp",
            subject="Mail System Error - Returned Mail",
        ),
        Classification.DEAD,
        ("taro@ezweb.ne.jp",),
    ),
    "au one net": (
        mail(
            "Your mail sent on: Thu, 29 Apr 2010 11:04:47 +0900\n    Could not be delivered to: <taro@example.jp>\n"
            "    As the remote domain doesnt exist.\n",
            sender="no-reply@app.example.ne.jp",
            subject="メールエラー通知",
            Return_Path="<>",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "biglobe": (
        mail(
            f"   ----- The following addresses had delivery problems -----\n{TARO}\n\n   ----- Non-delivered information -----\n"
            "The number of messages in recipient's mailbox exceeded the local limit.\n",
            sender="postmaster@biglobe.ne.jp",
            subject="Returned mail: failed",
        ),
        Classification.FULL,
        (TARO,),
    ),
    "cyrus by a word in brackets": (
        mail(
            f"The original message was received at Thu, 29 Apr 2010\n\n---The following addresses had delivery errors---\n\n"
            f"{TARO} [User unknown]\n",
            sender='"Mail Deliver System" <postmaster@example.jp>',
            subject="Returned Mail: x",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "mailfoundry": (
        mail(
            f"Unable to deliver message to: <{TARO}>\nDelivery failed for the following reason:\n"
            "mx.example.jp[192.0.2.1] responded with failure: 550 5.1.1 no such user\n\nThis has been a permanent failure.\n",
            subject="Message delivery has failed",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "zoho": (
        mail(
            "This message was created automatically by mail delivery software.\n A message that you sent could not be delivered.\n\n"
            f"{TARO} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{TARO}>... User Unknown\n\nReceived:from mail by mx\n",
            sender="mailer-daemon@mail.zoho.com",
            subject="Undelivered Mail Returned to Sender",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "a page of html": (
        mail(
            "<html><head><style>p { user: unknown }</style></head><body><p>Your message could not be delivered to</p>"
            f"<p>{TARO}</p><p>The server said: <b>550 5.1.1</b> No such user</p></body></html>",
            subject="Undeliverable: x",
            Content_Type="text/html",
        ),
        Classification.DEAD,
        (TARO,),
    ),
    "mimecast without a code": (
        mail(
            "This is an automated alert notification.\nAn email that you attempted to send to the following address could not be\n"
            f"delivered:\n-- {TARO}\nThe problem appears to be :\n-- Recipient email address is possibly incorrect\n"
            "Additional information follows :\n-- 5.4.1 Recipient address rejected: Access denied.\n",
            sender='"postmaster" <postmaster@example.org>',
            subject="[Postmaster] Email Delivery Failure",
        ),
        Classification.FILTERED,
        (TARO,),
    ),
    "amazon by notification": (
        mail(
            '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"'
            f'{TARO}","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}}]}},"mail":{{}}}}\n--\nbye',
            sender="SES <no-reply@sns.amazonaws.com>",
            subject="AWS Notification Message",
        ),
        Classification.DEAD,
        (TARO,),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_reports_in_words_are_read(name: str) -> None:
    raw, classification, recipients = FORMATS[name]
    bounce = bounces.read(raw)
    assert bounce.is_bounce
    assert bounce.classification == classification
    assert bounce.hard == (classification is Classification.DEAD)
    assert bounce.recipients == recipients


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name][1] is not Classification.DEAD])
def test_the_returned_mail_kills_nobody(name: str) -> None:
    raw = FORMATS[name][0] + (
        b"\r\n\r\nReceived: from somebody by somebody\r\nSubject: 550 5.1.1 user unknown\r\n\r\n"
        b">>> RCPT TO:<taro@example.jp>\r\n<<< 550 5.1.1 <taro@example.jp>... User unknown\r\n"
    )
    assert not bounces.read(raw).hard


def test_a_tree_that_is_there_already_need_not_be_made_again() -> None:
    from mail.mime import parts

    raw = FORMATS["qmail"][0]
    assert bounces.read(raw, parts.parse(raw, parts.Limits())) == bounces.read(raw)
