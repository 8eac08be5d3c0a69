"""From the bus to plain calls: what has come of commands."""

from admin_api.commands.handlers import settling
from admin_api.kernel.context import Database
from contracts.events import CommandDone
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError


class CommandResultConsumer:
    """Takes the events of the consumer `admin-api-commands` to their handler."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, delivery: Delivery) -> None:
        if delivery.subject != CommandDone.name:
            raise PermanentError("unexpected_subject")
        await settling.settle(self._database, delivery.event(CommandDone))
