"""Units and groups are made and changed. Every change says itself to the directory in the same transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.commands.handlers import giving
from admin_api.commands.model import GivenCommand
from admin_api.kernel.audit import Detail
from admin_api.kernel.context import Context, Database
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.units import store
from admin_api.units.explanations import TOO_MANY_GROUPS
from admin_api.units.model import MAX_GROUPS, RESERVED_GROUPS, Group, Unit
from admin_api.units.post_secrets import new_post_secret
from contracts.commands import CloseGroup, OpenGroup


async def create(database: Database, actor: str, code: str, name: str, *, receipts: bool) -> Unit:
    """Make a unit without groups. Conflict when the code is taken."""
    async with database.change(
        actor, "unit.created", f"unit/{code}", unit=code, detail={"receipts": receipts}
    ) as connection:
        if not await store.create(connection, code, name, receipts=receipts):
            raise Conflict("code-taken", "There is a unit with this code already.")
        await store.publish(connection, database.outbox, code)
        created = await store.get(connection, code)
        assert created is not None
    return created


async def get(database: Database, code: str) -> Unit:
    """One unit, or NotFound."""
    async with database.engine.connect() as connection:
        return await require(connection, code)


async def page(database: Database, wanted: PageRequest[str]) -> Slice[Unit, str]:
    """Units by code."""
    async with database.engine.connect() as connection:
        return await store.page(connection, wanted)


async def change(database: Database, actor: str, code: str, values: dict[str, Any]) -> Unit:
    """Change a unit's name, receipts or active; NotFound when there is none."""
    async with _changing(database, actor, "unit.changed", f"unit/{code}", code, _flags(values)) as connection:
        if values:
            await store.change(connection, code, values)
    return await get(database, code)


async def groups(database: Database, code: str) -> list[Group]:
    """Groups of a unit in the order of their places."""
    async with database.engine.connect() as connection:
        await require(connection, code)
        return await store.groups_of(connection, code)


async def create_group(database: Database, actor: str, unit: str, code: str, name: str, position: int | None) -> Group:
    """Make a group. Conflict for a taken code or when the unit is full; Unacceptable for a code that would read as
    a token."""
    if code in RESERVED_GROUPS:
        raise Unacceptable("code", "This code is reserved for reply addresses.")
    async with _changing(database, actor, "group.created", f"group/{code}", unit) as connection:
        await require_room_for_group(connection, unit)
        if not await store.create_group(connection, unit, code, name, position):
            raise Conflict("code-taken", "The unit has a group with this code already.")
        # Registry may remember an earlier group of this code as closed.
        opening = OpenGroup(
            id=giving.new_command_id(), occurred_at=database.clock(), unit=unit, actor=actor, group=code
        )
        await giving.add(database, connection, opening)
        return await require_group(connection, unit, code)


async def change_group(database: Database, actor: str, unit: str, code: str, values: dict[str, Any]) -> Group:
    """Change a group's name or position; NotFound when there is none."""
    async with _changing(database, actor, "group.changed", f"group/{code}", unit) as connection:
        await require_group(connection, unit, code)
        if values:
            await store.change_group(connection, unit, code, values)
        return await require_group(connection, unit, code)


async def delete_group(context: Context, who: Caller, unit: str, code: str) -> GivenCommand:
    """Delete an empty group, once registry has closed it: while it has members (Conflict), they would be left in a
    group that nobody sees. Only registry can say that nobody is in it and that nobody is just entering."""
    async with context.database.engine.connect() as connection:
        await require_group(connection, unit, code)
    command = CloseGroup(
        id=giving.new_command_id(),
        occurred_at=context.database.clock(),
        unit=unit,
        actor=who.actor,
        group=code,
    )
    return await giving.give(context, command)


async def remove_group(database: Database, connection: AsyncConnection, unit: str, code: str) -> dict[str, Any] | None:
    """Delete a group that registry has closed, in the transaction of that result; the unit is locked. What brings it
    back (`restore_group`), None when it was gone already."""
    group = await store.group(connection, unit, code)
    if group is None:
        return None
    await store.delete_group(connection, unit, code)
    await store.publish(connection, database.outbox, unit)
    return {"name": group.name, "position": group.position, "post_secret_hash": group.post_secret_hash}


async def restore_group(
    database: Database, connection: AsyncConnection, unit: str, code: str, columns: dict[str, Any]
) -> None:
    """Make a group again whose deletion was undone, in the transaction of that result; the unit is locked."""
    await store.create_group(connection, unit, code, columns["name"], columns["position"])
    await store.change_group(connection, unit, code, columns)
    await store.publish(connection, database.outbox, unit)


async def roll_post_address(context: Context, who: Caller, unit: str, code: str) -> str:
    """Give the group a new secret post address, which is shown this once; the old one ends."""
    secret = new_post_secret()
    hashed = context.hash_secret(unit, code, secret)
    async with _changing(context.database, who.actor, "group.post-address-rolled", f"group/{code}", unit) as connection:
        await require_group(connection, unit, code)
        await store.change_group(connection, unit, code, {"post_secret_hash": hashed})
    return f"{code}-{secret}@{context.domain(unit)}"


async def publish_all(database: Database, actor: str) -> int:
    """Say every unit to the directory again, for a bus that has lost it; returns how many."""
    async with database.change(actor, "directory.published", "directory/all") as connection:
        codes = await store.all_codes(connection)
        for code in codes:
            await store.get(connection, code, lock=True)
            await store.publish(connection, database.outbox, code)
    return len(codes)


async def find(connection: AsyncConnection, code: str) -> Unit | None:
    """The unit with this code; None when there is none."""
    return await store.get(connection, code)


async def find_group(connection: AsyncConnection, unit: str, code: str) -> Group | None:
    """The group with this code; None when the unit has none."""
    return await store.group(connection, unit, code)


async def require(connection: AsyncConnection, code: str, *, lock: bool = False) -> Unit:
    """The unit with this code, or NotFound; `lock`: until the transaction ends nobody else changes it."""
    unit = await store.get(connection, code, lock=lock)
    if unit is None:
        raise NotFound("There is no such unit.")
    return unit


async def require_room_for_group(connection: AsyncConnection, unit: str) -> None:
    """Conflict when the unit can't have another group; locks the unit. A deleted group that is just coming back has its
    place already: whether it comes is registry's to say, and then it must not be one too many."""
    await require(connection, unit, lock=True)
    here, coming = await store.groups_of(connection, unit), await giving.groups_coming_back(connection, unit)
    if len(here) + coming >= MAX_GROUPS:
        raise Conflict("too-many-groups", TOO_MANY_GROUPS.en)


async def require_group(connection: AsyncConnection, unit: str, code: str) -> Group:
    """The group with this code, or NotFound."""
    group = await store.group(connection, unit, code)
    if group is None:
        raise NotFound("The unit has no such group.")
    return group


async def require_groups(connection: AsyncConnection, unit: str, codes: tuple[str, ...] | None, field: str) -> None:
    """Unacceptable when the unit lacks one of these."""
    if codes and not set(codes) <= {group.code for group in await store.groups_of(connection, unit)}:
        raise Unacceptable(field, "The unit has no such group.")


@asynccontextmanager
async def _changing(
    database: Database, actor: str, action: str, object_: str, unit: str, detail: Detail | None = None
) -> AsyncIterator[AsyncConnection]:
    """A change of a unit: it is locked first, and the directory hears of it."""
    async with database.change(actor, action, object_, unit=unit, detail=detail) as connection:
        await require(connection, unit, lock=True)
        yield connection
        await store.publish(connection, database.outbox, unit)


def _flags(values: dict[str, Any]) -> Detail:
    return {key: value for key, value in values.items() if isinstance(value, bool)}
