"""From the bus to the list of dead letters."""

from admin_api.dead_letters import handlers
from admin_api.kernel.context import Database
from runtime.bus.consumer import Delivery
from runtime.errors import Postponed
from runtime.logs import get_logger
from runtime.redaction import reason_of

RETRY_SECONDS = 30.0
log = get_logger(__name__)


class DeadLetterConsumer:
    """Handler for the consumer `admin-api-deadletters`. It gives nothing up: its own dead letters would come to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, delivery: Delivery) -> None:
        try:
            await handlers.arrived(self._database, delivery.sequence, delivery.subject, delivery.data)
        except Exception as error:
            log.warning("dead_letter_not_stored", sequence=delivery.sequence, reason=reason_of(error))
            raise Postponed("dead_letter_not_stored", RETRY_SECONDS) from None
