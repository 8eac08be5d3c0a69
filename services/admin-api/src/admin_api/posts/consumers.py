"""From the bus to plain calls: phone posts, their confirmations and refusals, and tries at their secret addresses."""

from admin_api.kernel.context import Context
from admin_api.posts import handlers
from contracts.events import ConfirmationGiven, InboundSecretProbe, PostRecognised, PostRefused
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError


class PostConsumer:
    """Takes events of the consumers `admin-api-events` and `admin-api-inbound` to the handlers of posts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case PostRecognised.name:
                await handlers.recognised(self._context, delivery.event(PostRecognised))
            case PostRefused.name:
                await handlers.refused(self._context, delivery.event(PostRefused))
            case ConfirmationGiven.name:
                await handlers.confirmed(self._context, delivery.event(ConfirmationGiven))
            case InboundSecretProbe.name:
                await handlers.probed(self._context, delivery.event(InboundSecretProbe))
            case _:
                raise PermanentError("unexpected_subject")
