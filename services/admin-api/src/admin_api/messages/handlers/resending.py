"""A message is sent again to those who have not answered: the same copies, as its next wave."""

import dataclasses
from datetime import datetime

from admin_api.kernel import idempotency
from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict
from admin_api.kernel.idempotency_keys import KeyedRequest
from admin_api.kernel.roles import Caller
from admin_api.messages import store
from admin_api.messages.handlers import sending
from admin_api.messages.handlers.looking_up import visible
from admin_api.messages.model import Message
from admin_api.results import handlers as results
from admin_api.units.handlers import require


async def resend(
    context: Context, who: Caller, unit: str, number: int, *, expires_at: datetime | None = None, key: str | None = None
) -> tuple[int, int]:
    """Send the same copies again to those who have not answered; returns the wave and how many. A child for whom one
    guardian answered needs no other. Conflict when it asks for no answer, hasn't been sent, was stopped, its time is
    over (`expires_at` gives it a new one), or nobody is left.

    With a `key` that this account used before, wave and copies of then; Conflict when it was used for something else.
    """
    body = {} if expires_at is None else {"expires_at": expires_at}
    request = idempotency.named(context, who, unit, key, f"message/{number}/resend", body)
    try:
        await idempotency.check(context.database, request)
        return await _resend(context, who, unit, number, expires_at, request)
    except idempotency.Repeated as repeated:
        return repeated.outcome.wave, repeated.outcome.copies


async def _resend(
    context: Context, who: Caller, unit: str, number: int, expires_at: datetime | None, request: KeyedRequest | None
) -> tuple[int, int]:
    database = context.database
    now = database.clock()
    sending.check_end(expires_at, now)
    async with database.engine.connect() as connection:
        tenant = await require(connection, unit)
        message = _repeatable(await visible(context, connection, who, unit, number), expires_at, now)
    await sending.prepare(context, tenant, message)
    async with database.change(who.actor, "message.resent", f"message/{number}", unit=unit) as connection:
        message = _repeatable(await visible(context, connection, who, unit, number, lock=True), expires_at, now)
        await idempotency.claim(database, connection, request, number)
        copies = await results.open_copies(connection, unit, number)
        if not copies:
            raise Conflict("nobody-left", "Nobody is left who has not answered.")
        wave = await store.next_wave(connection, number, now, message.expires_at)
        await idempotency.note(connection, request, wave, len(copies))
        await sending.announce(
            context, connection, dataclasses.replace(message, waves=wave, last_sent_at=now), tuple(copies)
        )
    return wave, len(copies)


def _repeatable(message: Message, expires_at: datetime | None, now: datetime) -> Message:
    """The message with the end that its next wave has, or Conflict."""
    if message.state == "stopped":
        raise Conflict("stopped", "It was stopped, and is not sent any more.")
    if message.state != "approved":
        raise Conflict("not-sent", "It has not been sent yet.")
    if message.asks == "none":
        raise Conflict("asks-nothing", "This message asks for no answer.")
    message = message if expires_at is None else dataclasses.replace(message, expires_at=expires_at)
    if message.expires_at is not None and message.expires_at <= now:
        raise Conflict("expired", "Its time is over. Give a new `expires_at` to send it again all the same.")
    return message
