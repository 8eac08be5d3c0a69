"""Feedback reports: read from every carrier's form, by the token of ours in the reported mail, and from nothing else."""

from __future__ import annotations

import email.message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.reports import feedback
from mail.reports.feedback import Feedback, FeedbackType, Named
from simulator.complaints import arf, jmrp, sent_copy

REPLY = "r-" + "a2" * 24
LEAVE = "r-" + "b3" * 24
BOUNCE = "b-" + "c4" * 24
WHOLE = sent_copy("sakura", reply=REPLY, leave=LEAVE, bounce=BOUNCE)


def read(raw: bytes) -> Feedback:
    found = feedback.read(raw)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("abuse", FeedbackType.ABUSE),
        ("Abuse", FeedbackType.ABUSE),
        ("abuse (by its user)", FeedbackType.ABUSE),
        ("opt-out", FeedbackType.OPT_OUT),
        ("opt-out-list", FeedbackType.OPT_OUT),
        ("fraud", FeedbackType.FRAUD),
        ("virus", FeedbackType.VIRUS),
        ("not-spam", FeedbackType.NOT_SPAM),
        ("auth-failure", FeedbackType.AUTH_FAILURE),
        ("other", FeedbackType.OTHER),
        ("never heard of", FeedbackType.OTHER),
    ],
)
def test_the_type_is_what_the_report_says(said: str, kind: FeedbackType) -> None:
    assert read(arf(WHOLE, said)).type is kind


def test_only_complaints_and_opt_outs_are_unwanted_mail() -> None:
    assert {kind for kind in FeedbackType if kind.unwanted} == {FeedbackType.ABUSE, FeedbackType.OPT_OUT}


def test_tokens_are_found_wherever_the_copy_carries_them_the_message_id_first() -> None:
    assert read(arf(WHOLE)).tokens == (Named(REPLY, "sakura"), Named(BOUNCE, "sakura"), Named(LEAVE, "sakura"))


def test_the_fields_of_the_report_name_the_envelope_sender() -> None:
    hidden = arf(b"Subject: x\r\n\r\n", fields=f"Original-Mail-From: <{BOUNCE}@sakura.renrakumo.example>\r\n")
    assert read(hidden).tokens == (Named(BOUNCE, "sakura"),)


def test_a_forwarder_that_rewrites_the_envelope_sender_hides_nothing() -> None:
    srs = f"SRS0=HHHH=TT=sakura.renrakumo.example={BOUNCE}@forwarder.example"
    assert read(arf(b"Subject: x\r\n\r\n", fields=f"Original-Mail-From: <{srs}>\r\n")).tokens == (
        Named(BOUNCE, "sakura"),
    )


def test_a_token_of_the_one_click_url_names_its_unit() -> None:
    raw = f"List-Unsubscribe: <https://renrakumo.example/u/sakura/{LEAVE}>\r\nSubject: x\r\n\r\n".encode()
    assert read(arf(raw)).tokens == (Named(LEAVE, "sakura"),)


def test_a_token_without_a_domain_names_no_unit() -> None:
    assert read(arf(f"Message-ID: {REPLY}\r\n\r\n".encode())).tokens == (Named(REPLY, ""),)


def test_a_mail_that_answers_or_forwards_a_copy_is_not_the_copy() -> None:
    raw = f"Message-ID: <x@y.example>\r\nReferences: <{REPLY}.1@sakura.renrakumo.example>\r\nSubject: Fwd\r\n\r\n".encode()
    assert read(arf(raw)).tokens == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"report_type": ""},
        {"fields_type": "text/plain"},
        {"fields_type": "application/octet-stream"},
        {"top": "multipart/mixed", "report_type": ""},
        {"original_type": "text/rfc822-headers"},
        {"original_type": "text/rfc822-header"},
        {"original_type": "text/plain"},
        {"report_type": '; report-type="Feedback-Report"'},
        {"report_type": "; REPORT-TYPE=feedback-report"},
    ],
)
def test_reports_that_lost_a_mark_on_the_way_are_read(changes: dict[str, str]) -> None:
    found = read(arf(WHOLE, **changes))
    assert (found.type, found.tokens[0]) == (FeedbackType.ABUSE, Named(REPLY, "sakura"))


def test_a_report_whose_fields_are_gone_says_its_type_in_words() -> None:
    raw = arf(WHOLE, "opt-out", fields_type="text/plain").replace(b"Feedback-Type", b"X-Lost")
    assert read(raw).type is FeedbackType.OPT_OUT


@pytest.mark.parametrize("marked", [True, False])
def test_outlook_com_hands_the_mail_on_without_a_word(marked: bool) -> None:
    found = read(jmrp(WHOLE, marked=marked))
    assert (found.type, found.tokens[0]) == (FeedbackType.ABUSE, Named(REPLY, "sakura"))


def test_recipients_are_those_that_the_report_names() -> None:
    fields = "Original-Rcpt-To: <a@docomo.example>\r\nOriginal-Rcpt-To: b@docomo.example\r\n"
    assert read(arf(WHOLE, fields=fields)).recipients == ("a@docomo.example", "b@docomo.example")
    assert read(arf(WHOLE, fields="Removal-Recipient: c@docomo.example\r\n")).recipients == ("c@docomo.example",)
    assert read(jmrp(WHOLE)).recipients == ("hanako-mama@outlook.example",)
    assert read(arf(WHOLE)).recipients == ("hanako-mama@docomo.example",)
    assert read(arf(sent_copy("sakura", to="redacted"))).recipients == ()


def forwarded(raw: bytes, words: str) -> bytes:
    """A person sends a mail on, as a file."""
    message = email.message.EmailMessage()
    message["From"] = "hanako-mama@docomo.example"
    message["Subject"] = "Fwd: complaint about message from 192.0.2.1"
    message.set_content(words)
    message.add_attachment(email.message_from_bytes(raw))
    return bytes(message)


def test_a_person_who_sends_a_report_or_a_mail_on_reports_nothing() -> None:
    marked = b"X-HmXmrOriginalRecipient: a@outlook.example\r\n" + WHOLE
    for raw in (arf(WHOLE), jmrp(WHOLE), marked):
        assert feedback.read(forwarded(raw, "こういうメールが来ました。")) is None


def test_ordinary_mail_and_delivery_reports_are_no_feedback() -> None:
    report = arf(WHOLE, report_type="; report-type=delivery-status", fields_type="message/delivery-status")
    for raw in (
        b"",
        WHOLE,
        b"Subject: feedback report\r\n\r\nFeedback-Type: abuse\r\n",
        report.replace(b"Feedback-Type", b"X"),
    ):
        assert feedback.read(raw) is None


@given(st.binary(max_size=300), st.integers(0, 3000), st.integers(0, 300))
def test_no_damage_makes_it_raise(noise: bytes, where: int, length: int) -> None:
    for whole in (arf(WHOLE), jmrp(WHOLE)):
        found = feedback.read(whole[:where] + noise + whole[where + length :])
        assert found is None or found.type in FeedbackType


def test_endless_repetition_is_read_in_bounds() -> None:
    many = f"Original-Rcpt-To: <a@docomo.example>\r\nOriginal-Mail-From: <{BOUNCE}@{'a.' * 400}example>\r\n" * 3000
    assert len(read(arf(WHOLE, fields=many)).tokens) <= 50
    assert len(read(arf(b"".join(b"Reply-To: x%d-%b\r\n" % (n, b"=" * 900) for n in range(2000)) + WHOLE)).tokens) <= 50
