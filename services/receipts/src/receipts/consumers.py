"""From the bus to plain calls: which event goes to which handler."""

from contracts.events import (
    DeliveryPlanned,
    DeliverySettled,
    InboundBounce,
    InboundFeedback,
    InboundReply,
    InboundUnsubscribe,
)
from receipts.context import Context
from receipts.handlers import confirmations, copies, replies, reports
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError


class InboundConsumer:
    """Replies, reports and one-click unsubscriptions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case InboundReply.name:
                await replies.reply(self._context, delivery.event(InboundReply))
            case InboundBounce.name:
                await reports.bounce(self._context, delivery.event(InboundBounce))
            case InboundFeedback.name:
                await reports.complaint(self._context, delivery.event(InboundFeedback))
            case InboundUnsubscribe.name:
                await confirmations.unsubscribe(self._context, delivery.event(InboundUnsubscribe))
            case _:
                raise PermanentError("unexpected_subject")


class OutcomesConsumer:
    """Plans and outcomes of copies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case DeliveryPlanned.name:
                await copies.plan(self._context, delivery.event(DeliveryPlanned))
            case DeliverySettled.name:
                await copies.settle(self._context, delivery.event(DeliverySettled))
            case _:
                raise PermanentError("unexpected_subject")
