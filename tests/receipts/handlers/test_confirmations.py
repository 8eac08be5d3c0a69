"""Only a genuine token confirms, in its own unit, and only by a person's reply; each press or mail counts once."""

import secrets
from datetime import timedelta

import pytest

from contracts.events import ConfirmationGiven, InboundReply, InboundUnsubscribe
from mail import tokens
from mail.tokens import TokenKind
from receipts.consumers import InboundConsumer, OutcomesConsumer
from receipts.handlers import confirmations, housekeeping, replies, reports
from receipts.handlers.incoming import KEPT_OCTETS, unseal
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError
from tests.receipts.conftest import NOW, PARENT, Harness, plain_mail


async def test_a_reply_to_the_guide_confirms_and_carries_the_corrected_name_sealed(harness: Harness) -> None:
    token = harness.token(TokenKind.REGISTRATION, 11, 12)
    await replies.reply(harness.context, harness.reply(token, plain_mail("15 山田 太郎 母\n")))
    (given,) = await harness.said(ConfirmationGiven)
    assert (given.kind, given.message_ref, given.recipient_ref, given.expired) == ("registration", 11, 12, False)
    assert given.issued_at == NOW
    assert harness.registry_reads(given.reply) == "15 山田 太郎 母"
    assert "山田" not in given.model_dump_json()


@pytest.mark.parametrize(
    ("kind", "said"), [(TokenKind.LEAVE, "leave"), (TokenKind.POST, "post"), (TokenKind.UNSUBSCRIBE, "unsubscribe")]
)
async def test_other_replies_confirm_without_their_text(harness: Harness, kind: TokenKind, said: str) -> None:
    await replies.reply(harness.context, harness.reply(harness.token(kind, 5, 6), plain_mail("はい\n")))
    (given,) = await harness.said(ConfirmationGiven)
    assert (given.kind, given.message_ref, given.recipient_ref, given.reply) == (said, 5, 6, None)


@pytest.mark.parametrize(
    ("kind", "life"),
    [
        (TokenKind.REGISTRATION, timedelta(days=7)),
        (TokenKind.LEAVE, timedelta(days=7)),
        (TokenKind.POST, timedelta(hours=24)),
        (TokenKind.UNSUBSCRIBE, timedelta(days=400)),
    ],
)
async def test_an_expired_token_is_said_to_be_expired(harness: Harness, kind: TokenKind, life: timedelta) -> None:
    for age in (life - timedelta(hours=1), life + timedelta(hours=2)):
        await replies.reply(harness.context, harness.reply(harness.token(kind, age=age), plain_mail("はい\n")))
    assert [given.expired for given in await harness.said(ConfirmationGiven)] == [False, True]


@pytest.mark.parametrize(
    ("kind", "expired"), [(TokenKind.REGISTRATION, False), (TokenKind.LEAVE, False), (TokenKind.POST, True)]
)
async def test_a_reply_that_was_held_for_long_counts_by_when_it_came_but_starts_no_broadcast(
    harness: Harness, kind: TokenKind, expired: bool
) -> None:
    came = NOW - timedelta(days=10)
    await replies.reply(
        harness.context, harness.reply(harness.token(kind, age=timedelta(days=10)), plain_mail("はい\n"), at=came)
    )
    (given,) = await harness.said(ConfirmationGiven)
    assert (given.occurred_at, given.expired) == (came, expired)


@pytest.mark.parametrize("kind", [TokenKind.REGISTRATION, TokenKind.LEAVE, TokenKind.POST])
async def test_an_absence_note_confirms_nothing(harness: Harness, kind: TokenKind) -> None:
    token = harness.token(kind)
    robot = plain_mail("不在です。\n", subject="不在のお知らせ", Auto_Submitted="auto-replied")
    await replies.reply(harness.context, harness.reply(token, robot, sender=""))
    # Without any mark but its subject: enough to doubt, and nobody is registered in doubt.
    await replies.reply(
        harness.context, harness.reply(token, plain_mail("不在です。\n", subject="【自動返信】不在です"))
    )
    assert await harness.said(ConfirmationGiven) == []


async def test_a_mail_program_may_unsubscribe_by_itself(harness: Harness) -> None:
    token = harness.token(TokenKind.UNSUBSCRIBE, 8, 9)
    mail = plain_mail("", subject="unsubscribe", Auto_Submitted="auto-generated")
    await replies.reply(harness.context, harness.reply(token, mail))
    (given,) = await harness.said(ConfirmationGiven)
    assert (given.kind, given.recipient_ref) == ("unsubscribe", 9)


async def test_pressing_unsubscribe_twice_is_one_confirmation(harness: Harness) -> None:
    token = harness.token(TokenKind.UNSUBSCRIBE, 8, 9)
    press = InboundUnsubscribe(
        id=f"unsubscribe-{harness.unit}-{token}", occurred_at=NOW, unit=harness.unit, token=token
    )
    await confirmations.unsubscribe(harness.context, press)
    await confirmations.unsubscribe(harness.context, press)
    assert len(await harness.said(ConfirmationGiven)) == 1


async def test_a_token_of_another_kind_does_not_unsubscribe(harness: Harness) -> None:
    token = harness.token(TokenKind.ANSWER)
    press = InboundUnsubscribe(id="unsubscribe-x", occurred_at=NOW, unit=harness.unit, token=token)
    with pytest.raises(PermanentError, match="another_kind"):
        await confirmations.unsubscribe(harness.context, press)


async def test_a_replayed_mail_confirms_once_and_a_second_mail_again(harness: Harness) -> None:
    token = harness.token(TokenKind.REGISTRATION)
    event = harness.reply(token, plain_mail("はい\n"))
    for again in (event, event, harness.reply(token, plain_mail("はい\n"))):
        await replies.reply(harness.context, again)
    # Whether a second reply has any effect is for registry, which knows what is already done.
    assert len(await harness.said(ConfirmationGiven)) == 2


def forged(harness: Harness) -> str:
    said = tokens.Token(TokenKind.REGISTRATION, 1, 2, tokens.hour_of(NOW))
    return tokens.mint(secrets.token_bytes(32), harness.unit, said)


def of_another_unit(harness: Harness) -> str:
    said = tokens.Token(TokenKind.REGISTRATION, 1, 2, tokens.hour_of(NOW))
    return tokens.mint(harness.token_key, "midori", said)


def altered(harness: Harness) -> str:
    token = harness.token(TokenKind.REGISTRATION)
    return token[:20] + ("a" if token[20] != "a" else "b") + token[21:]


@pytest.mark.parametrize("make", [forged, of_another_unit, altered])
async def test_a_token_that_is_not_ours_confirms_nothing(harness: Harness, make: object) -> None:
    token = make(harness)  # type: ignore[operator]
    with pytest.raises(PermanentError, match="token_not_ours"):
        await replies.reply(harness.context, harness.reply(token, plain_mail("はい\n")))
    with pytest.raises(PermanentError, match="token_not_ours"):
        await reports.bounce(harness.context, harness.bounce("b" + token[1:], plain_mail("")))
    assert await harness.said(ConfirmationGiven) == []


async def test_of_a_long_mail_with_a_token_that_is_not_ours_only_the_beginning_is_kept(harness: Harness) -> None:
    raw = plain_mail("はい\n" + "x" * 70 + "\n" * 200_000)
    event = harness.reply(forged(harness), raw)
    with pytest.raises(PermanentError, match="token_not_ours") as refused:
        await replies.reply(harness.context, event)
    assert refused.value.kept is not None
    kept = InboundReply.model_validate_json(refused.value.kept)
    assert (kept.token, kept.size) == (event.token, len(raw))
    assert unseal(harness.context, kept.mail) == (PARENT, raw[:KEPT_OCTETS])


async def test_a_cut_token_is_not_even_understood(harness: Harness) -> None:
    event = harness.reply(harness.token(TokenKind.REGISTRATION), plain_mail("はい\n"))
    body = event.model_dump_json().replace(event.token, event.token[:-1]).encode()
    with pytest.raises(PermanentError, match="not_understood"):
        await InboundConsumer(harness.context)(delivery(InboundReply.name, body))


async def test_an_old_phones_upper_case_is_the_same_token(harness: Harness) -> None:
    event = harness.reply(harness.token(TokenKind.LEAVE, 5, 6), plain_mail("はい\n"))
    await replies.reply(harness.context, event.model_copy(update={"token": event.token.upper()}))
    (given,) = await harness.said(ConfirmationGiven)
    assert (given.message_ref, given.recipient_ref) == (5, 6)


async def test_a_letter_sealed_for_somebody_else_is_a_dead_letter(harness: Harness) -> None:
    event = harness.reply(harness.token(TokenKind.LEAVE), plain_mail("はい\n"))
    other = Harness(harness.databases, unit=harness.unit, token_key=harness.token_key)
    try:
        with pytest.raises(PermanentError, match="does_not_open"):
            await replies.reply(other.context, event)
    finally:
        await other.engine.dispose()


async def test_an_unknown_subject_is_a_dead_letter(harness: Harness) -> None:
    for consumer in (InboundConsumer(harness.context), OutcomesConsumer(harness.context)):
        with pytest.raises(PermanentError, match="unexpected_subject"):
            await consumer(delivery("inbound.other", b"{}"))


async def test_handled_events_are_forgotten_only_when_no_stream_holds_them_any_more(harness: Harness) -> None:
    event = harness.reply(harness.token(TokenKind.LEAVE), plain_mail("はい\n"))
    await replies.reply(harness.context, event)
    await housekeeping.clean(harness.context)
    await replies.reply(harness.context, event)
    assert len(await harness.said(ConfirmationGiven)) == 1


def delivery(subject: str, body: bytes) -> Delivery:
    return Delivery(subject=subject, data=body, headers={}, attempt=1, stream="INBOUND", sequence=1)
