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
from responder.context import Context
from responder.handlers import leaving, news, operator, posts, registration
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError

E = TypeVar("E", bound=Event)
Handle = Callable[[Context, Delivery], Awaitable[None]]


def _as(model: type[E], handler: Callable[[Context, E], Awaitable[None]]) -> tuple[str, Handle]:
    async def handle(context: Context, delivery: Delivery) -> None:
        await handler(context, delivery.event(model))

    return model.name, handle


_HANDLERS = dict(
    (
        _as(InboundInfo, news.asked),
        _as(InboundOperator, operator.written_to),
        _as(RegistrationOpened, registration.opened),
        _as(RegistrationCompleted, registration.completed),
        _as(RegistrationRefused, registration.refused),
        _as(LeaveOpened, leaving.opened),
        _as(LeaveCompleted, leaving.completed),
        _as(LeaveRefused, leaving.refused),
        _as(PostHeld, posts.held),
        _as(PostClosed, posts.closed),
    )
)


class EventConsumer:
    """Every event that responder answers, by its subject."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        handle = _HANDLERS.get(delivery.subject)
        if handle is None:
            raise PermanentError("unexpected_subject")
        await handle(self._context, delivery)
