"""Choices that a person set for answers which the rules couldn't read, or read wrongly. The ledger stays as it was."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.tables import choices_by_hand


async def put(
    connection: AsyncConnection, *, answer: int, message: int, choice: int, account: int, at: datetime
) -> None:
    """This answer means this choice, whatever was set before."""
    values = {"choice": choice, "account": account, "at": at}
    statement = insert(choices_by_hand).values(answer=answer, message=message, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["answer"], set_=values))


async def take_back(connection: AsyncConnection, answer: int) -> None:
    """The answer counts again as it was read. Harmless to repeat."""
    await connection.execute(delete(choices_by_hand).where(choices_by_hand.c.answer == answer))
