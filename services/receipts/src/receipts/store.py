"""All SQL of the ledger.

Plan, outcomes and bounces of one copy may arrive in any order and more than once; each statement leaves the row as if
they had come in the right one, once.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import CopyBounced, DeliveryPlanned, DeliverySettled
from receipts.model import Asks, Reading, SentMessage
from receipts.tables import bounces, recorded_answers
from runtime.ciphers import FieldCipher

ANSWER_CONTEXT = "ledger.answers.text"
SUBJECT_CONTEXT = "office.messages.subject"
SENT_TEXT_CONTEXT = "office.messages.sent_text"
"""What the field ciphers of ledger and office are bound to; admin-api uses the same."""

_PLAN = text("""
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, member, child, carrier, wave, attempt, state, updated_at)
    SELECT copy_ref, :message, :unit, member, child, :carrier, :wave, 0, 'planned', :at
    FROM unnest(CAST(:copies AS bigint[]), CAST(:members AS bigint[]), CAST(:children AS bigint[]))
        AS planned(copy_ref, member, child)
    ORDER BY copy_ref
    ON CONFLICT (copy_ref) DO UPDATE SET member = excluded.member, child = excluded.child
    WHERE (known.member, known.child) IS DISTINCT FROM (excluded.member, excluded.child)
""")

_NEW_WAVE = text("""
    UPDATE ledger.sent_copies
    SET wave = :wave, attempt = 0, carrier = :carrier, state = 'planned', stage = NULL, code = NULL, enhanced = NULL,
        host = NULL, next_attempt_at = NULL, updated_at = :at
    WHERE copy_ref = ANY(CAST(:copies AS bigint[])) AND wave < :wave
""")

_SETTLED = """
    SELECT DISTINCT ON (copy_ref) *
    FROM unnest(CAST(:copies AS bigint[]), CAST(:outcomes AS text[]), CAST(:ats AS timestamptz[]),
                CAST(:tries AS int[]), CAST(:stages AS text[]), CAST(:codes AS int[]), CAST(:enhanced AS text[]),
                CAST(:hosts AS text[]), CAST(:reasons AS text[]), CAST(:nexts AS timestamptz[]))
        AS settled(copy_ref, outcome, at, attempt, stage, code, enhanced, host, reason, next_at)
    ORDER BY copy_ref, attempt DESC
"""
# In the order of their numbers, so that two transactions about the same copies wait for each other but never lock up.

_ATTEMPTS = text(f"""
    INSERT INTO ledger.attempts (copy_ref, wave, attempt, at, outcome, stage, code, enhanced, host, reason)
    SELECT copy_ref, :wave, attempt, at, outcome, stage, code, enhanced, host, reason FROM ({_SETTLED}) AS settled
    ON CONFLICT DO NOTHING
""")  # noqa: S608

_SETTLE = text(f"""
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, carrier, wave, attempt, state, stage, code, enhanced, host, next_attempt_at,
         updated_at)
    SELECT copy_ref, :message, :unit, :carrier, :wave, attempt, outcome, stage, code, enhanced, host, next_at, at
    FROM ({_SETTLED}) AS settled
    ON CONFLICT (copy_ref) DO UPDATE SET
        carrier = excluded.carrier, wave = excluded.wave, attempt = excluded.attempt, state = excluded.state,
        stage = excluded.stage, code = excluded.code, enhanced = excluded.enhanced, host = excluded.host,
        next_attempt_at = excluded.next_attempt_at, updated_at = excluded.updated_at
    WHERE (excluded.wave, excluded.attempt) > (known.wave, known.attempt)
""")  # noqa: S608

_COPY = text("SELECT member, child FROM ledger.sent_copies WHERE copy_ref = :copy AND message = :message")

_SENT_MESSAGE = text("""
    SELECT asks, choices, subject_key_id, subject_blob, sent_key_id, sent_text
    FROM office.sent_messages WHERE id = :message AND unit = :unit
""")


async def plan(connection: AsyncConnection, event: DeliveryPlanned) -> None:
    """Write down that these copies will go out, in the first wave or in a later one."""
    wave = {
        "carrier": event.carrier,
        "wave": event.wave,
        "at": event.occurred_at,
        "copies": [copy.copy_ref for copy in event.copies],
    }
    owners = {
        "message": event.message,
        "unit": event.unit,
        "members": [copy.member for copy in event.copies],
        "children": [copy.child for copy in event.copies],
    }
    await connection.execute(_PLAN, wave | owners)
    if event.wave > 1:
        await connection.execute(_NEW_WAVE, wave)


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


async def add_bounce(
    connection: AsyncConnection, *, event_id: str, bounced: CopyBounced, state: str, at: datetime
) -> None:
    """Write down that a copy came back. `at`: when its report arrived."""
    await connection.execute(
        insert(bounces)
        .values(
            copy_ref=bounced.copy_ref,
            event_id=event_id,
            message=bounced.message,
            verdict=bounced.verdict,
            state=state,
            hard=bounced.hard,
            status=bounced.status,
            at=at,
        )
        .on_conflict_do_nothing()
    )


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
        subject=cipher.decrypt(row.subject_key_id, row.subject_blob, context=SUBJECT_CONTEXT),
        text=cipher.decrypt(row.sent_key_id, row.sent_text, context=SENT_TEXT_CONTEXT),
    )
