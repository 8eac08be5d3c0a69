"""The same request twice has one effect: its sender names it with a key (draft-ietf-httpapi-idempotency-key-header).

`check` answers a repetition early. Two that run at once both pass it: then `claim`, in the transaction of the change,
lets the table's primary key decide, and the later one's whole change is rolled back.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel import idempotency_keys as requests_seen
from admin_api.kernel.context import Books, Office
from admin_api.kernel.errors import Conflict
from admin_api.kernel.idempotency_keys import Outcome, Request
from admin_api.kernel.roles import Caller, canonical_request


class Repeated(Exception):
    """This request was carried out before; `outcome` is what came of it. Raised, so that the transaction is left."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("repeated")
        self.outcome = outcome


def named(
    office: Office, who: Caller, unit: str, key: str | None, operation: str, body: Mapping[str, Any]
) -> Request | None:
    """The request under its sender's key; None for one without a key, which is never a repetition."""
    if key is None:
        return None
    # A keyed hash: from a plain one, a short note about a child could be guessed.
    return Request(who.account, unit, key, office.fingerprint(canonical_request(operation, body)))


async def check(books: Books, request: Request | None) -> None:
    """Repeated, or Conflict for a key that stood for something else."""
    if request is None:
        return
    async with books.engine.connect() as connection:
        await _refuse_known(connection, request)


async def claim(books: Books, connection: AsyncConnection, request: Request | None, message: int) -> None:
    """Take the key in the caller's transaction, or raise as `check` does."""
    if request is None:
        return
    now = books.clock()
    # A key that is taken and then not found was just forgotten: it is free.
    while not await requests_seen.claim(connection, request, message, now):
        await _refuse_known(connection, request)
    await requests_seen.forget(connection, now)


async def note(connection: AsyncConnection, request: Request | None, wave: int, copies: int) -> None:
    """Keep what came of a resend."""
    if request is not None:
        await requests_seen.note(connection, request, wave, copies)


async def _refuse_known(connection: AsyncConnection, request: Request) -> None:
    outcome = await requests_seen.find(connection, request)
    if outcome is None:
        return
    if outcome.body_hash != request.body_hash:
        raise Conflict("idempotency-key-reused", "This Idempotency-Key stood for another request.")
    raise Repeated(outcome)
