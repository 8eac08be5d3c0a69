"""From the bus to plain calls: phone posts, their confirmations and refusals, guesses at their addresses."""

from admin_api.handlers import posts
from admin_api.handlers.context import Office
from contracts.events import ConfirmationGiven, InboundGuessed, PostRecognised, PostRefused
from runtime.consumer import Delivery
from runtime.errors import PermanentError


class EventConsumer:
    """Handler for the consumers `admin-api-events` and `admin-api-inbound`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def __call__(self, delivery: Delivery) -> None:
        match delivery.subject:
            case PostRecognised.name:
                await posts.recognised(self._office, delivery.event(PostRecognised))
            case PostRefused.name:
                await posts.refused(self._office, delivery.event(PostRefused))
            case ConfirmationGiven.name:
                await posts.confirmed(self._office, delivery.event(ConfirmationGiven))
            case InboundGuessed.name:
                await posts.guessed(self._office, delivery.event(InboundGuessed))
            case _:
                raise PermanentError("unexpected_subject")
