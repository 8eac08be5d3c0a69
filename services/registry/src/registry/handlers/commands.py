"""Commands of administrators: each is done once, however often it comes.

command -> known to the inbox? then nothing
        -> effect, or Refused and no effect -> access log, how to undo it, command.done -> all one transaction
"""

from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import (
    ChangePoster,
    CloseGroup,
    Command,
    InviteMember,
    OpenGroup,
    Refusal,
    RemoveMember,
    UndoCommand,
)
from contracts.events import CommandDone
from registry.context import Context
from registry.handlers import leaving, posters, registration, undoing
from registry.handlers.refused import Refused
from registry.inverses import Inverse, ReopenGroup
from registry.store import groups, undo, views
from runtime.logs import get_logger

INBOX = "command"
"""One name in the inbox for commands of all kinds: an id is used once."""

COMMANDS = Counter("renrakumo_registry_commands", "Commands by what became of them", ["kind", "outcome"])

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command did: for how many people, and what undoes it (None: nothing can, or nothing changed)."""

    count: int
    inverse: Inverse | None = None
    undid: str | None = None


async def handle(context: Context, command: Command) -> None:
    """Do what a command says, or refuse it, and say so."""
    at = context.clock()
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, INBOX, command.id):
            return
        try:
            async with connection.begin_nested():
                effect = await _do(context, connection, command, at)
        except Refused as refused:
            await _log_access(connection, command, at, count=0, granted=False)
            result = _refusal(command, at, refused.reason, count=refused.count)
        else:
            await _log_access(connection, command, at, count=effect.count)
            if effect.inverse is not None:
                await _keep(context, connection, command, effect.inverse, at)
            result = _done(command, at, effect, None if effect.inverse is None else at + context.lives.undo)
        await context.outbox.add(connection, result)
    _tell(result)


async def give_up(context: Context, command: Command) -> None:
    """The operator decided that this command, which could not be handled, never will be."""
    at = context.clock()
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, INBOX, command.id):
            return
        result = _refusal(command, at, "given-up")
        await context.outbox.add(connection, result)
    _tell(result)


async def _do(context: Context, connection: AsyncConnection, command: Command, at: datetime) -> Effect:
    match command:
        case RemoveMember():
            removed = await leaving.remove_member(context, connection, command.unit, command.member, command.group, at)
            return Effect(0 if removed is None else 1, removed)
        case InviteMember():
            await registration.invite_member(
                context,
                connection,
                cause=command.id,
                unit=command.unit,
                group=command.group,
                card=command.card,
                invited_by=command.actor,
            )
            return Effect(1)
        case ChangePoster():
            changed = await posters.change(
                context,
                connection,
                unit=command.unit,
                group=command.group,
                member=command.member,
                enrolled=command.enrolled,
                at=at,
            )
            return Effect(0 if changed is None else 1, changed)
        case CloseGroup():
            return await _close_group(connection, command, at)
        case OpenGroup():
            await groups.lock(connection, command.unit, command.group)
            await groups.reopen(connection, command.unit, command.group)
            return Effect(0)
        case UndoCommand():
            await undoing.undo_command(context, connection, command, at)
            return Effect(1, undid=command.of)
    raise NotImplementedError(command.kind())  # a new kind of command without an effect: ours to mend


async def _close_group(connection: AsyncConnection, command: CloseGroup, at: datetime) -> Effect:
    await groups.lock(connection, command.unit, command.group)
    inside = await groups.active_members(connection, command.unit, command.group)
    if inside:
        raise Refused("group-not-empty", count=inside)
    closed = await groups.close(connection, command.unit, command.group, command=command.id, at=at)
    return Effect(0, ReopenGroup(group=command.group) if closed else None)


async def _keep(
    context: Context, connection: AsyncConnection, command: Command, inverse: Inverse, at: datetime
) -> None:
    await undo.add(
        connection,
        context.crypto,
        command=command.id,
        unit=command.unit,
        kind=command.kind(),
        member=_member(command),
        inverse=inverse,
        at=at,
    )


def _done(command: Command, at: datetime, effect: Effect, undoable_until: datetime | None) -> CommandDone:
    return CommandDone(
        id=f"{command.id}/done",
        occurred_at=at,
        unit=command.unit,
        command=command.id,
        kind=command.kind(),
        outcome="done",
        count=effect.count,
        undid=effect.undid,
        undoable_until=undoable_until,
    )


def _refusal(command: Command, at: datetime, reason: Refusal, *, count: int = 0) -> CommandDone:
    return CommandDone(
        id=f"{command.id}/done",
        occurred_at=at,
        unit=command.unit,
        command=command.id,
        kind=command.kind(),
        outcome="refused",
        reason=reason,
        count=count,
    )


def _member(command: Command) -> int | None:
    return command.member if isinstance(command, RemoveMember | ChangePoster) else None


async def _log_access(
    connection: AsyncConnection, command: Command, at: datetime, *, count: int, granted: bool = True
) -> None:
    await views.log_access(
        connection,
        at=at,
        actor=command.actor,
        action=_action(command),
        unit=command.unit,
        subject=_member(command),
        count=count,
        granted=granted,
    )


def _action(command: Command) -> str:
    """As the access log names it."""
    match command:
        case RemoveMember():
            return "remove"
        case InviteMember():
            return "invite"
        case ChangePoster():
            return "poster-enrolled" if command.enrolled else "poster-ended"
    return command.kind()


def _tell(result: CommandDone) -> None:
    COMMANDS.labels(result.kind, result.outcome).inc()
    log.info(
        "command_handled",
        command=result.command,
        kind=result.kind,
        unit=result.unit,
        outcome=result.outcome,
        reason=result.reason,
    )
