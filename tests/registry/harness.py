"""A registry on a real database, spoken to as the other services would: events in, events out, boxes opened."""

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from nacl.public import PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.base import Event
from contracts.commands import Command, CommandId, UndoCommand
from contracts.directory import GroupEntry, UnitEntry
from contracts.events import (
    ALL,
    Addressee,
    Authentication,
    Automatic,
    CommandDone,
    ConfirmationGiven,
    ConfirmationKind,
    DeliveryBatch,
    InboundEntry,
    InboundLeave,
    InboundPost,
    MessageApproved,
)
from contracts.sealed import AddressCard, EntryMail, PostMail, RecipientCard, RecipientCards, ReplyText
from registry import handlers, tables
from registry.context import Context, Lifetimes
from registry.person_crypto import PersonCrypto
from runtime.crypto.ciphers import FieldCipher, KeyedHash
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.outbox import Inbox, Outbox
from runtime.ids import new_id
from tests.support.fake_bus import FakeBus

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Command)

START = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
PROVEN = Authentication(spf="pass", dmarc="pass", sender_proven=True)
NO_REPLY = Automatic(reply_allowed=False, count_answer=True, why="auto-submitted")
_EVENTS = {model.name: model for model in ALL}
_numbers = itertools.count(1)


@dataclass
class FakeUnits:
    """Two schools; sakura has the receipts option."""

    entries: dict[str, UnitEntry] = field(
        default_factory=lambda: {
            "sakura": UnitEntry(
                unit="sakura",
                name="さくら小学校",
                receipts=True,
                groups={code: GroupEntry(name=code) for code in ("g1", "g2", "g3")},
            ),
            "momiji": UnitEntry(unit="momiji", name="もみじ保育園", groups={"m1": GroupEntry(name="m1")}),
        }
    )

    async def unit(self, code: str, *, fresh: bool = False) -> UnitEntry | None:
        return self.entries.get(code)


@dataclass
class Clock:
    """The present, as the test says."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass(frozen=True)
class Keys:
    """A ring of one key for everybody that the tests play."""

    address: KeyRing = field(default_factory=lambda: KeyRing({"a1": secrets.token_bytes(32)}))
    lookup: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sender: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    private: dict[str, bytes] = field(
        default_factory=lambda: {service: secrets.token_bytes(32) for service in ("registry", "dispatcher", "receipts")}
    )

    def opener(self, service: str) -> Opener:
        return Opener(service, KeyRing({"s1": self.private[service]}))

    def public(self) -> dict[str, tuple[str, bytes]]:
        return {name: ("s1", bytes(PrivateKey(key).public_key)) for name, key in self.private.items()}

    def sealer(self) -> Sealer:
        return Sealer(self.public())


class Harness:
    """Registry, and around it ingress-smtp, the ledger and the dispatchers as far as a test needs them."""

    def __init__(self, engine: AsyncEngine, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()
        self.engine = engine
        self.units = FakeUnits()
        self.bus = FakeBus()
        self._seen = 0
        self.clock = Clock()
        self.sealer = self.keys.sealer()
        self.dispatcher = self.keys.opener("dispatcher")
        self.context = Context(
            engine=engine,
            inbox=Inbox(tables.inbox),
            outbox=Outbox(tables.outbox),
            bus=self.bus,
            crypto=PersonCrypto(
                FieldCipher(self.keys.address), KeyedHash(self.keys.lookup), KeyedHash(self.keys.sender)
            ),
            opener=self.keys.opener("registry"),
            sealer=self.sealer,
            units=self.units,
            lives=Lifetimes(
                timedelta(days=7), timedelta(days=30), timedelta(days=7), timedelta(days=30), timedelta(days=30)
            ),
            clock=self.clock,
        )

    # Events as the other services make them

    def entry_event(
        self,
        sender: str,
        words: str = "",
        *,
        unit: str = "sakura",
        group: str = "g1",
        subject: str = "",
        automatic: Automatic | None = None,
        proven: bool = False,
    ) -> InboundEntry:
        return InboundEntry(
            id=f"in-{next(_numbers)}",
            occurred_at=self.clock(),
            unit=unit,
            group=group,
            size=100,
            authentication=PROVEN if proven else None,
            sender_key="0" * 64,
            automatic=automatic or Automatic(),
            mail=self.sealer.seal(EntryMail(sender=sender, subject=subject, text=words), "registry"),
        )

    def leave_event(
        self, sender: str, *, unit: str = "sakura", group: str | None = None, proven: bool = False
    ) -> InboundLeave:
        return InboundLeave(
            authentication=PROVEN if proven else None,
            id=f"in-{next(_numbers)}",
            occurred_at=self.clock(),
            unit=unit,
            group=group,
            size=100,
            sender_key="0" * 64,
            automatic=Automatic(),
            mail=self.sealer.seal(EntryMail(sender=sender), "registry"),
        )

    def confirmation(
        self,
        kind: ConfirmationKind,
        message_ref: int,
        recipient_ref: int,
        *,
        words: str | None = None,
        unit: str = "sakura",
        expired: bool = False,
    ) -> ConfirmationGiven:
        return ConfirmationGiven(
            id=f"confirmed-{next(_numbers)}",
            occurred_at=self.clock(),
            unit=unit,
            kind=kind,
            message_ref=message_ref,
            recipient_ref=recipient_ref,
            issued_at=self.clock(),
            expired=expired,
            reply=None if words is None else self.sealer.seal(ReplyText(text=words), "registry"),
        )

    def approved(self, message: int | None = None, **parts: Any) -> MessageApproved:
        unit = parts.pop("unit", "sakura")
        return MessageApproved(
            id=f"approved-{next(_numbers)}",
            occurred_at=self.clock(),
            unit=unit,
            message=message or new_id(),
            lane=parts.pop("lane", "ordinary"),
            content_key=f"{unit}.content",
            **parts,
        )

    def command(self, model: type[C], *, unit: str = "sakura", **parts: Any) -> C:
        """A command of admin-api's, under a new id."""
        common = {"id": f"command-{next(_numbers)}", "occurred_at": self.clock(), "unit": unit, "actor": "account/7"}
        return model.model_validate({**common, **parts})

    # What administrators do

    async def give(self, command: Command) -> CommandDone:
        """Have a command handled; its result, the last that registry says of it."""
        await handlers.commands.handle(self.context, command)
        return only(await self.said(), CommandDone)[-1]

    async def undo(self, of: CommandId, *, unit: str = "sakura") -> CommandDone:
        """Undo a command; the result of that."""
        return await self.give(self.command(UndoCommand, unit=unit, of=of))

    # What people do

    async def entry(self, sender: str, words: str = "", **parts: Any) -> Sequence[Event]:
        """Mail an entry address; what registry says."""
        await handlers.registration.entry(self.context, self.entry_event(sender, words, **parts))
        return await self.said()

    async def reply(self, registration: int, words: str = "", **parts: Any) -> Sequence[Event]:
        """Reply to a guide mail."""
        event = self.confirmation("registration", registration, registration, words=words, **parts)
        await handlers.registration.confirm(self.context, event)
        return await self.said()

    async def register(self, sender: str, words: str = "", *, unit: str = "sakura", group: str = "g1") -> int:
        """Enter and confirm; the member's number."""
        (opened,) = await self.entry(sender, words, unit=unit, group=group)
        assert opened.name == "registration.opened", opened
        (completed,) = await self.reply(opened.registration, unit=unit)  # type: ignore[attr-defined]
        assert completed.name == "registration.completed", completed
        member: int = completed.member  # type: ignore[attr-defined]
        return member

    async def leave(self, sender: str, **parts: Any) -> Sequence[Event]:
        """Mail a leave address."""
        await handlers.leaving.leave(self.context, self.leave_event(sender, **parts))
        return await self.said()

    async def confirm_leave(self, request: int, member: int, **parts: Any) -> Sequence[Event]:
        await handlers.leaving.confirm(self.context, self.confirmation("leave", request, member, **parts))
        return await self.said()

    async def post(self, sender: str, subject: str, words: str, *, group: str = "g1", **parts: Any) -> Sequence[Event]:
        """Mail a post address."""
        event = InboundPost(
            id=f"in-{next(_numbers)}",
            occurred_at=self.clock(),
            unit="sakura",
            group=group,
            size=100,
            sender_key="0" * 64,
            automatic=parts.pop("automatic", Automatic()),
            authentication=parts.pop("authentication", None),
            mail=self.sealer.seal(PostMail(sender=sender, subject=subject, text=words), "registry"),
        )
        await handlers.posts.post(self.context, event)
        return await self.said()

    async def broadcast(self, event: MessageApproved) -> Sequence[Event]:
        await handlers.broadcast.approve(self.context, event)
        return await self.said()

    def card(self, address: str, name: str = "") -> AddressCard:
        return AddressCard(address=address, name=name)

    # What came of it

    async def said(self) -> Sequence[Event]:
        """What registry put on the bus since the last look, by the outbox first, then what it published itself."""
        async with self.engine.begin() as connection:
            rows = await connection.execute(text("DELETE FROM outbox RETURNING id, subject, payload"))
            found = [(row.subject, row.payload) for row in sorted(rows.all())]
        published = self.bus.messages[self._seen :]
        self._seen = len(self.bus.messages)
        return [event_of(*each) for each in (*found, *((each.subject, each.data) for each in published))]

    def to(self, addressee: Addressee) -> RecipientCard:
        """The one person to write to, as dispatcher reads it."""
        (card,) = self.dispatcher.open(addressee.recipient, RecipientCards).cards
        return card

    def cards(self, batch: DeliveryBatch) -> tuple[RecipientCard, ...]:
        return self.dispatcher.open(batch.recipients, RecipientCards).cards

    async def rows(self, statement: str, **parameters: Any) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            return (await connection.execute(text(statement), parameters)).all()

    async def dump(self) -> bytes:
        """Everything in all tables, as bytes."""
        parts: list[bytes] = []
        async with self.engine.connect() as connection:
            for table in tables.metadata.sorted_tables:
                for row in await connection.execute(table.select()):
                    for value in row:
                        parts.append(bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode())
        return b"\n".join(parts)


def event_of(subject: str, payload: bytes) -> Event:
    """The event on a subject of the bus."""
    is_batch = subject.startswith("delivery.") and subject not in ("delivery.planned", "delivery.settled")
    model = DeliveryBatch if is_batch else _EVENTS[subject]
    return model.model_validate_json(payload)


def only(events: Sequence[Event], model: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, model)]


def single(events: Sequence[Event], model: type[E]) -> E:
    """The one event that was said, of that kind."""
    (event,) = events
    assert isinstance(event, model), event
    return event
