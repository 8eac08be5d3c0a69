"""Units and their groups, and the directory entry that says all of it to ingress-smtp."""

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.units.model import Group, Unit
from admin_api.units.tables import groups, units
from contracts import directory
from contracts.directory import GroupEntry, UnitEntry
from runtime.database.outbox import Outbox
from runtime.ids import new_id


async def create(connection: AsyncConnection, code: str, name: str, *, receipts: bool) -> bool:
    """Add a unit; False when the code is taken."""
    values = {"code": code, "name": name, "receipts": receipts}
    return (await connection.execute(insert(units).values(values).on_conflict_do_nothing())).rowcount == 1


async def get(connection: AsyncConnection, code: str, *, lock: bool = False) -> Unit | None:
    """A unit. `lock` before any change, so that directory entries go out in the order of the changes; rows that refer
    to the unit can be added meanwhile, or two commands on one group would wait for each other."""
    query = select(units).where(units.c.code == code)
    row = (await connection.execute(query.with_for_update(key_share=True) if lock else query)).first()
    return None if row is None else _unit(row)


async def page(connection: AsyncConnection, wanted: PageRequest[str]) -> Slice[Unit, str]:
    """Units by code."""
    query = wanted.ascending(select(units), units.c.code)
    return wanted.cut([_unit(row) for row in await connection.execute(query)], lambda unit: unit.code)


async def change(connection: AsyncConnection, code: str, values: dict[str, Any]) -> None:
    """Give a unit's columns these values."""
    await connection.execute(update(units).where(units.c.code == code).values(**values))


async def groups_of(connection: AsyncConnection, unit: str) -> list[Group]:
    """Groups of a unit in the order of their places."""
    query = select(groups).where(groups.c.unit == unit).order_by(groups.c.position, groups.c.code)
    return [_group(row) for row in await connection.execute(query)]


async def group(connection: AsyncConnection, unit: str, code: str) -> Group | None:
    """One group; None when the unit has none of this code."""
    row = (await connection.execute(select(groups).where(groups.c.unit == unit, groups.c.code == code))).first()
    return None if row is None else _group(row)


async def create_group(connection: AsyncConnection, unit: str, code: str, name: str, position: int | None) -> bool:
    """Add a group; False when the code is taken. Without a position it comes last."""
    if position is None:
        last = select(func.coalesce(func.max(groups.c.position), 0)).where(groups.c.unit == unit)
        position = int((await connection.execute(last)).scalar_one()) + 1
    values = {"unit": unit, "code": code, "name": name, "position": position}
    return (await connection.execute(insert(groups).values(values).on_conflict_do_nothing())).rowcount == 1


async def change_group(connection: AsyncConnection, unit: str, code: str, values: dict[str, Any]) -> None:
    """Give a group's columns these values."""
    await connection.execute(update(groups).where(groups.c.unit == unit, groups.c.code == code).values(**values))


async def delete_group(connection: AsyncConnection, unit: str, code: str) -> None:
    """Delete a group, if it is there."""
    await connection.execute(delete(groups).where(groups.c.unit == unit, groups.c.code == code))


async def publish(connection: AsyncConnection, outbox: Outbox, code: str) -> None:
    """Have the directory say what the unit is now. In the transaction of the change, with the unit locked."""
    unit = await get(connection, code)
    if unit is None:
        return
    entry = UnitEntry(
        unit=unit.code,
        name=unit.name,
        receipts=unit.receipts,
        active=unit.active,
        groups={
            group.code: GroupEntry(
                name=group.name, post_secrets=(group.post_secret_hash,) if group.post_secret_hash else ()
            )
            for group in await groups_of(connection, code)
        },
    )
    subject = f"$KV.{directory.BUCKET}.{directory.key(code)}"
    await outbox.add_raw(connection, subject, entry.model_dump_json().encode(), f"directory/{code}/{new_id()}")


async def all_codes(connection: AsyncConnection) -> list[str]:
    """Codes of all units."""
    return list((await connection.execute(select(units.c.code).order_by(units.c.code))).scalars())


def _unit(row: Any) -> Unit:
    return Unit(row.code, row.name, row.receipts, row.active, row.created_at)


def _group(row: Any) -> Group:
    return Group(row.unit, row.code, row.name, row.position, row.post_secret_hash)
