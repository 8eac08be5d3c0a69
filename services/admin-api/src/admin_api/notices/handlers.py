"""Notices are published on the board of a unit, listed, and taken down; a message may publish one, too."""

import dataclasses

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Database
from admin_api.kernel.errors import NotFound
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.notices import store
from admin_api.notices.model import Notice
from admin_api.units.handlers import require, require_groups
from runtime.ids import new_id


async def page(database: Database, unit: str, wanted: PageRequest[int]) -> Slice[Notice, int]:
    """Notices of a unit, newest first."""
    async with database.engine.connect() as connection:
        await require(connection, unit)
        return await store.page(connection, unit, wanted)


async def add(database: Database, who: Caller, notice: Notice) -> Notice:
    """Publish a notice; the id of `notice` is replaced by a new one."""
    notice = dataclasses.replace(notice, id=new_id())
    async with database.change(who.actor, "notice.published", f"notice/{notice.id}", unit=notice.unit) as connection:
        await require(connection, notice.unit)
        await require_groups(connection, notice.unit, (notice.group,) if notice.group else None, "group")
        await store.add(connection, notice)
    return notice


async def delete(database: Database, who: Caller, unit: str, number: int) -> None:
    """Take a notice down. NotFound when the unit has none of this number."""
    async with database.change(who.actor, "notice.deleted", f"notice/{number}", unit=unit) as connection:
        if not await store.remove(connection, unit, number):
            raise NotFound("There is no such notice.")


async def publish_message(connection: AsyncConnection, notice: Notice) -> None:
    """Publish the notice of a message that goes out, in the transaction of the message; a message makes at most one."""
    await store.add(connection, dataclasses.replace(notice, id=new_id()))


async def take_down_message(connection: AsyncConnection, message: int) -> None:
    """Take down the notice that a message made, if there is one, in the transaction in which the message is stopped."""
    await store.remove_of_message(connection, message)
