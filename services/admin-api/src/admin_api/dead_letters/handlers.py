"""Held mail: what no service could process waits here for the operator: handle it once more, or drop it.

    dead letter of any service -> a row with its reason; the message itself encrypted, personal parts sealed besides
    retry -> again.<service>: the handler that gave it up has it once more -> done, or back as the same row
    drop, or nobody decides in time -> the message is erased; copies of a delivery batch get their outcome by dispatcher
Anybody can cause dead letters (replies with forged tokens), so each reason keeps its newest rows only; all are counted.
"""

import asyncio
import base64
import contextlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from prometheus_client import Gauge
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.dead_letters import store as held
from admin_api.dead_letters.explanations import BY_ANYBODY
from admin_api.dead_letters.store import Count, Filter, HeldMail
from admin_api.kernel.context import Books
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from contracts.base import UNIT_PATTERN
from contracts.events import DeadLetter, DeadLetterRetry
from runtime.errors import CipherError
from runtime.faults import is_outage
from runtime.ids import new_id
from runtime.logs import get_logger
from runtime.redaction import reason_of, redact

Decision = Literal["retried", "dropped"]

HELD = Gauge("renrakumo_held_mail", "Messages that wait for the operator's decision", ["service", "reason"])

AT_ONCE: Final = 500
OCTETS_AT_ONCE: Final = 64_000_000
"""Of one decision about many: so many messages, and so many octets, at most."""
REMEMBERED: Final = timedelta(days=90)
"""How long it is known that there was a message."""
LOOK_EVERY: Final = 60.0
ERASER: Final = "time"
"""Who has decided when nobody has."""

_PORTIONS: Final = 20
"""Rows beyond the bounds go a twentieth of the bounds at a time: looking for them costs more than adding one."""
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_CLASS = re.compile(r"[A-Za-z]\w{0,60}")
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rows of a reason at most: of those that anybody outside can cause, and of the rest."""

    anybodys: int = 1_000
    ours: int = 100_000


@dataclass(frozen=True, slots=True)
class Decided:
    """Of a decision about many: how many it was about, the number of the last of them (None: there was none), and how
    many that fit are held."""

    done: int
    left: int
    last: int | None


BOUNDS: Final = Bounds()


async def arrived(books: Books, sequence: int, subject: str, data: bytes, *, bounds: Bounds = BOUNDS) -> None:
    """Write a dead letter down. `sequence`: its number in the stream. Harmless to repeat."""
    letter = _understood(sequence, subject, data, books.clock())
    row = _row_of(letter)
    async with books.engine.begin() as connection:
        await held.alone(connection)
        if letter.again_of is not None and await held.is_known(connection, letter.first):
            new = await held.come_back(connection, books.cipher, row, letter)
        else:
            new = await held.add(connection, books.cipher, row, letter)
        if not new:
            return
        total = await held.count(connection, row.service, row.reason, row.last_at)
        keep = bounds.anybodys if row.reason in BY_ANYBODY else bounds.ours
        if total > keep and total % max(1, keep // _PORTIONS) == 0:
            await held.let_go(connection, row.service, row.reason, keep)
    log.info("mail_held", id=row.id, service=row.service, reason=row.reason)


async def page(books: Books, which: Filter, *, before: int | None, limit: int) -> list[HeldMail]:
    """Newest first."""
    async with books.engine.connect() as connection:
        return await held.page(connection, which, before=before, limit=limit)


async def counts(books: Books) -> list[Count]:
    """By service and reason."""
    async with books.engine.connect() as connection:
        return await held.counts(connection)


async def one(books: Books, number: int) -> HeldMail:
    """NotFound when there is none."""
    async with books.engine.connect() as connection:
        return _found(await held.get(connection, number))


async def retry(books: Books, actor: str, number: int) -> HeldMail:
    """Have it handled once more. Asked again before it came back, nothing more happens."""
    return await _decide_one(books, actor, number, "retried")


async def drop(books: Books, actor: str, number: int) -> HeldMail:
    """It will never be handled; its message is erased."""
    return await _decide_one(books, actor, number, "dropped")


async def decide_many(
    books: Books, actor: str, which: Filter, decision: Decision, *, after: int = 0, at_once: int = AT_ONCE
) -> Decided:
    """The same for all held rows that fit, oldest first, as many as may be at once. Who goes on does so `after` the
    last of them: what failed again is held again under its old number, and would come first for ever."""
    if which.service is None and which.reason is None:
        raise Unacceptable("reason", "Give a reason, a service, or both.")
    which = Filter(which.service, which.reason, which.unit, "held")
    async with books.engine.begin() as connection:
        fitting = await held.undecided(connection, which, after=after, kept=decision == "retried", limit=at_once)
        some = _within_bounds(fitting)
        done = await _carry_out(books, connection, some, decision, actor)
        left = await held.how_many(connection, which)
        detail: dict[str, str | int | None] = {
            "service": which.service,
            "reason": which.reason,
            "unit": which.unit,
            "count": done,
        }
        await books.audit(connection, actor, f"held_mail.{decision}", "held_mail", unit=which.unit, detail=detail)
    return Decided(done, left, some[-1].id if some else None)


async def tidy(books: Books, life: timedelta) -> int:
    """Erase messages about which nobody has decided for so long, and what is older than `REMEMBERED`; returns how many
    messages were erased."""
    now, erased = books.clock(), 0
    while True:
        async with books.engine.begin() as connection:
            some = _within_bounds(await held.undecided(connection, Filter(), before=now - life, limit=AT_ONCE))
            if some:
                await _carry_out(books, connection, some, "dropped", ERASER)
                await books.audit(connection, ERASER, "held_mail.erased", "held_mail", detail={"count": len(some)})
        erased += len(some)
        if not some:
            break
    async with books.engine.begin() as connection:
        await held.forget(connection, now - REMEMBERED)
    return erased


async def tend(books: Books, life: timedelta, stop: asyncio.Event) -> None:
    """Tidy up and tell how many are held, again and again until `stop` is set."""
    while not stop.is_set():
        try:
            erased = await tidy(books, life)
            if erased:
                log.warning("held_mail_erased_undecided", count=erased)
            now_held = await counts(books)
            HELD.clear()
            for each in now_held:
                HELD.labels(each.service, each.reason).set(each.held)
        except Exception as error:
            if is_outage(error):
                log.warning("held_mail_not_tended", reason=reason_of(error))
            else:
                log.exception("held_mail_not_tended")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)


async def _decide_one(books: Books, actor: str, number: int, decision: Decision) -> HeldMail:
    async with books.engine.begin() as connection:
        row = _found(await held.get(connection, number, lock=True))
        if row.state == decision:
            return row
        if row.state == "dropped":
            raise Conflict("dropped", "It was dropped; the message is no longer there.")
        if row.state == "retried":
            raise Conflict("retried", "It is being handled once more. Should that fail, it will be held again.")
        if decision == "retried" and not row.kept:
            raise Conflict("not-kept", "The message was too large to keep; it can only be dropped.")
        if not await _carry_out(books, connection, [row], decision, actor):
            raise Conflict("not-readable", "The key that it is encrypted with is missing in the office's settings.")
        detail: dict[str, str | int] = {"service": row.service, "reason": row.reason}
        await books.audit(
            connection, actor, f"held_mail.{decision}", f"held_mail/{row.id}", unit=row.unit, detail=detail
        )
        return _found(await held.get(connection, number))


async def _carry_out(
    books: Books, connection: AsyncConnection, rows: list[HeldMail], decision: Decision, actor: str
) -> int:
    """Returns how many it was done with. What can't be decrypted isn't retried; but a key that is gone must not keep it
    from being erased, nor what is erased together with it."""
    now, done = books.clock(), []
    for row in rows:
        # Only the dispatcher's work has somebody waiting for its outcome.
        if row.kept and (decision == "retried" or row.service == "dispatcher"):
            try:
                letter = await held.letter(connection, books.cipher, row.id)
            except CipherError:
                log.warning("held_mail_not_readable", id=row.id, decision=decision)
                if decision == "retried":
                    continue
            else:
                assert letter is not None
                given_up = decision == "dropped"
                again = DeadLetterRetry(id=f"{letter.id}/{decision}", occurred_at=now, letter=letter, given_up=given_up)
                await books.outbox.add(connection, again)
        done.append(row.id)
    await held.decide(connection, done, decision, now, actor)
    return len(done)


def _within_bounds(rows: list[HeldMail]) -> list[HeldMail]:
    """The first of these, at least one if there is one."""
    some: list[HeldMail] = []
    octets = 0
    for row in rows:
        octets += row.size
        if some and octets > OCTETS_AT_ONCE:
            break
        some.append(row)
    return some


def _found(row: HeldMail | None) -> HeldMail:
    if row is None:
        raise NotFound("There is no such held mail (any more).")
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


def _row_of(letter: DeadLetter) -> HeldMail:
    try:
        message = letter.message()
    except ValueError:
        message = b""
    unit, number = _what_it_says(message)
    return HeldMail(
        id=new_id(),
        letter=letter.first,
        at=letter.occurred_at,
        last_at=letter.occurred_at,
        service=letter.service,
        consumer=letter.consumer,
        subject=letter.subject,
        reason=code_of(letter.reason),
        detail=redact(letter.reason)[:500],
        attempts=letter.attempts,
        unit=unit,
        message=number,
        size=len(message),
        state="held",
        times_back=0 if letter.again_of is None else 1,
        decided_at=None,
        decided_by=None,
        kept=bool(message),
    )


def code_of(reason: str) -> str:
    """What rows are counted by: an error's static code, or for surprises its class."""
    name, _, code = reason.partition(": ")
    if _CODE.fullmatch(code):
        return code
    found = _CLASS.match(name)
    return found.group() if found else "unknown"


def _what_it_says(message: bytes) -> tuple[str | None, int | None]:
    """Unit and message that an event names in clear."""
    try:
        said: Any = json.loads(message)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(said, dict):
        return None, None
    unit, number = said.get("unit"), said.get("message")
    known_unit = unit if isinstance(unit, str) and re.fullmatch(UNIT_PATTERN, unit) else None
    known_number = number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**63 else None
    return known_unit, known_number
