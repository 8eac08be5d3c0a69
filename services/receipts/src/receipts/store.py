"""All SQL of the ledger.

Planned copies, outcomes and bounces of one copy may arrive in any order; each statement leaves the row as if they had
come in the right one.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.events import DeliveryPlanned, DeliverySettled
from runtime.ciphers import FieldCipher
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from receipts.model import Asks, Reading, SentMessage
from receipts.tables import bounces, recorded_answers

ANSWER_CONTEXT = "ledger.answers.text"

_PLAN = text("""
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, member, child, carrier, wave, state, attempt, attempts, updated_at)
    SELECT copy_ref, :message, :unit, member, nullif(child, 0), :carrier, :wave, 'planned', 0, 0, :at
    FROM unnest(CAST(:copies AS bigint[]), CAST(:members AS bigint[]), CAST(:children AS bigint[]))
        AS planned(copy_ref, member, child)
    ON CONFLICT (copy_ref) DO UPDATE SET
        member = excluded.member,
        child = excluded.child,
        carrier = excluded.carrier,
        state = CASE WHEN excluded.wave > known.wave THEN 'planned' ELSE known.state END,
        attempt = CASE WHEN excluded.wave > known.wave THEN 0 ELSE known.attempt END,
        updated_at = CASE WHEN excluded.wave > known.wave THEN excluded.updated_at ELSE known.updated_at END,
        wave = greatest(excluded.wave, known.wave)
""")

_SETTLED = """
    unnest(CAST(:copies AS bigint[]), CAST(:outcomes AS text[]), CAST(:ats AS timestamptz[]), CAST(:tries AS int[]),
           CAST(:stages AS text[]), CAST(:codes AS int[]), CAST(:enhanced AS text[]), CAST(:hosts AS text[]),
           CAST(:reasons AS text[]), CAST(:nexts AS timestamptz[]))
        AS settled(copy_ref, outcome, at, attempt, stage, code, enhanced, host, reason, next_at)
"""

_ATTEMPTS = text(f"""
    INSERT INTO ledger.attempts (copy_ref, wave, attempt, at, outcome, stage, code, enhanced, host, reason)
    SELECT copy_ref, :wave, attempt, at, outcome, stage, code, enhanced, host, reason FROM {_SETTLED}
    ON CONFLICT DO NOTHING
""")

_SETTLE = text(f"""
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, carrier, wave, state, stage, code, enhanced, host, attempt, attempts,
         next_attempt_at, updated_at)
    SELECT copy_ref, :message, :unit, :carrier, :wave, outcome, stage, code, enhanced, host, attempt, 1, next_at, at
    FROM {_SETTLED}
    ON CONFLICT (copy_ref) DO UPDATE SET
        attempts = known.attempts + 1,
        wave = excluded.wave, state = excluded.state, stage = excluded.stage, code = excluded.code,
        enhanced = excluded.enhanced, host = excluded.host, attempt = excluded.attempt,
        next_attempt_at = excluded.next_attempt_at, updated_at = excluded.updated_at
    WHERE (excluded.wave, excluded.attempt) > (known.wave, known.attempt)
""")

_APPLY_BOUNCES = text("""
    UPDATE ledger.sent_copies AS known
    SET state = bounced.state, stage = 'dsn', enhanced = bounced.status, code = NULL, next_attempt_at = NULL,
        updated_at = greatest(known.updated_at, bounced.at)
    FROM ledger.bounces AS bounced
    WHERE bounced.copy_ref = known.copy_ref AND known.copy_ref = ANY(CAST(:copies AS bigint[]))
      AND known.state = 'delivered'
      -- A bounce of an earlier wave says nothing of a later one; a minute allows for two machines' clocks.
      AND bounced.at >= known.updated_at - interval '1 minute'
""")

_COPY = text("SELECT member, child FROM ledger.sent_copies WHERE copy_ref = :copy AND message = :message")

_SENT_MESSAGE = text("""
    SELECT asks, choices, subject_key_id, subject_blob, sent_key_id, sent_text
    FROM office.sent_messages WHERE id = :message AND unit = :unit
""")


async def plan(connection: AsyncConnection, event: DeliveryPlanned) -> None:
    """Write down that these copies will go out."""
    await connection.execute(
        _PLAN,
        {
            "message": event.message,
            "unit": event.unit,
            "carrier": event.carrier,
            "wave": event.wave,
            "at": event.occurred_at,
            "copies": [copy.copy_ref for copy in event.copies],
            "members": [copy.member for copy in event.copies],
            "children": [copy.child or 0 for copy in event.copies],
        },
    )


async def settle(connection: AsyncConnection, event: DeliverySettled) -> None:
    """Write down what happened to these copies: one statement for the attempts, one for where the copies stand."""
    outcomes = event.outcomes
    lists = {
        "copies": [outcome.copy_ref for outcome in outcomes],
        "outcomes": [outcome.outcome for outcome in outcomes],
        "ats": [outcome.at for outcome in outcomes],
        "tries": [outcome.attempt for outcome in outcomes],
        "stages": [outcome.stage for outcome in outcomes],
        "codes": [outcome.code for outcome in outcomes],
        "enhanced": [outcome.enhanced for outcome in outcomes],
        "hosts": [outcome.host for outcome in outcomes],
        "reasons": [outcome.reason for outcome in outcomes],
        "nexts": [outcome.next_attempt_at for outcome in outcomes],
    }
    await connection.execute(_ATTEMPTS, {"wave": event.wave, **lists})
    await connection.execute(
        _SETTLE,
        {"message": event.message, "unit": event.unit, "carrier": event.carrier, "wave": event.wave, **lists},
    )
    await apply_bounces(connection, lists["copies"])


async def apply_bounces(connection: AsyncConnection, copies: Sequence[object]) -> None:
    """Let bounces that are already known have the last word on copies that count as delivered."""
    await connection.execute(_APPLY_BOUNCES, {"copies": list(copies)})


async def bounce(
    connection: AsyncConnection,
    *,
    event_id: str,
    message: int,
    copy_ref: int,
    verdict: str,
    state: str,
    hard: bool,
    status: str | None,
    at: datetime,
) -> None:
    """Write down that a copy came back."""
    await connection.execute(
        insert(bounces)
        .values(
            copy_ref=copy_ref,
            event_id=event_id,
            message=message,
            verdict=verdict,
            state=state,
            hard=hard,
            status=status,
            at=at,
        )
        .on_conflict_do_nothing()
    )
    await apply_bounces(connection, [copy_ref])


async def copy_owner(connection: AsyncConnection, message: int, copy_ref: int) -> tuple[int | None, int | None]:
    """Member and child of a copy; (None, None) while the plan that names them hasn't arrived."""
    row = (await connection.execute(_COPY, {"copy": copy_ref, "message": message})).first()
    return (row.member, row.child) if row else (None, None)


async def add_answer(
    connection: AsyncConnection,
    *,
    answer_id: int,
    unit: str,
    message: int,
    copy_ref: int,
    at: datetime,
    reading: Reading,
    encrypted: tuple[str, bytes],
) -> None:
    """Keep an answer. Earlier ones stay; the views show which is the last."""
    key_id, blob = encrypted
    await connection.execute(
        recorded_answers.insert().values(
            id=answer_id,
            message=message,
            copy_ref=copy_ref,
            unit=unit,
            received_at=at,
            choice=reading.choice,
            needs_look=reading.needs_look,
            why=reading.why,
            text_key_id=key_id,
            text_blob=blob,
        )
    )


async def sent_message(
    connection: AsyncConnection, cipher: FieldCipher, *, unit: str, message: int
) -> SentMessage | None:
    """What was sent, from the office's view; None when the office has no such message in that unit."""
    row = (await connection.execute(_SENT_MESSAGE, {"message": message, "unit": unit})).first()
    if row is None:
        return None
    asks: Asks = row.asks
    return SentMessage(
        asks=asks,
        choices=tuple(row.choices or ()),
        subject=cipher.decrypt(row.subject_key_id, row.subject_blob, context="office.messages.subject"),
        text=cipher.decrypt(row.sent_key_id, row.sent_text, context="office.messages.sent_text"),
    )
