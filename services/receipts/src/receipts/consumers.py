"""From the bus to plain calls: which event goes to which handler."""

from contracts.events import (
    DeliveryPlanned,
    DeliverySettled,
    InboundBounce,
    InboundFeedback,
    InboundReply,
    InboundUnsubscribe,
)
from receipts import reports
from receipts.handlers import Receipts
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError


class InboundConsumer:
    """Replies, reports and one-click unsubscriptions."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case InboundReply.name:
                await self._receipts.reply(delivery.event(InboundReply))
            case InboundBounce.name:
                await reports.bounce(self._receipts, delivery.event(InboundBounce))
            case InboundFeedback.name:
                await reports.complaint(self._receipts, delivery.event(InboundFeedback))
            case InboundUnsubscribe.name:
                await self._receipts.unsubscribe(delivery.event(InboundUnsubscribe))
            case _:
                raise PermanentError("unexpected_subject")


class OutcomesConsumer:
    """Plans and outcomes of copies."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case DeliveryPlanned.name:
                await self._receipts.plan(delivery.event(DeliveryPlanned))
            case DeliverySettled.name:
                await self._receipts.settle(delivery.event(DeliverySettled))
            case _:
                raise PermanentError("unexpected_subject")
