"""What no service could process waits here for the operator: handle it once more, or drop it.

    dead letter of any service -> a row with its reason; the message itself encrypted, personal parts sealed besides
    retry -> dead-letter-retry.<service>: the handler that gave it up has it once more -> done, or back as the same row
    drop, or nobody decides in time -> the message is erased; copies of a delivery batch get their outcome by dispatcher
Anybody can cause dead letters (replies with forged tokens), so each reason keeps its newest rows only; all are counted.
"""

import base64
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.dead_letters import store
from admin_api.dead_letters.explanations import BY_ANYBODY
from admin_api.dead_letters.model import DeadLetterEntry, Decided, Decision, Filter, ReasonCount, RowLimits, entry_of
from admin_api.kernel.context import Database
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.paging import PageRequest, Slice
from contracts.events import DeadLetter, DeadLetterRetry
from runtime.errors import CipherError
from runtime.ids import new_id
from runtime.logs import get_logger

AT_ONCE: Final = 500
OCTETS_AT_ONCE: Final = 64_000_000
"""Of one decision about many: so many messages, and so many octets, at most."""
REMEMBERED: Final = timedelta(days=90)
"""How long it is known that there was a message."""
ERASER: Final = "time"
"""Who has decided when nobody has."""
BOUNDS: Final = RowLimits()

_PORTIONS: Final = 20
"""Rows beyond the bounds go a twentieth of the bounds at a time: looking for them costs more than adding one."""
log = get_logger(__name__)


async def arrived(database: Database, sequence: int, subject: str, data: bytes, *, bounds: RowLimits = BOUNDS) -> None:
    """Write a dead letter down. `sequence`: its number in the stream. Harmless to repeat."""
    letter = _understood(sequence, subject, data, database.clock())
    row = entry_of(letter, new_id())
    async with database.engine.begin() as connection:
        await store.alone(connection)
        if letter.retry_of is not None and await store.is_known(connection, letter.first):
            new = await store.come_back(connection, database.cipher, row, letter)
        else:
            new = await store.add(connection, database.cipher, row, letter)
        if not new:
            return
        total = await store.count(connection, row.service, row.reason, row.last_at)
        keep = bounds.anybodys if row.reason in BY_ANYBODY else bounds.ours
        if total > keep and total % max(1, keep // _PORTIONS) == 0:
            await store.let_go(connection, row.service, row.reason, keep)
    log.info("dead_letter_kept", id=row.id, service=row.service, reason=row.reason)


async def page(database: Database, which: Filter, wanted: PageRequest[int]) -> Slice[DeadLetterEntry, int]:
    """Dead letters that fit, newest first."""
    async with database.engine.connect() as connection:
        return await store.page(connection, which, wanted)


async def counts(database: Database) -> list[ReasonCount]:
    """How many there are, by service and reason."""
    async with database.engine.connect() as connection:
        return await store.counts(connection)


async def one(database: Database, number: int) -> DeadLetterEntry:
    """One dead letter. NotFound when there is none."""
    async with database.engine.connect() as connection:
        return _found(await store.get(connection, number))


async def retry(database: Database, actor: str, number: int) -> DeadLetterEntry:
    """Have a dead letter handled once more. Asked again before it came back, nothing more happens."""
    return await _decide_one(database, actor, number, "retried")


async def drop(database: Database, actor: str, number: int) -> DeadLetterEntry:
    """Never handle a dead letter; its message is erased."""
    return await _decide_one(database, actor, number, "dropped")


async def decide_many(
    database: Database, actor: str, which: Filter, decision: Decision, *, after: int = 0, at_once: int = AT_ONCE
) -> Decided:
    """Retry or drop all undecided ones that fit, oldest first, as many as may be at once. Who goes on does so `after`
    the last of them: what failed again is undecided again under its old number, and would come first for ever."""
    if which.service is None and which.reason is None:
        raise Unacceptable("reason", "Give a reason, a service, or both.")
    which = Filter(which.service, which.reason, which.unit, "undecided")
    async with database.engine.begin() as connection:
        fitting = await store.undecided(connection, which, after=after, kept=decision == "retried", limit=at_once)
        some = _within_bounds(fitting)
        done = await _carry_out(database, connection, some, decision, actor)
        left = await store.how_many(connection, which)
        detail: dict[str, str | int | None] = {
            "service": which.service,
            "reason": which.reason,
            "unit": which.unit,
            "count": done,
        }
        await database.audit(
            connection, actor, f"dead_letter.{decision}", "dead_letter", unit=which.unit, detail=detail
        )
    return Decided(done, left, some[-1].id if some else None)


async def tidy(database: Database, life: timedelta) -> int:
    """Erase messages about which nobody has decided for so long, and what is older than `REMEMBERED`; returns how many
    messages were erased."""
    now, erased = database.clock(), 0
    while True:
        async with database.engine.begin() as connection:
            some = _within_bounds(await store.undecided(connection, Filter(), before=now - life, limit=AT_ONCE))
            if some:
                await _carry_out(database, connection, some, "dropped", ERASER)
                await database.audit(
                    connection, ERASER, "dead_letter.erased", "dead_letter", detail={"count": len(some)}
                )
        erased += len(some)
        if not some:
            break
    async with database.engine.begin() as connection:
        await store.forget(connection, now - REMEMBERED)
    return erased


async def _decide_one(database: Database, actor: str, number: int, decision: Decision) -> DeadLetterEntry:
    async with database.engine.begin() as connection:
        row = _found(await store.get(connection, number, lock=True))
        if row.state == decision:
            return row
        if row.state == "dropped":
            raise Conflict("dropped", "It was dropped; the message is no longer there.")
        if row.state == "retried":
            raise Conflict("retried", "It is being handled once more. Should that fail, it will be undecided again.")
        if decision == "retried" and not row.kept:
            raise Conflict("not-kept", "The message was too large to keep; it can only be dropped.")
        if not await _carry_out(database, connection, [row], decision, actor):
            raise Conflict("not-readable", "The key that it is encrypted with is missing in the settings of admin-api.")
        detail: dict[str, str | int] = {"service": row.service, "reason": row.reason}
        await database.audit(
            connection, actor, f"dead_letter.{decision}", f"dead_letter/{row.id}", unit=row.unit, detail=detail
        )
        return _found(await store.get(connection, number))


async def _carry_out(
    database: Database, connection: AsyncConnection, rows: list[DeadLetterEntry], decision: Decision, actor: str
) -> int:
    """Returns how many it was done with. What can't be decrypted isn't retried; but a key that is gone must not keep it
    from being erased, nor what is erased together with it."""
    now, done = database.clock(), []
    for row in rows:
        # Only the dispatcher's work has somebody waiting for its outcome.
        if row.kept and (decision == "retried" or row.service == "dispatcher"):
            try:
                letter = await store.dead_letter(connection, database.cipher, row.id)
            except CipherError:
                log.warning("dead_letter_not_readable", id=row.id, decision=decision)
                if decision == "retried":
                    continue
            else:
                assert letter is not None
                given_up = decision == "dropped"
                retry = DeadLetterRetry(
                    id=f"{letter.id}/{decision}", occurred_at=now, dead_letter=letter, given_up=given_up
                )
                await database.outbox.add(connection, retry)
        done.append(row.id)
    await store.decide(connection, done, decision, now, actor)
    return len(done)


def _within_bounds(rows: list[DeadLetterEntry]) -> list[DeadLetterEntry]:
    """The first of these, at least one if there is one."""
    some: list[DeadLetterEntry] = []
    octets = 0
    for row in rows:
        octets += row.size
        if some and octets > OCTETS_AT_ONCE:
            break
        some.append(row)
    return some


def _found(row: DeadLetterEntry | None) -> DeadLetterEntry:
    if row is None:
        raise NotFound("There is no such dead letter (any more).")
    return row


def _understood(sequence: int, subject: str, data: bytes, now: datetime) -> DeadLetter:
    try:
        return DeadLetter.model_validate_json(data)
    except ValidationError:
        return DeadLetter(
            id=f"deadletter-{sequence}",
            occurred_at=now,
            service=subject.rpartition(".")[2],
            consumer="unknown",
            subject=subject,
            reason="PermanentError: dead_letter_not_understood",
            attempts=1,
            payload="" if len(data) > 1_000_000 else base64.b64encode(data).decode(),
        )
