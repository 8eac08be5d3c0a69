"""A responder for tests: names and boards from memory, a bus in memory, and dispatcher's key to read what was
composed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from nacl.public import PrivateKey

from board.memory import BoardMemory
from board.model import Board, CalendarEvent, Notice
from contracts import directory as contract
from contracts.base import Event
from contracts.directory import GroupEntry, UnitEntry
from contracts.events import Addressee, Authentication, Automatic, DeliveryBatch, InboundInfo
from contracts.sealed import CardFields, MessageContent, RecipientCard, RecipientCards, Sealed
from responder.consumers import EventConsumer
from responder.context import Context
from responder.directory import ScopeDirectory
from responder.limits import AnswerLimit, PerHour
from runtime.bus.client import KV_READY, KvChange
from runtime.bus.consumer import Delivery
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from tests.board.source import FakeSource
from tests.support.fake_bus import FakeBus

BASE = "mail.example"
NOW = datetime(2026, 4, 7, 23, 30, tzinfo=UTC)  # 8:30 on Wednesday, 8 April, in Japan
PRIVATE = PrivateKey.generate()
PUBLIC = {"dispatcher": ("k1", bytes(PRIVATE.public_key))}
SEALER = Sealer(PUBLIC)
OPENER = Opener("dispatcher", KeyRing({"k1": bytes(PRIVATE)}))
ADDRESS = "foo..bar@docomo.ne.jp"
SENDER_KEY = "ab" * 32

SCHOOL = UnitEntry(
    unit="minami",
    name="みなみ小学校",
    receipts=True,
    groups={"1nen": GroupEntry(name="1年"), "2nen": GroupEntry(name="2年")},
)
NOTICES = (
    Notice(1, "古いお知らせ", "四番目", datetime(2026, 4, 1, tzinfo=UTC)),
    Notice(2, "給食費", "振替日は10日です", datetime(2026, 4, 2, tzinfo=UTC)),
    Notice(3, "プール開き", "中止です", datetime(2026, 4, 7, 0, 5, tzinfo=UTC)),
    Notice(4, "2年の持ち物", "水筒", datetime(2026, 4, 6, tzinfo=UTC), group="2nen"),
    Notice(5, "終わったこと", "", datetime(2026, 4, 7, tzinfo=UTC), datetime(2026, 4, 7, 12, tzinfo=UTC)),
    Notice(6, "まだ先のこと", "", datetime(2026, 4, 9, tzinfo=UTC)),
    Notice(7, "運動会", "x" * 700, datetime(2026, 4, 3, tzinfo=UTC)),
)
EVENTS = (
    CalendarEvent(1, date(2026, 4, 8), "入学式", starts_at=time(10, 0), place="体育館", note="上ばきを\n持参"),
    CalendarEvent(2, date(2026, 4, 6), "家庭訪問", ends_on=date(2026, 4, 9)),
    CalendarEvent(3, date(2026, 4, 9), "1年の遠足", group="1nen"),
    CalendarEvent(4, date(2026, 4, 7), "きのうのこと"),
    CalendarEvent(5, date(2026, 4, 10), "あさってのこと"),
)
FULL = Board("みなみ小学校", NOTICES, EVENTS)
EMPTY = Board("みなみ小学校")


class Harness:
    """A responder with everything around it. `source` is its database."""

    def __init__(self, board: Board = FULL, *, per_hour: int = 6, unproven: int = 3) -> None:
        self.now = NOW
        self.bus = FakeBus()
        self.source = FakeSource(minami=board)
        self.directory = ScopeDirectory(BASE)
        self.boards = BoardMemory(self.source, clock=self._clock, every=1000.0)
        context = Context(
            directory=self.directory,
            boards=self.boards,
            limit=AnswerLimit(self.bus, PerHour(per_hour, unproven)),
            publisher=self.bus,
            sealer=SEALER,
            clock=self._clock,
        )
        self.consumer = EventConsumer(context)
        self.learn(SCHOOL)

    def learn(self, *units: UnitEntry) -> None:
        for unit in units:
            self.directory.apply(KvChange(contract.key(unit.unit), unit.model_dump_json().encode()))
        self.directory.apply(KV_READY)

    async def deliver(self, event: Event) -> None:
        """An event as it comes from the bus."""
        await self.consumer(Delivery(event.bus_subject(), event.model_dump_json().encode(), {}, 1, "EVENTS", 1))

    @property
    def batches(self) -> list[DeliveryBatch]:
        """Every mail so far, as it went to the dispatchers."""
        found = [each for each in self.bus.messages if each.subject.startswith("delivery.")]
        return [DeliveryBatch.model_validate_json(each.data) for each in found]

    @property
    def composed(self) -> ComposedMail:
        """The only mail so far."""
        (batch,) = self.batches
        return opened(batch)

    def _clock(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class ComposedMail:
    """A mail as dispatcher reads it."""

    batch: DeliveryBatch
    content: MessageContent
    cards: tuple[RecipientCard, ...]

    @property
    def subject(self) -> str:
        return self.content.subject

    @property
    def flat(self) -> str:
        """The text without line ends, to look for words that lines may part."""
        return self.content.text.replace("\n", "")


def opened(batch: DeliveryBatch) -> ComposedMail:
    assert batch.content is not None
    return ComposedMail(
        batch, OPENER.open(batch.content, MessageContent), OPENER.open(batch.recipients, RecipientCards).cards
    )


def card(**fields: str) -> Sealed:
    cards = RecipientCards(cards=(RecipientCard(copy_ref=77, address=ADDRESS, fields=fields),))
    return SEALER.seal(cards, "dispatcher")


def to(**fields: str) -> Addressee:
    return Addressee(recipient=card(**fields), carrier="docomo", sender_key=SENDER_KEY)


def excerpt() -> Sealed:
    return SEALER.seal(CardFields(fields={"subject": "早帰り", "excerpt": "正午に下校します"}), "dispatcher")


def ask(
    number: int = 1, *, group: str | None = None, automatic: Automatic | None = None, proven: bool = False
) -> InboundInfo:
    """An empty mail to an info address; `proven`: shown to come from its sender's domain."""
    return InboundInfo(
        authentication=Authentication(spf="pass", sender_proven=True) if proven else None,
        id=f"in-{number}",
        occurred_at=NOW,
        unit="minami",
        size=10,
        group=group,
        sender_key=SENDER_KEY,
        automatic=automatic or Automatic(),
        ref=5,
        carrier="docomo",
        recipient=card(),
    )
