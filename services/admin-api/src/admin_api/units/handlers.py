"""Units and groups. Every change says itself to the directory in the same transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.accounts import credentials as security
from admin_api.kernel.context import Books, Detail, Office
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.roles import RESERVED_GROUPS, Caller
from admin_api.units import store as units
from admin_api.units.store import Group, Unit
from contracts.requests import MembersAsk


async def create(books: Books, actor: str, code: str, name: str, *, receipts: bool) -> Unit:
    """A new unit without groups. Conflict when the code is taken."""
    async with books.change(
        actor, "unit.created", f"unit/{code}", unit=code, detail={"receipts": receipts}
    ) as connection:
        if not await units.create(connection, code, name, receipts=receipts):
            raise Conflict("code-taken", "There is a unit with this code already.")
        await units.publish(connection, books.outbox, code)
        created = await units.get(connection, code)
        assert created is not None
    return created


async def get(books: Books, code: str) -> Unit:
    async with books.engine.connect() as connection:
        return await require(connection, code)


async def page(books: Books, after: str | None, limit: int) -> list[Unit]:
    async with books.engine.connect() as connection:
        return await units.page(connection, after, limit)


async def change(books: Books, actor: str, code: str, values: dict[str, Any]) -> Unit:
    """Change name, receipts or active."""
    async with _changing(books, actor, "unit.changed", f"unit/{code}", code, _flags(values)) as connection:
        if values:
            await units.change(connection, code, values)
    return await get(books, code)


async def groups(books: Books, code: str) -> list[Group]:
    async with books.engine.connect() as connection:
        await require(connection, code)
        return await units.groups_of(connection, code)


async def create_group(books: Books, actor: str, unit: str, code: str, name: str, position: int | None) -> Group:
    """Conflict for a taken code or when the unit is full; Unacceptable for a code that would read as a token."""
    if code in RESERVED_GROUPS:
        raise Unacceptable("code", "This code is reserved for reply addresses.")
    async with _changing(books, actor, "group.created", f"group/{code}", unit) as connection:
        if len(await units.groups_of(connection, unit)) >= units.MAX_GROUPS:
            raise Conflict("too-many-groups", f"A unit has at most {units.MAX_GROUPS} groups.")
        if not await units.create_group(connection, unit, code, name, position):
            raise Conflict("code-taken", "The unit has a group with this code already.")
        return await require_group(connection, unit, code)


async def change_group(books: Books, actor: str, unit: str, code: str, values: dict[str, Any]) -> Group:
    """Change name or position."""
    async with _changing(books, actor, "group.changed", f"group/{code}", unit) as connection:
        await require_group(connection, unit, code)
        if values:
            await units.change_group(connection, unit, code, values)
        return await require_group(connection, unit, code)


async def delete_group(office: Office, who: Caller, unit: str, code: str) -> None:
    """Delete an empty group: while it has members (Conflict), they would be left in a group that nobody sees."""
    async with office.books.engine.connect() as connection:
        await require_group(connection, unit, code)
    held = await office.registry.members(MembersAsk(unit=unit, actor=who.actor, group=code, state="active", limit=1))
    if held.total:
        raise Conflict("group-not-empty", "The group still has members.")
    async with _changing(office.books, who.actor, "group.deleted", f"group/{code}", unit) as connection:
        await units.delete_group(connection, unit, code)


async def roll_post_address(office: Office, who: Caller, unit: str, code: str) -> str:
    """Give the group a new secret post address, which is shown this once; the old one ends."""
    secret = security.new_post_secret()
    hashed = office.hash_secret(unit, code, secret)
    async with _changing(office.books, who.actor, "group.post-address-rolled", f"group/{code}", unit) as connection:
        await require_group(connection, unit, code)
        await units.change_group(connection, unit, code, {"post_secret_hash": hashed})
    return f"{code}-{secret}@{office.domain(unit)}"


async def publish_all(books: Books, actor: str) -> int:
    """Say every unit to the directory again, for a bus that has lost it; returns how many."""
    async with books.change(actor, "directory.published", "directory/all") as connection:
        codes = await units.all_codes(connection)
        for code in codes:
            await units.get(connection, code, lock=True)
            await units.publish(connection, books.outbox, code)
    return len(codes)


async def require(connection: AsyncConnection, code: str, *, lock: bool = False) -> Unit:
    """The unit, or NotFound."""
    unit = await units.get(connection, code, lock=lock)
    if unit is None:
        raise NotFound("There is no such unit.")
    return unit


async def require_group(connection: AsyncConnection, unit: str, code: str) -> Group:
    """The group, or NotFound."""
    group = await units.group(connection, unit, code)
    if group is None:
        raise NotFound("The unit has no such group.")
    return group


async def require_groups(connection: AsyncConnection, unit: str, codes: tuple[str, ...] | None, field: str) -> None:
    """Unacceptable when the unit lacks one of these."""
    if codes and not set(codes) <= {group.code for group in await units.groups_of(connection, unit)}:
        raise Unacceptable(field, "The unit has no such group.")


@asynccontextmanager
async def _changing(
    books: Books, actor: str, action: str, object_: str, unit: str, detail: Detail | None = None
) -> AsyncIterator[AsyncConnection]:
    """A change of a unit: it is locked first, and the directory hears of it."""
    async with books.change(actor, action, object_, unit=unit, detail=detail) as connection:
        await require(connection, unit, lock=True)
        yield connection
        await units.publish(connection, books.outbox, unit)


def _flags(values: dict[str, Any]) -> Detail:
    return {key: value for key, value in values.items() if isinstance(value, bool)}
