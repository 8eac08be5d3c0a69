"""What the voice says to which event.

    event -> may it be answered? (robots never; guides, refusals and news within the hourly limit) -> text
          -> sealed for dispatcher -> DeliveryBatch on the lane `prompt`, stored before the event is acknowledged

A batch's id is made from the event's, so an event that comes twice is answered once. Addresses and names are only ever
passed on sealed; the texts name their places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from contracts import lifetimes
from contracts.base import Event
from contracts.events import (
    Addressee,
    DeliveryBatch,
    InboundInfo,
    InboundOperator,
    LeaveCompleted,
    LeaveOpened,
    LeaveRefused,
    PostClosed,
    PostHeld,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
    ReplyKind,
)
from contracts.sealed import MessageContent, Sealed
from responder import metrics, model
from responder.directory import Directory
from responder.limits import AnswerLimit
from responder.news import NewsMemory
from responder.texts import Text, leaving, news, operator, posts, registration
from runtime.crypto.sealing import Sealer
from runtime.logs import get_logger

_GUIDE = "guide"
"""Registry lets an address have one guide an hour as long as it doesn't answer; here only their number is limited."""
log = get_logger(__name__)


Answerable = (
    InboundInfo
    | InboundOperator
    | RegistrationOpened
    | RegistrationCompleted
    | RegistrationRefused
    | LeaveOpened
    | LeaveCompleted
    | LeaveRefused
    | PostHeld
    | PostClosed
)


class Publisher(Protocol):
    """Stores an event on the bus; BusUnavailable (transient) when it was not acknowledged."""

    async def publish(self, event: Event) -> int: ...


@dataclass(frozen=True, slots=True)
class AutomaticMail:
    """A mail to one person. `message` is what a reply's token names; `null_sender`: its bounces interest nobody."""

    text: Text
    from_name: str
    recipient: Sealed
    carrier: str
    message: int
    reply_kind: ReplyKind | None = None
    null_sender: bool = False
    extra: Sealed | None = None
    life: timedelta = lifetimes.BY_LANE["prompt"]


class Responder:
    """Answers events."""

    def __init__(
        self,
        *,
        directory: Directory,
        memory: NewsMemory,
        limit: AnswerLimit,
        publisher: Publisher,
        sealer: Sealer,
        clock: Callable[[], datetime],
    ) -> None:
        self._directory = directory
        self._memory = memory
        self._limit = limit
        self._publisher = publisher
        self._sealer = sealer
        self._clock = clock

    # Somebody wrote

    async def info(self, event: InboundInfo) -> None:
        """An empty mail to an info address gets the latest news."""
        if not event.automatic.reply_allowed or event.recipient is None:
            self._withhold(event, "automatic")
            return
        now = self._clock()
        place = self._directory.place(event.unit, event.group)
        latest = self._memory.latest(event.unit, event.group, now)
        allowed = await self._within_limit(
            event,
            event.sender_key,
            about=f"news/{event.unit}/{event.group or ''}",
            told=model.fingerprint(latest),
            proven=event.sender_proven,
        )
        if allowed:
            await self._send(
                event,
                AutomaticMail(
                    news.latest(place, latest),
                    place.unit_name,
                    event.recipient,
                    event.carrier,
                    event.ref,
                    null_sender=True,
                    life=lifetimes.NEWS,
                ),
            )

    async def operator(self, event: InboundOperator) -> None:
        """Mail for postmaster or abuse is handed on to the operator's own mailbox."""
        if event.recipient is None:
            self._withhold(event, "no_operator_mailbox")
            return
        text = operator.forwarded(event.unit, event.mailbox)
        letter = AutomaticMail(text, operator.SENDER_NAME, event.recipient, event.carrier, event.ref, null_sender=True)
        await self._send(event, letter)

    # Registering

    async def registration_opened(self, event: RegistrationOpened) -> None:
        place = self._directory.place(event.unit, event.group)
        if await self._within_limit(event, event.to.sender_key, about=_GUIDE, proven=True):
            text = registration.guide(place, named=event.named)
            await self._write(event, event.to, text, place.unit_name, event.registration, reply_kind="registration")

    async def registration_completed(self, event: RegistrationCompleted) -> None:
        place = self._directory.place(event.unit, event.group)
        text = registration.completed(place, named=event.named)
        await self._write(event, event.to, text, place.unit_name, event.registration)

    async def registration_refused(self, event: RegistrationRefused) -> None:
        place = self._directory.place(event.unit, event.group)
        about = f"{event.name}/{event.unit}/{event.group}"
        if await self._within_limit(event, event.to.sender_key, about=about, told=event.reason, proven=event.to.proven):
            text = registration.refused(place, event.reason)
            await self._write(event, event.to, text, place.unit_name, event.registration, null_sender=True)

    # Leaving

    async def leave_opened(self, event: LeaveOpened) -> None:
        place = self._directory.place(event.unit, event.group)
        if await self._within_limit(event, event.to.sender_key, about=_GUIDE, proven=True):
            text = leaving.guide(place)
            await self._write(event, event.to, text, place.unit_name, event.request, reply_kind="leave")

    async def leave_completed(self, event: LeaveCompleted) -> None:
        place = self._directory.place(event.unit, event.group)
        text = leaving.complained(place) if event.complained else leaving.completed(place)
        await self._write(event, event.to, text, place.unit_name, event.request)

    async def leave_refused(self, event: LeaveRefused) -> None:
        place = self._directory.place(event.unit, event.group)
        about = f"{event.name}/{event.unit}/{event.group or ''}"
        if await self._within_limit(event, event.to.sender_key, about=about, told=event.reason, proven=event.to.proven):
            text = leaving.refused(place, event.reason)
            await self._write(event, event.to, text, place.unit_name, event.request, null_sender=True)

    # Posting from a phone

    async def post_held(self, event: PostHeld) -> None:
        place = self._directory.place(event.unit, event.group)
        letter = AutomaticMail(
            posts.confirmation(place, event.recipients),
            place.unit_name,
            event.to.recipient,
            event.to.carrier,
            event.message,
            reply_kind="post",
            extra=event.excerpt,
            life=lifetimes.POST_CONFIRMATION,
        )
        await self._send(event, letter)

    async def post_closed(self, event: PostClosed) -> None:
        place = self._directory.place(event.unit, event.group)
        text = posts.closed(place, event.outcome, event.recipients)
        await self._write(event, event.to, text, place.unit_name, event.message)

    # What all have in common

    async def _write(
        self,
        event: Answerable,
        to: Addressee,
        text: Text,
        from_name: str,
        message: int,
        *,
        reply_kind: ReplyKind | None = None,
        null_sender: bool = False,
    ) -> None:
        letter = AutomaticMail(text, from_name, to.recipient, to.carrier, message, reply_kind, null_sender)
        await self._send(event, letter)

    async def _send(self, event: Answerable, letter: AutomaticMail) -> None:
        now = self._clock()
        number = model.batch_id(event.id)
        content = MessageContent(
            from_name=letter.from_name, subject=letter.text.subject, text=letter.text.text, automatic=True
        )
        batch = DeliveryBatch(
            id=number,
            occurred_at=now,
            batch=number,
            unit=event.unit,
            lane="prompt",
            carrier=letter.carrier,
            message=letter.message,
            reply_kind=letter.reply_kind,
            null_sender=letter.null_sender,
            tracked=False,
            content=self._sealer.seal(content, "dispatcher"),
            recipients=letter.recipient,
            extra=letter.extra,
            first_planned_at=now,
            expires_at=now + letter.life,
        )
        await self._publisher.publish(batch)
        metrics.COMPOSED.labels(event.name).inc()
        log.info("mail_composed", occasion=event.name, id=event.id, batch=number, unit=event.unit)

    async def _within_limit(
        self, event: Answerable, sender_key: str, *, about: str, proven: bool, told: str = ""
    ) -> bool:
        allowed = await self._limit.allow(sender_key, event.id, self._clock(), about=about, told=told, proven=proven)
        if not allowed:
            self._withhold(event, "limit")
        return allowed

    def _withhold(self, event: Answerable, reason: str) -> None:
        metrics.WITHHELD.labels(reason).inc()
        log.info("mail_withheld", occasion=event.name, id=event.id, reason=reason)
