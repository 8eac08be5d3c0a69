"""Messages are written, approved or cancelled; one may be sent as it is written.

Approving puts the content, sealed for dispatcher, into its bucket first, and then commits the state together with
`message.approved` in the outbox: nobody ever hears of a message whose content is not there.
"""

import dataclasses

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel import idempotency
from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict, Forbidden, Unacceptable
from admin_api.kernel.idempotency_keys import KeyedRequest
from admin_api.kernel.roles import Caller
from admin_api.messages import store
from admin_api.messages.handlers import corrections, sending
from admin_api.messages.handlers.looking_up import visible
from admin_api.messages.model import Draft, Message, compose
from admin_api.units.handlers import require, require_groups
from contracts.requests import AudienceSize
from mail.choices import recognition
from runtime.ids import new_id


async def create(
    context: Context, who: Caller, unit: str, draft: Draft, *, send: bool, key: str | None = None
) -> Message:
    """Keep a message as a draft, or send it at once. Registry isn't asked: an urgent message leaves without it, too.

    With a `key` that this account used before, the message that was made then, as it is now; Conflict when it was used
    for something else."""
    body = {**draft.request_fields(), "send": send}
    request = idempotency.named(context, who, unit, key, "message", body)
    try:
        await idempotency.check(context.database, request)
        return await _create(context, who, unit, draft, send=send, request=request)
    except idempotency.Repeated as repeated:
        async with context.database.engine.connect() as connection:
            return await visible(context, connection, who, unit, repeated.outcome.message)


async def approve(context: Context, who: Caller, unit: str, number: int) -> Message:
    """Send a draft, or a phone post that waits for its sender's reply (who is told so). Conflict when it was sent or
    cancelled before, or when what it corrects cannot be corrected any more."""
    database = context.database
    async with database.engine.connect() as connection:
        tenant = await require(connection, unit)
        message = _open(await visible(context, connection, who, unit, number))
        if message.supersedes is not None:
            await corrections.correctable(context, connection, who, unit, message.supersedes)
    if message.expires_at is not None and message.expires_at <= database.clock():
        raise Conflict("expired", "The moment after which it must not be sent has passed.")
    reached = await _reached(context, who.actor, message) if message.state == "held" else 0
    await sending.prepare(context, tenant, message)
    async with database.change(who.actor, "message.approved", f"message/{number}", unit=unit) as connection:
        message = _open(await visible(context, connection, who, unit, number, lock=True))
        await corrections.take_place(context, connection, who, message)
        message = await sending.release(context, connection, message)
        await _tell_poster(context, connection, message, "sent", reached)
    return message


async def cancel(context: Context, who: Caller, unit: str, number: int) -> Message:
    """Never send a draft or a held post (whose sender is told so). Conflict once it was sent."""
    async with context.database.change(who.actor, "message.cancelled", f"message/{number}", unit=unit) as connection:
        message = _open(await visible(context, connection, who, unit, number, lock=True))
        await store.cancel(connection, number)
        message = dataclasses.replace(message, state="cancelled")
        await _tell_poster(context, connection, message, "cancelled", 0)
    return message


async def audience(
    context: Context,
    who: Caller,
    unit: str,
    *,
    groups: tuple[str, ...] | None,
    members: tuple[int, ...] | None,
    about_child: bool,
) -> AudienceSize:
    """How many a message would reach."""
    if not who.reaches(groups, members):
        raise Forbidden("You may write to your own groups only.")
    async with context.database.engine.connect() as connection:
        await require(connection, unit)
        await require_groups(connection, unit, groups, "groups")
    return await context.registry.audience(unit, who.actor, groups=groups, members=members, about_child=about_child)


async def _create(
    context: Context, who: Caller, unit: str, draft: Draft, *, send: bool, request: KeyedRequest | None
) -> Message:
    now = context.database.clock()
    sending.check_end(draft.expires_at, now)
    _check_synonyms(draft)
    async with context.database.engine.connect() as connection:
        tenant = await require(connection, unit)
        if draft.supersedes is not None:
            first = await corrections.correctable(context, connection, who, unit, draft.supersedes)
            draft = _in_place_of(first, draft)
        if not who.reaches(draft.groups, draft.members):
            raise Forbidden("You may write to your own groups only.")
        if draft.publish and who.groups is not None and len(draft.groups or ()) != 1:
            raise Forbidden("A notice for several groups stands on the whole unit's board: choose one of your groups.")
        await require_groups(connection, unit, draft.groups, "groups")
    if draft.about_child and not tenant.receipts:
        raise Conflict("no-receipts-option", "Without the receipts option the unit knows no children.")
    message = Message(
        id=new_id(),
        unit=unit,
        sent_text=compose(draft.text, asks=draft.asks, choices=draft.choices, about_child=draft.about_child),
        kind="broadcast" if draft.members is None else "individual",
        created_at=now,
        created_by=who.account,
        **{field.name: getattr(draft, field.name) for field in dataclasses.fields(draft)},
    )
    if send:
        message = message.sent(now)
        await sending.prepare(context, tenant, message)
    action = "message.sent" if send else "message.drafted"
    detail = None if message.supersedes is None else {"supersedes": str(message.supersedes)}
    async with context.database.change(
        who.actor, action, f"message/{message.id}", unit=unit, detail=detail
    ) as connection:
        await store.add(connection, context.database.cipher, message)
        await idempotency.claim(context.database, connection, request, message.id)
        if send:
            await corrections.take_place(context, connection, who, message)
            await sending.announce(context, connection, message)
    return message


async def _tell_poster(
    context: Context, connection: AsyncConnection, message: Message, outcome: str, recipients: int
) -> None:
    await sending.close_post(context, connection, f"message/{message.id}/closed", message, outcome, recipients)


async def _reached(context: Context, actor: str, message: Message) -> int:
    size = await context.registry.audience(
        message.unit, actor, groups=message.groups, members=message.members, about_child=message.about_child
    )
    return size.people


def _open(message: Message) -> Message:
    if message.state in ("approved", "stopped"):
        raise Conflict("already-sent", "It was sent already; what is left of it can be stopped.")
    if message.state == "cancelled":
        raise Conflict("cancelled", "It was cancelled.")
    return message


def _check_synonyms(draft: Draft) -> None:
    clash = recognition.clash(draft.choices, draft.synonyms)
    if clash is None:
        return
    field = f"synonyms/{clash.choice - 1}/{draft.synonyms[clash.choice - 1].index(clash.synonym)}"
    if clash.other is None:
        raise Unacceptable(field, f"A synonym is a word; this one of choice {clash.choice} is a number or no word.")
    raise Unacceptable(field, f"This synonym of choice {clash.choice} stands for choice {clash.other}, too.")


def _in_place_of(first: Message, draft: Draft) -> Draft:
    """A correction goes to whom the first message went, unless it says otherwise, and not behind it."""
    if draft.groups is None and draft.members is None:
        draft = dataclasses.replace(draft, groups=first.groups, members=first.members)
    if draft.publish and draft.members is not None:
        raise Unacceptable("publish", "What is for some people only cannot be published.")
    return dataclasses.replace(draft, lane="urgent") if first.lane == "urgent" else draft
