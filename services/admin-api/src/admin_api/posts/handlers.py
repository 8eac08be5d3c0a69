"""Messages written on a phone: held until their sender replies to the mail that shows what will go to how many.

    post.recognised -> text and audience from registry -> message held, post.held
    confirmation.given (post) -> approved, post.closed (sent); too late: expired; once more: already_sent
    post.refused -> kept for the administrators to see
Each event changes something once (inbox), in one transaction with what it says.
"""

from datetime import timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Office
from admin_api.kernel.roles import excerpt, lane_of_post, plain_line, plain_text
from admin_api.messages import store as messages
from admin_api.messages.handlers import sending as sending
from admin_api.messages.store import Message
from admin_api.notices import store as news
from admin_api.units import store as units
from contracts.events import ConfirmationGiven, InboundSecretProbe, PostHeld, PostRecognised, PostRefused
from contracts.sealed import CardFields
from runtime.errors import PermanentError
from runtime.ids import new_id

ACTOR = "admin-api"
"""Who asks registry when nobody is at a screen."""

GUESSED = "guessed"
"""Why a post was refused: its address was a wrong guess."""

LATE = timedelta(days=1)
"""A confirmation that was held for longer, on the bus or as a message that could not be handled, sends nothing: what
was to be said then need not be true any more."""

NO_SUBJECT = "お知らせ"
"""Phones send mail without a subject; a message to parents needs one."""


async def recognised(office: Office, event: PostRecognised) -> None:
    """Hold a post and have its sender asked. PermanentError for a unit, group or post that isn't there any more."""
    books = office.books
    async with books.engine.connect() as connection:
        await _require(connection, event.unit, event.group)
    post = await office.registry.post(event.unit, ACTOR, event.post)
    size = await office.registry.audience(event.unit, ACTOR, groups=(event.group,), members=None, about_child=False)
    subject, text = plain_line(post.subject) or NO_SUBJECT, plain_text(post.text)
    message = Message(
        id=new_id(),
        unit=event.unit,
        subject=subject,
        text=text,
        sent_text=text,
        lane=lane_of_post(subject),
        kind="broadcast",
        created_at=books.clock(),
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
        occurred_at=books.clock(),
        unit=event.unit,
        group=event.group,
        message=message.id,
        poster=event.poster,
        recipients=size.people,
        excerpt=office.sealer.seal(shown, "dispatcher"),
        to=event.to,
    )
    async with books.engine.begin() as connection:
        if not await books.inbox.first_time(connection, PostRecognised.name, event.id):
            return
        await messages.add(connection, books.cipher, message)
        await books.outbox.add(connection, held)
        await books.audit(
            connection, f"member/{event.poster}", "message.held", f"message/{message.id}", unit=event.unit
        )


async def confirmed(office: Office, event: ConfirmationGiven) -> None:
    """The sender replied: send it, unless it is too late or was decided before. Other kinds are not ours."""
    if event.kind != "post":
        return
    books = office.books
    async with books.engine.connect() as connection:
        unit = await units.get(connection, event.unit)
        message = await messages.get(connection, books.cipher, event.unit, event.message_ref)
    if unit is None or message is None or message.posted_by != event.recipient_ref:
        raise PermanentError("confirmation_of_an_unknown_post")
    size = await office.registry.audience(
        event.unit, ACTOR, groups=message.groups, members=message.members, about_child=message.about_child
    )
    expired = event.expired or books.clock() - event.occurred_at > LATE
    if message.state == "held" and not expired and unit.active:
        await sending.prepare(office, unit, message)
    async with books.engine.begin() as connection:
        if not await books.inbox.first_time(connection, ConfirmationGiven.name, event.id):
            return
        locked = await messages.get(connection, books.cipher, event.unit, message.id, lock=True)
        assert locked is not None
        outcome = _outcome(locked, expired=expired, unit_active=unit.active)
        if outcome == "sent":
            await sending.release(office, connection, locked)
        elif locked.state == "held":
            await messages.cancel(connection, locked.id)
        await sending.close_post(
            office,
            connection,
            f"{event.id}/closed",
            locked,
            outcome,
            size.people if outcome in ("sent", "already_sent") else 0,
        )
        await books.audit(
            connection,
            f"member/{event.recipient_ref}",
            "message.confirmed",
            f"message/{locked.id}",
            unit=event.unit,
            detail={"outcome": outcome, **_origin_of(event)},
        )


async def refused(office: Office, event: PostRefused) -> None:
    """Somebody tried to post who may not: the administrators see that, and nobody gets a mail."""
    books = office.books
    async with books.engine.begin() as connection:
        await _require(connection, event.unit, None)
        if await books.inbox.first_time(connection, PostRefused.name, event.id):
            attempt = news.PostAttempt(
                new_id(), event.unit, event.group, event.reason, event.occurred_at, 1, event.authentication
            )
            await news.add_post_attempt(connection, attempt)


async def guessed(office: Office, event: InboundSecretProbe) -> None:
    """Somebody tried addresses that aren't the group's: the administrators see that, and may give it a new one."""
    books = office.books
    async with books.engine.begin() as connection:
        await _require(connection, event.unit, event.group)
        if await books.inbox.first_time(connection, InboundSecretProbe.name, event.id):
            attempt = news.PostAttempt(new_id(), event.unit, event.group, GUESSED, event.occurred_at, event.tries)
            await news.add_post_attempt(connection, attempt)


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
    if await units.get(connection, unit) is None:
        raise PermanentError("unknown_unit")
    if group is not None and await units.group(connection, unit, group) is None:
        raise PermanentError("unknown_group")
