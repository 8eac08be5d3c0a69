"""Messages as they are looked at: lists, live counts, who has got them and who answered what."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Office
from admin_api.kernel.errors import NotFound
from admin_api.kernel.roles import Caller, MessageState
from admin_api.messages import store as messages
from admin_api.messages.store import Message
from admin_api.results import store as ledger
from admin_api.results.store import Answer, Copy, Counts, Tally
from admin_api.units.handlers import require
from contracts.requests import Names
from runtime.faults import is_outage
from runtime.logs import get_logger

log = get_logger(__name__)
_NO_NAMES = Names()


@dataclass(frozen=True, slots=True)
class Seen:
    """A message with its live counts; tallies, and the counts of the message that it corrects (None when it corrects
    none, or the ledger could not be asked), only where one message is looked at."""

    message: Message
    counts: Counts
    tallies: tuple[Tally, ...] = ()
    corrected: Counts | None = None


async def page(
    office: Office, who: Caller, unit: str, *, state: MessageState | None, before: int | None, limit: int
) -> list[Seen]:
    """Newest first; a limited sender sees what went to his own groups or came from him."""
    async with office.books.engine.connect() as connection:
        await require(connection, unit)
        found = await messages.page(
            connection,
            office.books.cipher,
            unit,
            state=state,
            before=before,
            limit=limit,
            groups=who.groups,
            account=who.account,
        )
        counts = await ledger.counts(connection, [message.id for message in found]) if found else {}
    return [Seen(message, counts.get(message.id, Counts())) for message in found]


async def one(office: Office, who: Caller, unit: str, number: int) -> Seen:
    async with office.books.engine.connect() as connection:
        message = await visible(office, connection, who, unit, number)
        counts = await ledger.counts(connection, [number, *([message.supersedes] if message.supersedes else [])])
        tallies = await ledger.tallies(connection, number) if message.asks != "none" else []
    corrected = None if message.supersedes is None else counts.get(message.supersedes, Counts())
    return Seen(message, counts.get(number, Counts()), tuple(tallies), corrected)


async def counts_now(office: Office, number: int) -> Counts | None:
    """What the ledger knows of a message that was changed right now; None when it cannot be asked: the change has
    happened all the same."""
    try:
        async with office.books.engine.connect() as connection:
            return (await ledger.counts(connection, [number])).get(number, Counts())
    except Exception as error:
        if not is_outage(error):
            log.exception("counts_not_read")
        return None


async def copies(
    office: Office,
    who: Caller,
    unit: str,
    number: int,
    *,
    state: str | None,
    settled: bool | None,
    after: int,
    limit: int,
) -> tuple[list[Copy], Names]:
    """Copies of a message, with names where the unit has them."""
    async with office.books.engine.connect() as connection:
        await visible(office, connection, who, unit, number)
        named = (await require(connection, unit)).receipts
        found = await ledger.copies(connection, unit, number, state=state, settled=settled, after=after, limit=limit)
    return found, await _names(office, who, unit, found) if named else _NO_NAMES


async def answers(
    office: Office, who: Caller, unit: str, number: int, *, latest: bool | None, after: int, limit: int
) -> tuple[Message, list[Answer], Names]:
    """Answers to a message, earlier ones too unless only the latest are wanted."""
    async with office.books.engine.connect() as connection:
        message = await visible(office, connection, who, unit, number)
        named = (await require(connection, unit)).receipts
        found = await ledger.answers(connection, office.books.cipher, number, latest=latest, after=after, limit=limit)
    return message, found, await _names(office, who, unit, found) if named else _NO_NAMES


async def visible(
    office: Office, connection: AsyncConnection, who: Caller, unit: str, number: int, *, lock: bool = False
) -> Message:
    """A message that the caller may see, or NotFound."""
    message = await messages.get(connection, office.books.cipher, unit, number, lock=lock)
    if message is None or not (who.reaches(message.groups, message.members) or message.created_by == who.account):
        raise NotFound("There is no such message.")
    return message


async def _names(office: Office, who: Caller, unit: str, rows: list[Copy] | list[Answer]) -> Names:
    members = {row.member for row in rows if row.member is not None}
    children = {row.child for row in rows if row.child is not None}
    if not members and not children:
        return _NO_NAMES
    return await office.registry.names(unit, who.actor, members, children)
