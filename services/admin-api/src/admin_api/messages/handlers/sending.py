"""Messages on their way out: written, approved, cancelled, sent again to those who have not answered. (How what is left
of one is stopped, or corrected by another, is told in corrections.)

Approving puts the content, sealed for dispatcher, into its bucket first, and then commits the state together with
`message.approved` in the outbox: nobody ever hears of a message whose content is not there.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel import idempotency as once
from admin_api.kernel.context import Office
from admin_api.kernel.errors import Conflict, Forbidden, Unacceptable
from admin_api.kernel.idempotency_keys import Request
from admin_api.kernel.roles import FURTHEST_END, Asks, Caller, OfficeLane, compose
from admin_api.messages import store as messages
from admin_api.messages.handlers import corrections
from admin_api.messages.handlers.reading import visible
from admin_api.messages.store import Message
from admin_api.notices import store as news
from admin_api.results import store as ledger
from admin_api.units.handlers import require, require_groups
from admin_api.units.store import Unit
from contracts.events import MessageApproved, PostClosed
from contracts.requests import AudienceSize
from contracts.sealed import MessageContent
from mail.choices import recognition as choices
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as it was written at the screen. Texts are plain already. One that `supersedes` another and names no
    recipients goes to those of the other."""

    subject: str
    text: str
    groups: tuple[str, ...] | None = None
    members: tuple[int, ...] | None = None
    lane: OfficeLane = "ordinary"
    asks: Asks = "none"
    choices: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    about_child: bool = False
    expires_at: datetime | None = None
    publish: bool = False
    supersedes: int | None = None


async def create(
    office: Office, who: Caller, unit: str, draft: Draft, *, send: bool, key: str | None = None
) -> Message:
    """Keep a message as a draft, or send it at once. Registry isn't asked: an urgent message leaves without it, too.

    With a `key` that this account used before, the message that was made then, as it is now; Conflict when it was used
    for something else."""
    body = {**dataclasses.asdict(draft), "send": send}
    if not draft.synonyms:
        del body["synonyms"]  # a request of a client that doesn't know them stays the same request
    request = once.named(office, who, unit, key, "message", body)
    try:
        await once.check(office.books, request)
        return await _create(office, who, unit, draft, send=send, request=request)
    except once.Repeated as repeated:
        async with office.books.engine.connect() as connection:
            return await visible(office, connection, who, unit, repeated.outcome.message)


async def _create(
    office: Office, who: Caller, unit: str, draft: Draft, *, send: bool, request: Request | None
) -> Message:
    now = office.books.clock()
    _check_end(draft.expires_at, now)
    _check_synonyms(draft)
    async with office.books.engine.connect() as connection:
        held = await require(connection, unit)
        if draft.supersedes is not None:
            first = await corrections.first(office, connection, who, unit, draft.supersedes)
            draft = _in_place_of(first, draft)
        if not who.reaches(draft.groups, draft.members):
            raise Forbidden("You may write to your own groups only.")
        if draft.publish and who.groups is not None and len(draft.groups or ()) != 1:
            raise Forbidden("A notice for several groups stands on the whole unit's board: choose one of your groups.")
        await require_groups(connection, unit, draft.groups, "groups")
    if draft.about_child and not held.receipts:
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
        await prepare(office, held, message)
    action = "message.sent" if send else "message.drafted"
    detail = None if message.supersedes is None else {"supersedes": str(message.supersedes)}
    async with office.books.change(who.actor, action, f"message/{message.id}", unit=unit, detail=detail) as connection:
        await messages.add(connection, office.books.cipher, message)
        await once.claim(office.books, connection, request, message.id)
        if send:
            await corrections.take_place(office, connection, who, message)
            await announce(office, connection, message)
    return message


async def approve(office: Office, who: Caller, unit: str, number: int) -> Message:
    """Send a draft, or a phone post that waits for its sender's reply (who is told so). Conflict when it was sent or
    cancelled before, or when what it corrects cannot be corrected any more."""
    books = office.books
    async with books.engine.connect() as connection:
        held = await require(connection, unit)
        message = _open(await visible(office, connection, who, unit, number))
        if message.supersedes is not None:
            await corrections.first(office, connection, who, unit, message.supersedes)
    if message.expires_at is not None and message.expires_at <= books.clock():
        raise Conflict("expired", "The moment after which it must not be sent has passed.")
    reached = await _reached(office, who.actor, message) if message.state == "held" else 0
    await prepare(office, held, message)
    async with books.change(who.actor, "message.approved", f"message/{number}", unit=unit) as connection:
        message = _open(await visible(office, connection, who, unit, number, lock=True))
        await corrections.take_place(office, connection, who, message)
        message = await release(office, connection, message)
        await _tell_poster(office, connection, message, "sent", reached)
    return message


async def cancel(office: Office, who: Caller, unit: str, number: int) -> Message:
    """Never send it. Conflict once it was sent."""
    async with office.books.change(who.actor, "message.cancelled", f"message/{number}", unit=unit) as connection:
        message = _open(await visible(office, connection, who, unit, number, lock=True))
        await messages.cancel(connection, number)
        message = dataclasses.replace(message, state="cancelled")
        await _tell_poster(office, connection, message, "cancelled", 0)
    return message


async def resend(
    office: Office, who: Caller, unit: str, number: int, *, expires_at: datetime | None = None, key: str | None = None
) -> tuple[int, int]:
    """Send the same copies again to those who have not answered; returns the wave and how many. A child for whom one
    guardian answered needs no other. Conflict when it asks for no answer, hasn't been sent, was stopped, its time is
    over (`expires_at` gives it a new one), or nobody is left.

    With a `key` that this account used before, wave and copies of then; Conflict when it was used for something else.
    """
    body = {} if expires_at is None else {"expires_at": expires_at}
    request = once.named(office, who, unit, key, f"message/{number}/resend", body)
    try:
        await once.check(office.books, request)
        return await _resend(office, who, unit, number, expires_at, request)
    except once.Repeated as repeated:
        return repeated.outcome.wave, repeated.outcome.copies


async def _resend(
    office: Office, who: Caller, unit: str, number: int, expires_at: datetime | None, request: Request | None
) -> tuple[int, int]:
    books = office.books
    now = books.clock()
    _check_end(expires_at, now)
    async with books.engine.connect() as connection:
        held = await require(connection, unit)
        message = _repeatable(await visible(office, connection, who, unit, number), expires_at, now)
    await prepare(office, held, message)
    async with books.change(who.actor, "message.resent", f"message/{number}", unit=unit) as connection:
        message = _repeatable(await visible(office, connection, who, unit, number, lock=True), expires_at, now)
        await once.claim(books, connection, request, number)
        copies = await ledger.open_copies(connection, unit, number)
        if not copies:
            raise Conflict("nobody-left", "Nobody is left who has not answered.")
        wave = await messages.next_wave(connection, number, now, message.expires_at)
        await once.note(connection, request, wave, len(copies))
        await announce(office, connection, dataclasses.replace(message, waves=wave, last_sent_at=now), tuple(copies))
    return wave, len(copies)


async def audience(
    office: Office,
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
    async with office.books.engine.connect() as connection:
        await require(connection, unit)
        await require_groups(connection, unit, groups, "groups")
    return await office.registry.audience(unit, who.actor, groups=groups, members=members, about_child=about_child)


async def prepare(office: Office, unit: Unit, message: Message) -> None:
    """Put the content where dispatcher finds it. Conflict for a unit that is closed."""
    if not unit.active:
        raise Conflict("unit-closed", "The unit is closed.")
    content = MessageContent(from_name=unit.name, subject=message.subject, text=message.sent_text, list_name=unit.name)
    await office.contents.put(unit.code, message.id, content)


async def release(office: Office, connection: AsyncConnection, message: Message) -> Message:
    """Approve a locked message whose content is prepared, in the caller's transaction."""
    message = message.sent(office.books.clock())
    await messages.approve(connection, message)
    await announce(office, connection, message)
    return message


async def announce(
    office: Office, connection: AsyncConnection, message: Message, copies: tuple[int, ...] | None = None
) -> None:
    """Say `message.approved`, and the first time pin a published message to the notice board."""
    now = office.books.clock()
    await office.books.outbox.add(
        connection,
        MessageApproved(
            id=f"message/{message.id}/{message.waves}",
            occurred_at=now,
            unit=message.unit,
            message=message.id,
            wave=message.waves,
            lane=message.lane,
            groups=message.groups,
            members=message.members,
            copies=copies,
            about_child=message.about_child,
            content_key=office.contents.key(message.unit, message.id),
            expires_at=message.sent_until,
            supersedes=message.supersedes,
        ),
    )
    if message.publish and message.waves == 1:
        group = message.groups[0] if message.groups and len(message.groups) == 1 else None
        notice = news.Notice(
            id=new_id(),
            unit=message.unit,
            group=group,
            title=message.subject,
            body=message.text,
            published_at=now,
            expires_at=message.expires_at,
            message=message.id,
        )
        await news.add_notice(connection, notice)


async def close_post(
    office: Office, connection: AsyncConnection, event_id: str, message: Message, outcome: str, recipients: int
) -> None:
    """Tell a phone poster what became of his post. `outcome` as in `PostClosed`."""
    if message.addressee is None or message.posted_by is None or not message.groups:
        return
    closed = PostClosed.model_validate(
        {
            "id": event_id,
            "occurred_at": office.books.clock(),
            "unit": message.unit,
            "group": message.groups[0],
            "message": message.id,
            "poster": message.posted_by,
            "outcome": outcome,
            "recipients": recipients,
            "to": message.addressee,
        }
    )
    await office.books.outbox.add(connection, closed)


async def _tell_poster(
    office: Office, connection: AsyncConnection, message: Message, outcome: str, recipients: int
) -> None:
    await close_post(office, connection, f"message/{message.id}/closed", message, outcome, recipients)


async def _reached(office: Office, actor: str, message: Message) -> int:
    size = await office.registry.audience(
        message.unit, actor, groups=message.groups, members=message.members, about_child=message.about_child
    )
    return size.people


def _open(message: Message) -> Message:
    if message.state in ("approved", "stopped"):
        raise Conflict("already-sent", "It was sent already; what is left of it can be stopped.")
    if message.state == "cancelled":
        raise Conflict("cancelled", "It was cancelled.")
    return message


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


def _check_end(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is None:
        return
    if expires_at <= now:
        raise Unacceptable("expires_at", "This moment has passed.")
    if expires_at > now + FURTHEST_END:
        raise Unacceptable("expires_at", f"This is more than {FURTHEST_END.days} days away.")


def _check_synonyms(draft: Draft) -> None:
    clash = choices.clash(draft.choices, draft.synonyms)
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
