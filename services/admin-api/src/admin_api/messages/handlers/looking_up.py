"""Messages as they are looked at: lists and single ones with live counts, and who may see which."""

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Context
from admin_api.kernel.errors import NotFound
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.messages import store
from admin_api.messages.model import CountedMessage, Message, MessageState
from admin_api.results import handlers as results
from admin_api.results.model import Counts
from admin_api.units.handlers import require
from runtime.faults import is_outage
from runtime.logs import get_logger

log = get_logger(__name__)


async def page(
    context: Context, who: Caller, unit: str, *, state: MessageState | None, wanted: PageRequest[int]
) -> Slice[CountedMessage, int]:
    """Messages of a unit, newest first; a limited sender sees what went to his own groups or came from him."""
    async with context.database.engine.connect() as connection:
        await require(connection, unit)
        found = await store.page(
            connection,
            context.database.cipher,
            unit,
            state=state,
            wanted=wanted,
            groups=who.groups,
            account=who.account,
        )
        counts = await results.counts(connection, [message.id for message in found.items])
    counted = [CountedMessage(message, counts.get(message.id, Counts())) for message in found.items]
    return Slice(counted, found.next)


async def one(context: Context, who: Caller, unit: str, number: int) -> CountedMessage:
    """A message with counts and tallies, and with the counts of what it corrects. NotFound when there is none, or none
    that the caller may see."""
    async with context.database.engine.connect() as connection:
        message = await visible(context, connection, who, unit, number)
        counts = await results.counts(connection, [number, *([message.supersedes] if message.supersedes else [])])
        tallies = await results.tallies(connection, number) if message.asks != "none" else []
    corrected = None if message.supersedes is None else counts.get(message.supersedes, Counts())
    return CountedMessage(message, counts.get(number, Counts()), tuple(tallies), corrected)


async def get(context: Context, who: Caller, unit: str, number: int) -> Message:
    """A message without its counts. NotFound when there is none, or none that the caller may see."""
    async with context.database.engine.connect() as connection:
        return await visible(context, connection, who, unit, number)


async def counts_now(context: Context, number: int) -> Counts | None:
    """What the ledger knows of a message that was changed right now; None when it cannot be asked: the change has
    happened all the same."""
    try:
        async with context.database.engine.connect() as connection:
            return (await results.counts(connection, [number])).get(number, Counts())
    except Exception as error:
        if not is_outage(error):
            log.exception("counts_not_read")
        return None


async def find(
    context: Context, connection: AsyncConnection, unit: str, number: int, *, lock: bool = False
) -> Message | None:
    """A message, whoever asks; None when there is none. `lock`: until the transaction ends nobody else changes it."""
    return await store.get(connection, context.database.cipher, unit, number, lock=lock)


async def visible(
    context: Context, connection: AsyncConnection, who: Caller, unit: str, number: int, *, lock: bool = False
) -> Message:
    """A message that the caller may see, or NotFound; `lock`: until the transaction ends nobody else changes it."""
    message = await find(context, connection, unit, number, lock=lock)
    if message is None or not (who.reaches(message.groups, message.members) or message.created_by == who.account):
        raise NotFound("There is no such message.")
    return message
