"""Undoing a command: what it took comes back, if nobody has changed it since.

    undo -> what is kept of the command -> unknown-command | already-undone | undo-expired
                                        -> each part is as the command left it -> as it was before the command
                                        -> any part is not                     -> changed-since, and nothing comes back
A person's own word counts more: who has registered anew, or said that he wants to leave, is left as he is.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import UndoCommand
from registry.context import Context
from registry.handlers.refused import Refused
from registry.inverses import ReopenGroup, RestoreMember, RestorePoster
from registry.model import UNKNOWN_USER, Standing
from registry.store import addresses, groups, members, persons, undo
from registry.store.addresses import Address


async def undo_command(context: Context, connection: AsyncConnection, command: UndoCommand, at: datetime) -> None:
    """Undo a command of the unit, once. Refused when that can't be; then the transaction must not keep its traces."""
    stored = await undo.lock(connection, context.crypto, command.unit, command.of)
    if stored is None:
        raise Refused("unknown-command")
    if stored.undone:
        raise Refused("already-undone")
    if at > stored.at + context.lives.undo:
        raise Refused("undo-expired")
    match stored.inverse:
        case RestoreMember() as kept:
            await _restore_member(context, connection, command.unit, kept)
        case RestorePoster() as kept:
            await _restore_poster(context, connection, command.unit, kept)
        case ReopenGroup() as kept:
            await groups.lock(connection, command.unit, kept.group)
            if not await groups.reopen(connection, command.unit, kept.group, closed_by=command.of):
                raise Refused("changed-since")
        case None:
            raise Refused("changed-since")
    await undo.mark_undone(connection, command.of, at)


async def _restore_member(context: Context, connection: AsyncConnection, unit: str, kept: RestoreMember) -> None:
    if kept.unit_since is not None and kept.address is not None:
        await _return_to_unit(context, connection, unit, kept, kept.address, kept.unit_since)
    else:
        member, _ = await persons.lock(connection, context.crypto, unit, kept.member)
        if member is None or not member.here or member.since > kept.removed_at:
            raise Refused("changed-since")
    for group in sorted({group for group, _ in (*kept.groups, *kept.poster_of)}):
        if not await context.takes_members(connection, unit, group):
            raise Refused("changed-since")
    for group, since in kept.groups:
        if not await members.return_to_group(connection, kept.member, group, since=since, left_at=kept.removed_at):
            raise Refused("changed-since")
    for group, since in kept.poster_of:
        await members.change_poster(connection, unit=unit, group=group, member=kept.member, enrolled=True, at=since)
    for child, group, relation in kept.guardian_of:
        await members.guard(connection, member=kept.member, child=child, group=group, relation=relation)


async def _return_to_unit(
    context: Context,
    connection: AsyncConnection,
    unit: str,
    kept: RestoreMember,
    address: str,
    since: datetime,
) -> None:
    known = await _address(context, connection, kept, address)
    other = await members.at_address(connection, unit, known.id)
    if other is not None and other.id != kept.member:
        raise Refused("changed-since")
    if not await members.return_to_unit(
        connection, kept.member, address_id=known.id, since=since, left_at=kept.removed_at
    ):
        raise Refused("changed-since")


async def _address(context: Context, connection: AsyncConnection, kept: RestoreMember, address: str) -> Address:
    """His address, locked; one that had been erased is as deliverable as it was."""
    known = await addresses.lock(connection, context.crypto, address)
    if known is not None:
        return known
    known = await addresses.lock_or_add(connection, context.crypto, address)
    if not kept.deliverable:
        standing = Standing("undeliverable", UNKNOWN_USER, last_outcome_at=kept.removed_at)
        await addresses.write_standings(connection, {known.id: standing})
    return known


async def _restore_poster(context: Context, connection: AsyncConnection, unit: str, kept: RestorePoster) -> None:
    member, _ = await persons.lock(connection, context.crypto, unit, kept.member)
    as_left = kept.since if kept.enrolled else None
    if await members.poster_since(connection, unit, kept.group, kept.member) != as_left:
        raise Refused("changed-since")
    if not kept.enrolled:
        here = member is not None and member.here
        if not here or not await context.takes_members(connection, unit, kept.group):
            raise Refused("changed-since")
    await members.change_poster(
        connection, unit=unit, group=kept.group, member=kept.member, enrolled=not kept.enrolled, at=kept.since
    )
