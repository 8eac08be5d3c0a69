"""Complaints and stray reports: only a genuine token of a copy has an effect; everything else is counted and kept."""

import secrets
from datetime import timedelta

import pytest

from contracts.events import ConfirmationGiven, CopyBounced, InboundFeedback
from mail import tokens
from mail.tokens import TokenKind
from receipts.consumers import InboundConsumer
from receipts.handlers import reports
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError
from simulator.behaviour import LateDsn
from simulator.complaints import arf, jmrp, sent_copy
from simulator.dsn import delivery_report
from tests.receipts.conftest import NOW, Harness, plain_mail


def foreign(harness: Harness) -> str:
    return tokens.mint(secrets.token_bytes(32), harness.unit, tokens.Token(TokenKind.BOUNCE, 1, 2, tokens.hour_of(NOW)))


async def complaints(harness: Harness) -> list[tuple[str, int, int]]:
    return [(each.kind, each.message_ref, each.recipient_ref) for each in await harness.said(ConfirmationGiven)]


@pytest.mark.parametrize("kind", ["abuse", "opt-out", "opt-out-list"])
async def test_who_presses_the_spam_button_leaves(harness: Harness, kind: str) -> None:
    original = sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12))
    await reports.complaint(harness.context, harness.feedback(arf(original, kind)))
    assert await complaints(harness) == [("complaint", 11, 12)]


async def test_a_complaint_of_outlook_com_has_the_same_effect(harness: Harness) -> None:
    original = sent_copy(harness.unit, leave=harness.token(TokenKind.UNSUBSCRIBE, 11, 12))
    await reports.complaint(harness.context, harness.feedback(jmrp(original)))
    assert await complaints(harness) == [("complaint", 11, 12)]


@pytest.mark.parametrize("place", ["reply", "leave", "bounce"])
async def test_any_token_of_the_copy_tells_whose_it_is(harness: Harness, place: str) -> None:
    kinds = {"reply": TokenKind.ANSWER, "leave": TokenKind.UNSUBSCRIBE, "bounce": TokenKind.BOUNCE}
    raw = arf(sent_copy(harness.unit, **{place: harness.token(kinds[place], 11, 12)}, to="redacted"))
    await reports.complaint(harness.context, harness.feedback(raw))
    assert await complaints(harness) == [("complaint", 11, 12)]


async def test_the_unit_is_the_one_that_the_token_names_wherever_the_report_came(harness: Harness) -> None:
    raw = arf(sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12)))
    await reports.complaint(harness.context, harness.feedback(raw, unit="operator"))
    assert await complaints(harness) == [("complaint", 11, 12)]


async def test_a_report_that_hides_everything_counts_when_it_came_to_the_copys_own_address(harness: Harness) -> None:
    raw = arf(sent_copy("hidden", message_id="redacted"))
    await reports.complaint(harness.context, harness.feedback(raw, token=harness.token(TokenKind.BOUNCE, 11, 12)))
    assert await complaints(harness) == [("complaint", 11, 12)]


async def test_a_report_that_comes_twice_counts_once(harness: Harness) -> None:
    event = harness.feedback(arf(sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12))))
    for _ in range(3):
        await reports.complaint(harness.context, event)
    assert len(await complaints(harness)) == 1


async def test_a_forged_report_has_no_effect_and_is_kept(harness: Harness) -> None:
    for raw in (
        arf(sent_copy(harness.unit, bounce=foreign(harness))),
        arf(sent_copy(harness.unit)),
        jmrp(b"Subject: x\r\n\r\n"),
    ):
        with pytest.raises(PermanentError, match="feedback_without_token"):
            await reports.complaint(harness.context, harness.feedback(raw))
    assert await complaints(harness) == []


@pytest.mark.parametrize("kind", ["fraud", "virus", "auth-failure", "other", "something-new"])
async def test_what_is_no_complaint_is_kept_for_the_operator(harness: Harness, kind: str) -> None:
    original = sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12))
    with pytest.raises(PermanentError, match="feedback_of_another_kind"):
        await reports.complaint(harness.context, harness.feedback(arf(original, kind)))
    assert await complaints(harness) == []


async def test_that_a_mail_is_not_spam_after_all_has_no_effect(harness: Harness) -> None:
    original = sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12))
    await reports.complaint(harness.context, harness.feedback(arf(original, "not-spam")))
    assert await complaints(harness) == []


async def test_a_complaint_about_a_guide_takes_nobody_off(harness: Harness) -> None:
    original = sent_copy(harness.unit, reply=harness.token(TokenKind.REGISTRATION, 11, 12))
    await reports.complaint(harness.context, harness.feedback(arf(original)))
    assert await complaints(harness) == []


async def test_a_mail_that_only_refers_to_a_copy_is_not_that_copy(harness: Harness) -> None:
    forwarded = plain_mail(
        "転送します\n", References=f"<{harness.token(TokenKind.ANSWER, 11, 12)}.1@{harness.unit}.renrakumo.example>"
    )
    with pytest.raises(PermanentError, match="feedback_without_token"):
        await reports.complaint(harness.context, harness.feedback(arf(forwarded)))


async def test_a_delivery_report_that_came_elsewhere_is_kept_and_has_no_effect(harness: Harness) -> None:
    original = sent_copy(
        harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12), bounce=harness.token(TokenKind.BOUNCE, 11, 12)
    )
    raw = delivery_report(
        carrier="docomo.example", envelope_from="info@x.example", recipient="gone@docomo.example", raw=original,
        plan=LateDsn("127.0.0.1", 25), at=NOW, number=1,
    )  # fmt: skip
    with pytest.raises(PermanentError, match="report_without_token"):
        await reports.bounce(harness.context, harness.bounce(None, raw))
    assert await harness.said(CopyBounced) == []


async def test_the_bus_brings_feedback_to_the_right_place(harness: Harness) -> None:
    event = harness.feedback(
        arf(sent_copy(harness.unit, reply=harness.token(TokenKind.ANSWER, 11, 12, age=timedelta(days=3))))
    )
    body = event.model_dump_json().encode()
    await InboundConsumer(harness.context)(
        Delivery(subject=InboundFeedback.name, data=body, headers={}, attempt=1, stream="INBOUND", sequence=1)
    )
    (given,) = await harness.said(ConfirmationGiven)
    assert given.issued_at < NOW - timedelta(days=2)
