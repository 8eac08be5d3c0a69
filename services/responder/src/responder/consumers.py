"""From the bus to plain calls: which event goes to which handler."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.base import Event
from contracts.events import (
    InboundInfo,
    InboundOperator,
    LeaveCompleted,
    LeaveOpened,
    LeaveRefused,
    PostClosed,
    PostHeld,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
)
from responder.handlers import Responder
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError

E = TypeVar("E", bound=Event)
Handle = Callable[[Delivery], Awaitable[None]]


def _as(model: type[E], handler: Callable[[E], Awaitable[None]]) -> tuple[str, Handle]:
    async def handle(delivery: Delivery) -> None:
        await handler(delivery.event(model))

    return model.name, handle


class EventConsumer:
    """Every event that responder answers, by its subject."""

    def __init__(self, responder: Responder) -> None:
        self._handlers = dict(
            (
                _as(InboundInfo, responder.info),
                _as(InboundOperator, responder.operator),
                _as(RegistrationOpened, responder.registration_opened),
                _as(RegistrationCompleted, responder.registration_completed),
                _as(RegistrationRefused, responder.registration_refused),
                _as(LeaveOpened, responder.leave_opened),
                _as(LeaveCompleted, responder.leave_completed),
                _as(LeaveRefused, responder.leave_refused),
                _as(PostHeld, responder.post_held),
                _as(PostClosed, responder.post_closed),
            )
        )

    async def __call__(self, delivery: Delivery) -> None:
        handle = self._handlers.get(delivery.subject)
        if handle is None:
            raise PermanentError("unexpected_subject")
        await handle(delivery)
