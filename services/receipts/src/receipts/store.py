"""All SQL of the ledger.

Plan, outcomes and bounces of one copy may arrive in any order and more than once; each statement leaves the row as if
they had come in the right one, once. Plans and outcomes come a hundred copies at a time, as fast as mail leaves, and
answers as fast as a town can write: they speak asyncpg's language (`Driver`), everything else SQLAlchemy.
"""

import re
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.cipher_contexts import MESSAGE_SENT_TEXT, MESSAGE_SUBJECT
from contracts.events import CopyBounced, CopyOutcome, DeliveryPlanned, DeliverySettled, PlannedCopy
from contracts.events.inbound import Authentication
from mail.reply.answers import redact
from receipts.model import Asks, Reading, SentMessage
from receipts.tables import bounces
from runtime.crypto.ciphers import FieldCipher
from runtime.database.engine import Driver

_PLAN = """
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, member, child, carrier, wave, attempt, state, planned_at, updated_at)
    SELECT copy_ref, $2, $3, member, child, $4, $5, 0, 'planned', $6, $6
    FROM json_to_recordset($1::json) AS planned(copy_ref bigint, member bigint, child bigint)
    ON CONFLICT (message, copy_ref) DO UPDATE SET member = excluded.member, child = excluded.child,
        planned_at = CASE WHEN known.wave = excluded.wave THEN excluded.planned_at ELSE known.planned_at END
    WHERE (known.member, known.child) IS DISTINCT FROM (excluded.member, excluded.child)
       OR (known.wave = excluded.wave AND known.planned_at IS NULL)
"""

_NEW_WAVE = """
    UPDATE ledger.sent_copies
    SET wave = $2, attempt = 0, carrier = $4, state = 'planned', stage = NULL, code = NULL, enhanced = NULL,
        host = NULL, reason = '', reply = '', next_attempt_at = NULL, planned_at = $5, updated_at = $5
    WHERE message = $3 AND wave < $2 AND copy_ref = ANY($1::bigint[])
"""

_SETTLED = """
    json_to_recordset($1::json) AS settled(
        copy_ref bigint, outcome text, at timestamptz, attempt integer, stage text, code integer, enhanced text,
        host text, reason text, reply text, next_attempt_at timestamptz)
"""

_SETTLE = f"""
    INSERT INTO ledger.sent_copies AS known
        (copy_ref, message, unit, carrier, wave, attempt, state, stage, code, enhanced, host, reason, reply,
         next_attempt_at, updated_at)
    SELECT copy_ref, $2, $4, $5, $3, attempt, outcome, stage, code, enhanced, host, reason, reply, next_attempt_at, at
    FROM {_SETTLED}
    ON CONFLICT (message, copy_ref) DO UPDATE SET
        carrier = excluded.carrier, wave = excluded.wave, attempt = excluded.attempt, state = excluded.state,
        stage = excluded.stage, code = excluded.code, enhanced = excluded.enhanced, host = excluded.host,
        reason = excluded.reason, reply = excluded.reply, next_attempt_at = excluded.next_attempt_at,
        planned_at = CASE WHEN known.wave = excluded.wave THEN known.planned_at END, updated_at = excluded.updated_at
    WHERE (excluded.wave, excluded.attempt) > (known.wave, known.attempt)
"""  # noqa: S608

# Those that a newer attempt had overtaken; what is the last attempt already has come again.
_LATE = f"""
    INSERT INTO ledger.earlier_attempts
        (copy_ref, wave, attempt, at, outcome, stage, code, enhanced, host, reason, reply)
    SELECT copy_ref, $3, attempt, at, outcome, stage, code, enhanced, host, reason, reply FROM {_SETTLED}
    WHERE NOT EXISTS (
        SELECT FROM ledger.sent_copies AS known
        WHERE known.message = $2 AND known.copy_ref = settled.copy_ref
          AND (known.wave, known.attempt) = ($3, settled.attempt))
    ON CONFLICT DO NOTHING
"""  # noqa: S608

# Numbers, times and words go over as the text of one JSON array: an array of its own for each column would cost asyncpg
# more than all the rest.
_PLANNED_COPIES = TypeAdapter(list[PlannedCopy])
_OUTCOMES = TypeAdapter(list[CopyOutcome])

_AT = re.compile(r"[@＠﹫(\[（［]")

_COPY = "SELECT member, child FROM ledger.sent_copies WHERE copy_ref = $1 AND message = $2"
_ANSWER = """
    INSERT INTO ledger.recorded_answers (id, message, copy_ref, unit, received_at, choice, needs_look, why, text_key_id,
        text_blob, authentication)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb)
"""

_SENT_MESSAGE = text("""
    SELECT asks, choices, synonyms, subject_key_id, subject_blob, sent_key_id, sent_text
    FROM office.sent_messages WHERE id = :message AND unit = :unit
""").columns(synonyms=JSONB)


async def plan(driver: Driver, event: DeliveryPlanned) -> None:
    """Write down that these copies will go out, in the first wave or in a later one.

    Each statement may commit by itself: told again, they complete what a crash between them left."""
    copies = sorted(event.copies, key=_number)
    text_of_copies = _PLANNED_COPIES.dump_json(copies).decode()
    await driver.execute(_PLAN, text_of_copies, event.message, event.unit, event.carrier, event.wave, event.occurred_at)
    if event.wave > 1:
        numbers = [copy.copy_ref for copy in copies]
        await driver.execute(_NEW_WAVE, numbers, event.wave, event.message, event.carrier, event.occurred_at)


async def settle(driver: Driver, event: DeliverySettled) -> None:
    """Write down what happened to these copies: a statement for all, and one more when some of it is old news.

    Each statement may commit by itself: told again, they complete what a crash between them left."""
    left = sorted(map(_without_addresses, event.outcomes), key=_number)
    while left:
        # A statement can touch a row once only. An attempt names each copy once; should one not, the rest is next.
        once = list({outcome.copy_ref: outcome for outcome in left}.values())
        left = [] if len(once) == len(left) else [outcome for outcome in left if outcome not in once]
        values = (_OUTCOMES.dump_json(once).decode(), event.message, event.wave)
        done = await driver.execute(_SETTLE, *values, event.unit, event.carrier)
        if done != f"INSERT 0 {len(once)}":
            await driver.execute(_LATE, *values)


# Copies are written in the order of their numbers, so that two statements about the same ones wait for each other but
# never lock up.
def _number(copy: PlannedCopy | CopyOutcome) -> int:
    return copy.copy_ref


def _without_addresses(outcome: CopyOutcome) -> CopyOutcome:
    """The dispatcher has taken them out of the server's words already; nobody here relies on it."""
    if not _AT.search(outcome.reason + outcome.reply):
        return outcome
    return outcome.model_copy(update={"reason": redact(outcome.reason), "reply": redact(outcome.reply)})


async def add_bounce(
    connection: AsyncConnection, *, event_id: str, bounced: CopyBounced, state: str, issued_at: datetime, at: datetime
) -> None:
    """Write down that a copy came back. `issued_at`: the hour in which the token of the mail that came back was issued;
    `at`: when its report arrived."""
    await connection.execute(
        insert(bounces)
        .values(
            copy_ref=bounced.copy_ref,
            event_id=event_id,
            message=bounced.message,
            classification=bounced.classification,
            state=state,
            hard=bounced.hard,
            status=bounced.status,
            issued_at=issued_at,
            at=at,
        )
        .on_conflict_do_nothing()
    )


async def copy_owner(driver: Driver, message: int, copy_ref: int) -> tuple[int | None, int | None]:
    """Member and child of a copy; (None, None) while the plan that names them hasn't arrived."""
    row = await driver.fetchrow(_COPY, copy_ref, message)
    return (row["member"], row["child"]) if row else (None, None)


async def add_answer(
    driver: Driver,
    *,
    answer_id: int,
    unit: str,
    message: int,
    copy_ref: int,
    at: datetime,
    reading: Reading,
    encrypted: tuple[str, bytes],
    authentication: Authentication | None,
) -> None:
    """Keep an answer. Earlier ones stay; the views show which is the last."""
    await driver.execute(
        _ANSWER,
        answer_id,
        message,
        copy_ref,
        unit,
        at,
        reading.choice,
        reading.needs_look,
        reading.why,
        *encrypted,
        None if authentication is None else authentication.model_dump_json(),
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
        subject=cipher.decrypt(row.subject_key_id, row.subject_blob, context=MESSAGE_SUBJECT),
        text=cipher.decrypt(row.sent_key_id, row.sent_text, context=MESSAGE_SENT_TEXT),
        synonyms=tuple(tuple(words) for words in row.synonyms),
    )
