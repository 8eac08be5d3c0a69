"""What the handlers work with, wired in once, and how they seal a person for the dispatchers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.directory import UnitEntry
from contracts.events import Addressee
from contracts.sealed import RecipientCard, RecipientCards
from mail.addresses import carrier_of
from registry.person_crypto import PersonCrypto
from registry.store import groups
from registry.suspect_copies import SuspectCopies
from runtime.bus.client import Outgoing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.outbox import Inbox, Outbox

MAILS = Counter("renrakumo_registry_mails", "Mails and confirmations by what became of them", ["kind", "effect"])


class Units(Protocol):
    """What is known of a unit; None when there is no such unit. `fresh`: not from memory, which may be a moment behind.
    TransientError while nothing is known yet."""

    async def unit(self, code: str, *, fresh: bool = False) -> UnitEntry | None: ...


class Publisher(Protocol):
    """The bus, as far as a broadcast needs it: stores all in order, and says of each what went wrong, None = stored."""

    async def publish_many(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]: ...


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things wait: a confirmation for its reply; then, until erased, what is pending, a done leave request,
    a post, and how to undo a command."""

    confirmation: timedelta
    pending: timedelta
    done_leave: timedelta
    post: timedelta
    undo: timedelta


@dataclass(frozen=True, slots=True)
class Context:
    """What every handler is given. `clock` gives the present as an aware UTC time."""

    engine: AsyncEngine
    inbox: Inbox
    outbox: Outbox
    bus: Publisher
    crypto: PersonCrypto
    opener: Opener
    sealer: Sealer
    units: Units
    lives: Lifetimes
    clock: Callable[[], datetime]
    suspect_copies: SuspectCopies = field(default_factory=SuspectCopies)

    async def group_exists(self, unit: str, group: str) -> bool:
        """Is it a group of an active unit? What memory doesn't know is looked up in the directory's bucket."""
        if _open(await self.units.unit(unit), group):
            return True
        return _open(await self.units.unit(unit, fresh=True), group)

    async def takes_members(self, connection: AsyncConnection, unit: str, group: str) -> bool:
        """Is there such a group, and is it not closed? Then nobody closes it until the transaction ends. The address
        of who is to enter has been locked before."""
        return await self.group_exists(unit, group) and await groups.stays_open(connection, unit, group)

    async def has_receipts(self, unit: str) -> bool:
        """Does the unit have the option of names and answers?"""
        entry = await self.units.unit(unit)
        return entry is not None and entry.receipts

    def addressee(
        self, address: str, copy_ref: int, fields: Mapping[str, str] | None = None, *, proven: bool = False
    ) -> Addressee:
        """One person to write to, by his normalised address. `copy_ref` is what the reply token will name; `proven`:
        what is answered did come from there."""
        card = RecipientCard(copy_ref=copy_ref, address=address, fields=dict(fields or {}))
        return Addressee(
            recipient=self.sealer.seal(RecipientCards(cards=(card,)), "dispatcher"),
            carrier=carrier_of(address.rpartition("@")[2]),
            sender_key=self.crypto.sender_key(address),
            proven=proven,
        )


def _open(entry: UnitEntry | None, group: str) -> bool:
    return entry is not None and entry.active and group in entry.groups
