"""The same request twice has one effect: its sender names it with a key (draft-ietf-httpapi-idempotency-key-header).

`check` answers a repetition early. Two that run at once both pass it: then `claim`, in the transaction of the change,
lets the table's primary key decide, and the later one's whole change is rolled back.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel import idempotency_keys
from admin_api.kernel.context import Context, Database
from admin_api.kernel.errors import Conflict
from admin_api.kernel.idempotency_keys import KeyedRequest, RecordedResult
from admin_api.kernel.roles import Caller
from runtime.crypto.ciphers import KeyedHash


class Repeated(Exception):
    """This request was carried out before; `outcome` is what came of it. Raised, so that the transaction is left."""

    def __init__(self, outcome: RecordedResult) -> None:
        super().__init__("repeated")
        self.outcome = outcome


def canonical_request(operation: str, body: Mapping[str, Any]) -> str:
    """What a request asks for as one text, whatever the order of its fields. Times in `body` are aware."""
    content = {"operation": operation, "body": body}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_utc)


def fingerprinter(key: KeyedHash) -> Callable[[str], bytes]:
    """text -> 32 bytes. The prefix keeps it apart from post secrets, which are hashed with the same key."""
    return lambda text: key.digest(f"request\0{text}")


def named(
    context: Context, who: Caller, unit: str, key: str | None, operation: str, body: Mapping[str, Any]
) -> KeyedRequest | None:
    """The request under its sender's key; None for one without a key, which is never a repetition."""
    if key is None:
        return None
    # A keyed hash: from a plain one, a short note about a child could be guessed.
    return KeyedRequest(who.account, unit, key, context.fingerprint(canonical_request(operation, body)))


async def check(database: Database, request: KeyedRequest | None) -> None:
    """Repeated, when this request was carried out before; Conflict for a key that stood for something else."""
    if request is None:
        return
    async with database.engine.connect() as connection:
        await _refuse_known(connection, request)


async def claim(database: Database, connection: AsyncConnection, request: KeyedRequest | None, message: int) -> None:
    """Take the key in the caller's transaction; Repeated or Conflict when somebody else has taken it meanwhile."""
    if request is None:
        return
    now = database.clock()
    # A key that is taken and then not found was just forgotten: it is free.
    while not await idempotency_keys.claim(connection, request, message, now):
        await _refuse_known(connection, request)
    await idempotency_keys.forget(connection, now)


async def note(connection: AsyncConnection, request: KeyedRequest | None, wave: int, copies: int) -> None:
    """Keep what came of a resend."""
    if request is not None:
        await idempotency_keys.note(connection, request, wave, copies)


async def _refuse_known(connection: AsyncConnection, request: KeyedRequest) -> None:
    outcome = await idempotency_keys.find(connection, request)
    if outcome is None:
        return
    if outcome.body_hash != request.body_hash:
        raise Conflict("idempotency-key-reused", "This Idempotency-Key stood for another request.")
    raise Repeated(outcome)


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
