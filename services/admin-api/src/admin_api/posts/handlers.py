"""Messages written on a phone: held until their sender replies to the mail that shows what will go to how many.

    post.recognised -> text and audience from registry -> message held, post.held
    confirmation.given (post) -> approved, post.closed (sent); too late: expired; once more: already_sent
    post.refused, inbound.secret-probe -> kept for the administrators to see
Each event changes something once (inbox), in one transaction with what it says.
"""

from datetime import timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Context, Database
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.text import plain_line, plain_text
from admin_api.messages.handlers import looking_up as messages
from admin_api.messages.handlers import sending
from admin_api.messages.model import Message
from admin_api.posts import store
from admin_api.posts.model import SECRET_PROBE, PostAttempt, excerpt, lane_of_post
from admin_api.units import handlers as units
from contracts.events import ConfirmationGiven, InboundSecretProbe, PostHeld, PostRecognised, PostRefused
from contracts.sealed import CardFields
from runtime.errors import PermanentError
from runtime.ids import new_id

ACTOR = "admin-api"
"""Who asks registry when nobody is at a screen."""

LATE = timedelta(days=1)
"""A confirmation that waited for longer, on the bus or as a dead letter, sends nothing: what was to be said then need
not be true any more."""

NO_SUBJECT = "お知らせ"
"""Phones send mail without a subject; a message to parents needs one."""


async def recognised(context: Context, event: PostRecognised) -> None:
    """Hold a post and have its sender asked. PermanentError for a unit, group or post that isn't there any more."""
    database = context.database
    async with database.engine.connect() as connection:
        await _require(connection, event.unit, event.group)
    post = await context.registry.post(event.unit, ACTOR, event.post)
    size = await context.registry.audience(event.unit, ACTOR, groups=(event.group,), members=None, about_child=False)
    subject, text = plain_line(post.subject) or NO_SUBJECT, plain_text(post.text)
    message = Message(
        id=new_id(),
        unit=event.unit,
        subject=subject,
        text=text,
        sent_text=text,
        lane=lane_of_post(subject),
        kind="broadcast",
        created_at=database.clock(),
        groups=(event.group,),
        state="held",
        posted_by=event.poster,
        addressee=event.to,
        post=event.post,
        authentication=event.authentication,
    )
    shown = CardFields(fields={"subject": subject, "excerpt": excerpt(text)})
    held = PostHeld(
        id=f"{event.id}/held",
        occurred_at=database.clock(),
        unit=event.unit,
        group=event.group,
        message=message.id,
        poster=event.poster,
        recipients=size.people,
        excerpt=context.sealer.seal(shown, "dispatcher"),
        to=event.to,
    )
    async with database.engine.begin() as connection:
        if not await database.inbox.first_time(connection, PostRecognised.name, event.id):
            return
        await sending.hold(context, connection, message)
        await database.outbox.add(connection, held)
        await database.audit(
            connection, f"member/{event.poster}", "message.held", f"message/{message.id}", unit=event.unit
        )


async def confirmed(context: Context, event: ConfirmationGiven) -> None:
    """Send the post to which its sender replied, unless it is too late or was decided before. Confirmations of other
    kinds are not ours."""
    if event.kind != "post":
        return
    database = context.database
    async with database.engine.connect() as connection:
        unit = await units.find(connection, event.unit)
        message = await messages.find(context, connection, event.unit, event.message_ref)
    if unit is None or message is None or message.posted_by != event.recipient_ref:
        raise PermanentError("confirmation_of_an_unknown_post")
    size = await context.registry.audience(
        event.unit, ACTOR, groups=message.groups, members=message.members, about_child=message.about_child
    )
    expired = event.expired or database.clock() - event.occurred_at > LATE
    if message.state == "held" and not expired and unit.active:
        await sending.prepare(context, unit, message)
    async with database.engine.begin() as connection:
        if not await database.inbox.first_time(connection, ConfirmationGiven.name, event.id):
            return
        locked = await messages.find(context, connection, event.unit, message.id, lock=True)
        assert locked is not None
        outcome = _outcome(locked, expired=expired, unit_active=unit.active)
        if outcome == "sent":
            await sending.release(context, connection, locked)
        elif locked.state == "held":
            await sending.withdraw(connection, locked.id)
        await sending.close_post(
            context,
            connection,
            f"{event.id}/closed",
            locked,
            outcome,
            size.people if outcome in ("sent", "already_sent") else 0,
        )
        await database.audit(
            connection,
            f"member/{event.recipient_ref}",
            "message.confirmed",
            f"message/{locked.id}",
            unit=event.unit,
            detail={"outcome": outcome, **_origin_of(event)},
        )


async def refused(context: Context, event: PostRefused) -> None:
    """Keep that somebody tried to post who may not: the administrators see that, and nobody gets a mail."""
    database = context.database
    async with database.engine.begin() as connection:
        await _require(connection, event.unit, None)
        if await database.inbox.first_time(connection, PostRefused.name, event.id):
            attempt = PostAttempt(
                new_id(), event.unit, event.group, event.reason, event.occurred_at, 1, event.authentication
            )
            await store.add_attempt(connection, attempt)


async def probed(context: Context, event: InboundSecretProbe) -> None:
    """Keep that somebody tried addresses that aren't the group's: the administrators see that, and may give it a new
    one."""
    database = context.database
    async with database.engine.begin() as connection:
        await _require(connection, event.unit, event.group)
        if await database.inbox.first_time(connection, InboundSecretProbe.name, event.id):
            attempt = PostAttempt(new_id(), event.unit, event.group, SECRET_PROBE, event.occurred_at, event.tries)
            await store.add_attempt(connection, attempt)


async def attempts(database: Database, unit: str, wanted: PageRequest[int]) -> Slice[PostAttempt, int]:
    """Attempts at a unit's post addresses that were refused, newest first."""
    async with database.engine.connect() as connection:
        await units.require(connection, unit)
        return await store.attempts_page(connection, unit, wanted)


def _origin_of(event: ConfirmationGiven) -> dict[str, str]:
    """For the audit log: the token proves that the reply came from who reads the poster's mail, whatever else it shows;
    but should a broadcast be disputed one day, it is known."""
    shown = event.authentication
    return {} if shown is None else {"spf": shown.spf, "dkim": shown.dkim, "dmarc": shown.dmarc}


def _outcome(
    message: Message, *, expired: bool, unit_active: bool
) -> Literal["sent", "expired", "already_sent", "cancelled"]:
    if message.state in ("approved", "stopped"):
        return "already_sent"
    if expired:
        return "expired"
    return "sent" if message.state == "held" and unit_active else "cancelled"


async def _require(connection: AsyncConnection, unit: str, group: str | None) -> None:
    if await units.find(connection, unit) is None:
        raise PermanentError("unknown_unit")
    if group is not None and await units.find_group(connection, unit, group) is None:
        raise PermanentError("unknown_group")
