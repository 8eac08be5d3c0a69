"""What became of a message: who has got it, who answered what. A person reads an answer that the rules couldn't read,
and says which choice it means.

Handlers that are given a `Message` are given one that the caller may see (`messages.handlers.looking_up.get`).
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.messages.model import Message
from admin_api.results import store
from admin_api.results.model import Answer, Copy, Counts, Tally
from admin_api.units.handlers import require
from contracts.requests import Names

_NO_NAMES = Names()


async def counts(connection: AsyncConnection, messages: Sequence[int]) -> dict[int, Counts]:
    """Counts of those messages that the ledger knows."""
    return await store.counts(connection, messages) if messages else {}


async def tallies(connection: AsyncConnection, message: int) -> list[Tally]:
    """Last answers to a message by choice."""
    return await store.tallies(connection, message)


async def open_copies(connection: AsyncConnection, unit: str, message: int) -> list[int]:
    """Copies that wait for an answer; a child for whom one guardian answered needs no more."""
    return await store.open_copies(connection, unit, message)


async def copies(
    context: Context,
    who: Caller,
    message: Message,
    *,
    state: str | None,
    settled: bool | None,
    wanted: PageRequest[int],
) -> tuple[Slice[Copy, int], Names]:
    """Copies of a message, with names where the unit has them."""
    async with context.database.engine.connect() as connection:
        named = (await require(connection, message.unit)).receipts
        found = await store.copies(connection, message.unit, message.id, state=state, settled=settled, wanted=wanted)
    return found, await _names(context, who, message.unit, found.items) if named else _NO_NAMES


async def answers(
    context: Context, who: Caller, message: Message, *, latest: bool | None, wanted: PageRequest[int]
) -> tuple[Slice[Answer, int], Names]:
    """Answers to a message, earlier ones too unless only the latest are wanted; names where the unit has them."""
    async with context.database.engine.connect() as connection:
        named = (await require(connection, message.unit)).receipts
        found = await store.answers(connection, context.database.cipher, message.id, latest=latest, wanted=wanted)
    return found, await _names(context, who, message.unit, found.items) if named else _NO_NAMES


async def choose(context: Context, who: Caller, message: Message, answer: int, choice: int | None) -> None:
    """Let the answer count as `choice` from now on; None: as it was read. NotFound for an unknown answer, Conflict
    where no choice was asked, Unacceptable for one that isn't offered."""
    database = context.database
    async with database.engine.connect() as connection:
        known = await store.has_answer(connection, message.id, answer)
    if message.asks != "choice":
        raise Conflict("asks-no-choice", "This message asks for no choice.")
    if choice is not None and choice > len(message.choices):
        raise Unacceptable("choice", f"The message offers {len(message.choices)} choices.")
    if not known:
        raise NotFound("There is no such answer.")
    action = "answer.choice_taken_back" if choice is None else "answer.choice_set"
    detail = {"message": str(message.id)} | ({} if choice is None else {"choice": str(choice)})
    async with database.change(who.actor, action, f"answer/{answer}", unit=message.unit, detail=detail) as connection:
        if choice is None:
            await store.unset_choice(connection, answer)
        else:
            await store.set_choice(
                connection,
                answer=answer,
                message=message.id,
                choice=choice,
                account=who.account,
                at=database.clock(),
            )


async def _names(context: Context, who: Caller, unit: str, rows: Sequence[Copy] | Sequence[Answer]) -> Names:
    members = {row.member for row in rows if row.member is not None}
    children = {row.child for row in rows if row.child is not None}
    if not members and not children:
        return _NO_NAMES
    return await context.registry.names(unit, who.actor, members, children)
