"""From the bus to plain calls: phone posts, their confirmations and refusals, guesses at their addresses; and what
services gave up on."""

from admin_api.dead_letters import handlers as held
from admin_api.kernel.context import Books, Office
from admin_api.posts import handlers as posts
from contracts.events import ConfirmationGiven, InboundSecretProbe, PostRecognised, PostRefused
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError, Postponed
from runtime.logs import get_logger
from runtime.redaction import reason_of

HELD_AGAIN_SECONDS = 30.0
log = get_logger(__name__)


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
            case InboundSecretProbe.name:
                await posts.guessed(self._office, delivery.event(InboundSecretProbe))
            case _:
                raise PermanentError("unexpected_subject")


class DeadLetterConsumer:
    """Handler for the consumer `admin-api-deadletters`. It gives nothing up: its own dead letters would come to it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def __call__(self, delivery: Delivery) -> None:
        try:
            await held.arrived(self._books, delivery.sequence, delivery.subject, delivery.data)
        except Exception as error:
            log.warning("dead_letter_not_held", sequence=delivery.sequence, reason=reason_of(error))
            raise Postponed("dead_letter_not_held", HELD_AGAIN_SECONDS) from None
