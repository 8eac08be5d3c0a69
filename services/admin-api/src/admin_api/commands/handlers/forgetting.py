"""Finished commands are erased when nobody can undo them any more; the audit log goes on telling of them."""

from datetime import timedelta
from typing import Final

from admin_api.commands import store
from admin_api.kernel.context import Database

MARGIN: Final = timedelta(days=5)
"""How much longer than it can be undone a finished command is shown: who is refused as too late can look why."""


async def forget(database: Database, undo_life: timedelta) -> int:
    """Erase finished commands that are older; returns how many. One that waits for its result stays."""
    now = database.clock()
    async with database.engine.begin() as connection:
        return await store.forget(connection, now - undo_life - MARGIN, now)
