"""What receipts does with reports: of non-delivery (RFC 3464) and of complaints (feedback loops, RFC 5965).

    delivery report at a copy's own address, token ours -> ledger, copy.bounced: registry decides on the address
    delivery report anywhere else                       -> counted, kept for the operator
    complaint about a mail with a token of ours         -> confirmation.given(complaint): registry lets him leave
    any other feedback                                  -> counted, kept for the operator ("not spam": only counted)

Only a valid token ever has an effect: what a report says of itself, anybody can write. "Kept" means a dead letter,
which the operator sees among the dead letters.
"""

import asyncio

from prometheus_client import Counter

from contracts.events import CopyBounced, InboundBounce, InboundFeedback
from contracts.sealed import ReportedRecipients, Sealed
from mail import tokens
from mail.reports import bounces, feedback
from mail.reports.classification import Classification
from mail.reports.feedback import Feedback, FeedbackType
from mail.tokens import Token, TokenError, TokenKind
from receipts import model, store
from receipts.context import Context
from receipts.handlers.confirmations import confirm
from receipts.handlers.incoming import check, unseal
from runtime.errors import PermanentError
from runtime.logs import get_logger

log = get_logger(__name__)

BOUNCES = Counter("renrakumo_receipts_bounces", "Reports of non-delivery by classification", ["classification"])
WITHOUT_TOKEN = Counter(
    "renrakumo_receipts_reports_without_token", "Reports of non-delivery without a token", ["classification"]
)
FEEDBACK = Counter("renrakumo_receipts_feedback", "Feedback reports by type and effect", ["type", "effect"])

_NOTHING_FAILED = (Classification.DELAYED, Classification.DELIVERED)
_OF_COPIES = (TokenKind.ANSWER, TokenKind.UNSUBSCRIBE, TokenKind.BOUNCE)


async def bounce(context: Context, event: InboundBounce) -> None:
    """Something came to the envelope sender of a copy: a delivery report, or noise. Or a report came elsewhere."""
    if event.token is None:
        await _without_token(context, event)
        return
    token = await check(context, event, event.token)
    if token.kind is not TokenKind.BOUNCE:
        raise PermanentError("token_of_another_kind")
    _, raw = await asyncio.to_thread(unseal, context, event.mail)
    report = await asyncio.to_thread(bounces.read, raw)
    classification = str(report.classification)
    expired = model.is_expired(token, context.token_lifetimes, context.clock())
    if expired or not report.is_bounce or classification in _NOTHING_FAILED:
        log.info("report_without_effect", id=event.id, classification=classification, expired=expired)
        return
    bounced = CopyBounced(
        id=f"{event.id}/bounced",
        occurred_at=context.clock(),
        unit=event.unit,
        message=token.message_ref,
        copy_ref=token.recipient_ref,
        classification=classification,
        hard=report.sure,
        status=report.status,
        recipients=_named(context, report),
    )
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, InboundBounce.name, event.id):
            return
        await store.add_bounce(
            connection,
            event_id=event.id,
            bounced=bounced,
            # A report may speak of several addresses; which of them is the copy's, registry alone can tell.
            state=model.outcome_of_bounce(str(report.mildest)),
            issued_at=model.issued_at(token),
            at=event.occurred_at,
        )
        await context.outbox.add(connection, bounced)
    BOUNCES.labels(classification).inc()


async def complaint(context: Context, event: InboundFeedback) -> None:
    """A carrier tells what one of its users thinks of a mail of ours."""
    _, raw = await asyncio.to_thread(unseal, context, event.mail)
    report = await asyncio.to_thread(feedback.read, raw)
    if report is None:
        raise PermanentError("feedback_not_understood")
    if report.type is FeedbackType.NOT_SPAM:
        FEEDBACK.labels(str(report.type), "none").inc()
        log.info("feedback_without_effect", id=event.id, type=str(report.type))
        return
    if not report.type.unwanted:
        FEEDBACK.labels(str(report.type), "kept").inc()
        raise PermanentError("feedback_of_another_kind")
    found = _genuine(context, event, report)
    if found is None:
        FEEDBACK.labels(str(report.type), "kept").inc()
        raise PermanentError("feedback_without_token")
    unit, token = found
    if token.kind not in _OF_COPIES:
        # A guide that he doesn't want ends by itself: nobody answers it.
        FEEDBACK.labels(str(report.type), "none").inc()
        log.info("complaint_about_an_automatic_mail", id=event.id, unit=unit)
        return
    if await confirm(context, event.id, unit, token, "complaint", at=event.occurred_at):
        FEEDBACK.labels(str(report.type), "complaint").inc()
        log.info("complaint", id=event.id, unit=unit, type=str(report.type))


async def _without_token(context: Context, event: InboundBounce) -> None:
    _, raw = await asyncio.to_thread(unseal, context, event.mail)
    classification = (await asyncio.to_thread(bounces.read, raw)).classification
    WITHOUT_TOKEN.labels(str(classification)).inc()
    if classification in _NOTHING_FAILED:
        log.info("report_without_effect", id=event.id, classification=str(classification), expired=False)
        return
    raise PermanentError("report_without_token")


def _genuine(context: Context, event: InboundFeedback, report: Feedback) -> tuple[str, Token] | None:
    """The first token of the reported mail that is ours, or that of the address to which the report came."""
    named = [(each.token, each.unit or event.unit) for each in report.tokens]
    if event.token is not None:
        named.append((event.token, event.unit))
    for text, unit in named:
        try:
            return unit, tokens.check(context.token_keys, unit, text)
        except TokenError:
            continue
    return None


def _named(context: Context, report: bounces.Bounce) -> Sealed | None:
    """The addresses that a report calls dead: registry compares them with the copy's, which we don't know."""
    if not report.dead:
        return None
    return context.sealer.seal(ReportedRecipients(addresses=report.dead), "registry")
