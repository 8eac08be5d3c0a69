"""The services that admin-api talks to: questions to registry, and buckets: what goes out, and the pace of delivery.

Every method raises BusUnavailable when nobody answers, RequestRefused(code) when registry says no.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from contracts import requests
from contracts.pace import DispatcherStatus, PaceOrder
from contracts.requests import (
    AudienceAsk,
    AudienceSize,
    MembersAsk,
    MembersPage,
    MemberView,
    Names,
    NamesAsk,
    PostAsk,
    PostContent,
    Posters,
    PostersAsk,
)
from contracts.sealed import MessageContent
from contracts.streams import CONTENT, DISPATCHERS, PACE
from runtime.bus.keyvalue import KvEntry, Watchable, contents
from runtime.crypto.sealing import Sealer
from runtime.logs import get_logger

R = TypeVar("R", bound=BaseModel)
M = TypeVar("M", PaceOrder, DispatcherStatus)
NAMES_AT_ONCE = 500
log = get_logger(__name__)


class BucketVerbs(Watchable, Protocol):
    """The verbs of the bus for the pace of delivery."""

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None: ...

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int: ...

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int: ...


class BusVerbs(BucketVerbs, Protocol):
    """The verbs of the bus that admin-api uses besides its outbox."""

    async def request(self, subject: str, message: BaseModel, reply: type[R], *, timeout: float = 5) -> R: ...

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int: ...


class Registry:
    """Questions to registry. `actor` goes into its access log."""

    def __init__(self, bus: BusVerbs) -> None:
        self._bus = bus

    async def members(self, ask: MembersAsk) -> MembersPage:
        """A page of a unit's members."""
        return await self._bus.request(requests.MEMBERS, ask, MembersPage)

    async def names(self, unit: str, actor: str, members: Iterable[int], children: Iterable[int]) -> Names:
        """Names of so many as wanted; asked for in portions."""
        wanted, young = sorted(set(members)), sorted(set(children))
        known, known_children = dict[int, str](), dict[int, str]()
        for start in range(0, max(len(wanted), len(young)), NAMES_AT_ONCE):
            portion = slice(start, start + NAMES_AT_ONCE)
            ask = NamesAsk(unit=unit, actor=actor, members=tuple(wanted[portion]), children=tuple(young[portion]))
            found = await self._bus.request(requests.NAMES, ask, Names)
            known |= found.members
            known_children |= found.children
        return Names(members=known, children=known_children)

    async def audience(
        self, unit: str, actor: str, *, groups: Sequence[str] | None, members: Sequence[int] | None, about_child: bool
    ) -> AudienceSize:
        """How many people and copies a message to these would have; both None: to everybody in the unit."""
        ask = AudienceAsk(
            unit=unit,
            actor=actor,
            groups=None if groups is None else tuple(groups),
            members=None if members is None else tuple(members),
            about_child=about_child,
        )
        return await self._bus.request(requests.AUDIENCE, ask, AudienceSize)

    async def post(self, unit: str, actor: str, post: int) -> PostContent:
        """Subject and text of a phone post."""
        return await self._bus.request(requests.POST, PostAsk(unit=unit, actor=actor, post=post), PostContent)

    async def posters(self, unit: str, actor: str, group: str) -> tuple[MemberView, ...]:
        """Members who may post to a group from a phone."""
        ask = PostersAsk(unit=unit, actor=actor, group=group)
        return (await self._bus.request(requests.POSTERS, ask, Posters)).members


class Contents:
    """The bucket with the content of messages, sealed for dispatcher."""

    def __init__(self, bus: BusVerbs, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    @staticmethod
    def key(unit: str, message: int) -> str:
        """Where in the bucket a message's content lies."""
        return f"{unit}.{message}"

    async def put(self, unit: str, message: int, content: MessageContent) -> str:
        """Store the content, before anybody hears of the message; returns its key."""
        key = self.key(unit, message)
        sealed = self._sealer.seal(content, "dispatcher")
        await self._bus.kv_put(CONTENT.name, key, sealed.model_dump_json().encode())
        return key


class Dispatchers:
    """The dispatchers: what they tell of themselves, and orders of pace for them."""

    def __init__(self, bus: BucketVerbs) -> None:
        self._bus = bus

    async def reports(self) -> tuple[DispatcherStatus, ...]:
        """Status of all dispatchers that were heard of within the last minute."""
        values = await contents(self._bus, DISPATCHERS.name)
        return tuple(
            report for key in sorted(values) if (report := _understood(DispatcherStatus, values[key])) is not None
        )

    async def orders(self) -> Mapping[str, PaceOrder]:
        """Orders by carrier, those that have ended included."""
        values = await contents(self._bus, PACE.name)
        found = {carrier: _understood(PaceOrder, value) for carrier, value in values.items()}
        return {carrier: order for carrier, order in found.items() if order is not None}

    async def order(self, carrier: str) -> tuple[PaceOrder, int | None]:
        """The order for a carrier (an empty one when there is none), and its revision."""
        entry = await self._bus.kv_entry(PACE.name, carrier)
        if entry is None:
            return PaceOrder(), None
        return _understood(PaceOrder, entry.value) or PaceOrder(), entry.revision

    async def put(self, carrier: str, order: PaceOrder, revision: int | None) -> None:
        """Order a carrier's pace, if nobody else did since that revision; WrongRevision otherwise."""
        value = order.model_dump_json(exclude_none=True).encode()
        if revision is None:
            await self._bus.kv_create(PACE.name, carrier, value)
        else:
            await self._bus.kv_update(PACE.name, carrier, value, revision)


def _understood(model: type[M], value: bytes) -> M | None:
    try:
        return model.model_validate_json(value)
    except ValidationError:
        log.error("entry_not_understood", model=model.__name__)
        return None
