"""From the bus to plain calls: which event or command goes to which handler."""

from collections.abc import Mapping

from contracts import commands
from contracts.commands import Command
from contracts.events import (
    ConfirmationGiven,
    CopyBounced,
    DeliverySettled,
    InboundEntry,
    InboundLeave,
    InboundPost,
    MessageApproved,
)
from registry import handlers
from registry.context import Context
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError

_COMMANDS: Mapping[str, type[Command]] = {model.name: model for model in commands.ALL}


class InboundConsumer:
    """Mails to entry, leave and post addresses."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case InboundEntry.name:
                await handlers.registration.entry(self._context, delivery.event(InboundEntry))
            case InboundLeave.name:
                await handlers.leaving.leave(self._context, delivery.event(InboundLeave))
            case InboundPost.name:
                await handlers.posts.post(self._context, delivery.event(InboundPost))
            case _:
                raise PermanentError("unexpected_subject")


class EventsConsumer:
    """Confirmations, approved messages, bounces."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case ConfirmationGiven.name:
                await self._confirmed(delivery.event(ConfirmationGiven))
            case MessageApproved.name:
                await handlers.broadcast.approve(self._context, delivery.event(MessageApproved))
            case CopyBounced.name:
                await handlers.outcomes.bounce(self._context, delivery.event(CopyBounced))
            case _:
                raise PermanentError("unexpected_subject")

    async def _confirmed(self, event: ConfirmationGiven) -> None:
        match event.kind:
            case "registration":
                await handlers.registration.confirm(self._context, event)
            case "leave":
                await handlers.leaving.confirm(self._context, event)
            case "unsubscribe" | "complaint":
                await handlers.leaving.unsubscribe(self._context, event)
            case "post":
                await handlers.posts.confirm(self._context, event)


class OutcomesConsumer:
    """Outcomes of copies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case DeliverySettled.name:
                await handlers.outcomes.settle(self._context, delivery.event(DeliverySettled))
            case _:
                raise PermanentError("unexpected_subject")


class CommandsConsumer:
    """Commands of administrators."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        await handlers.commands.handle(self._context, _command(delivery))


class GivenUpConsumer:
    """What this service could not handle and the operator decided that it never will be: who gave a command is told."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        if delivery.subject in _COMMANDS:
            await handlers.commands.give_up(self._context, _command(delivery))


def _command(delivery: Delivery) -> Command:
    model = _COMMANDS.get(delivery.subject)
    if model is None:
        raise PermanentError("unexpected_subject")
    return delivery.event(model)
