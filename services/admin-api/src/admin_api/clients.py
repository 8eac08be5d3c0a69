"""All that the office asks of others: questions to registry, and the bucket that holds what goes out.

Every method raises BusUnavailable when nobody answers, RequestRefused(code) when registry says no.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel

from contracts import requests
from contracts.requests import (
    AudienceAsk,
    AudienceSize,
    Done,
    InviteAsk,
    MembersAsk,
    MembersPage,
    MemberView,
    Names,
    NamesAsk,
    PostAsk,
    PostContent,
    PosterChange,
    Posters,
    PostersAsk,
    RemoveAsk,
)
from contracts.sealed import MessageContent, Sealed
from contracts.streams import CONTENT
from runtime.sealing import Sealer

R = TypeVar("R", bound=BaseModel)
NAMES_AT_ONCE = 500


class BusVerbs(Protocol):
    """The verbs of the bus that the office uses besides its outbox."""

    async def request(self, subject: str, message: BaseModel, reply: type[R], *, timeout: float = 5) -> R: ...

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int: ...


class Registry:
    """Questions to registry. `actor` goes into its access log."""

    def __init__(self, bus: BusVerbs) -> None:
        self._bus = bus

    async def members(self, ask: MembersAsk) -> MembersPage:
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
        ask = AudienceAsk(
            unit=unit,
            actor=actor,
            groups=None if groups is None else tuple(groups),
            members=None if members is None else tuple(members),
            about_child=about_child,
        )
        return await self._bus.request(requests.AUDIENCE, ask, AudienceSize)

    async def post(self, unit: str, actor: str, post: int) -> PostContent:
        return await self._bus.request(requests.POST, PostAsk(unit=unit, actor=actor, post=post), PostContent)

    async def posters(self, unit: str, actor: str, group: str) -> tuple[MemberView, ...]:
        ask = PostersAsk(unit=unit, actor=actor, group=group)
        return (await self._bus.request(requests.POSTERS, ask, Posters)).members

    async def change_poster(self, unit: str, actor: str, group: str, member: int, *, enrolled: bool) -> None:
        ask = PosterChange(unit=unit, actor=actor, group=group, member=member, enrolled=enrolled)
        await self._bus.request(requests.POSTER_CHANGE, ask, Done)

    async def invite(self, unit: str, actor: str, group: str, request: int, card: Sealed) -> None:
        ask = InviteAsk(unit=unit, actor=actor, group=group, request=request, card=card)
        await self._bus.request(requests.INVITE, ask, Done)

    async def remove(self, unit: str, actor: str, member: int, group: str | None) -> None:
        await self._bus.request(requests.REMOVE, RemoveAsk(unit=unit, actor=actor, member=member, group=group), Done)


class Contents:
    """The bucket with the content of messages, sealed for dispatcher."""

    def __init__(self, bus: BusVerbs, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    @staticmethod
    def key(unit: str, message: int) -> str:
        return f"{unit}.{message}"

    async def put(self, unit: str, message: int, content: MessageContent) -> str:
        """Store it, before anybody hears of the message; returns its key."""
        key = self.key(unit, message)
        sealed = self._sealer.seal(content, "dispatcher")
        await self._bus.kv_put(CONTENT.name, key, sealed.model_dump_json().encode())
        return key
