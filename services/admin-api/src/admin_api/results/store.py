"""What receipts' ledger says about a message: its copies, its answers, its counts. Read only, through its views."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.inbound import Authentication
from runtime.crypto.ciphers import FieldCipher

ANSWER_TEXT = "ledger.answers.text"


@dataclass(frozen=True, slots=True)
class Counts:
    """Copies by what became of them; `children`: how many a question is about. `expired` and `superseded` ones were
    held back on purpose, so they aren't among those that `failed`."""

    planned: int = 0
    delivered: int = 0
    deferred: int = 0
    failed: int = 0
    expired: int = 0
    superseded: int = 0
    answered: int = 0
    children: int = 0
    children_answered: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Last answers by choice (None: no choice recognised), and how many of them a person should read."""

    choice: int | None
    count: int
    needs_look: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy. `settled`: answered, or another guardian answered for the same child. `reason`: why its last attempt
    ended as it did, or why it came back later (contracts.reasons)."""

    copy_ref: int
    member: int | None
    child: int | None
    carrier: str | None
    wave: int
    state: str
    code: int | None
    enhanced: str | None
    attempts: int
    updated_at: datetime
    answered: bool
    settled: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `latest`: the last one of its copy, which counts. `chosen_by`: who set `choice` by hand."""

    id: int
    copy_ref: int
    member: int | None
    child: int | None
    received_at: datetime
    choice: int | None
    needs_look: bool
    text: str
    latest: bool
    authentication: Authentication | None = None
    chosen_by: int | None = None
    chosen_at: datetime | None = None


_COUNTS = text("""
    SELECT message, planned, delivered, deferred, failed, expired, superseded, answered, children, children_answered
    FROM ledger.counts WHERE message = ANY(CAST(:messages AS bigint[]))
""")

# Of two guardians of a child the last answer counts for the child.
_TALLIES = text("""
    SELECT choice, count(*) AS count, count(*) FILTER (WHERE needs_look) AS needs_look
    FROM (
        SELECT DISTINCT ON (child, CASE WHEN child IS NULL THEN copy_ref END)
               coalesce(by_hand.choice, answers.choice) AS choice, needs_look AND by_hand.answer IS NULL AS needs_look
        FROM ledger.answers LEFT JOIN office.choices_by_hand AS by_hand ON by_hand.answer = answers.id
        WHERE answers.message = :message
        ORDER BY child, CASE WHEN child IS NULL THEN copy_ref END, received_at DESC, id DESC
    ) AS last_answers
    GROUP BY choice
""")

_SETTLED = """
    answered OR (child IS NOT NULL AND EXISTS (
        SELECT FROM ledger.copies AS others
        WHERE others.message = copies.message AND others.child = copies.child AND others.answered))
"""

# A report of non-delivery ('dsn') overrules what was said when the copy was handed over.
_REASON = """
    CASE WHEN state IN ('planned', 'delivered') THEN ''
         WHEN stage = 'dsn' THEN coalesce(returned_reason, '') ELSE last_reason END
"""

_COPIES = text(f"""
    SELECT * FROM (
        SELECT copy_ref, member, child, carrier, wave, state, code, enhanced, attempts, updated_at, answered,
               {_SETTLED} AS settled, {_REASON} AS reason
        FROM ledger.copies WHERE message = :message AND unit = :unit AND copy_ref > :after
    ) AS shown
    WHERE (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:settled AS boolean) IS NULL OR settled = :settled)
    ORDER BY copy_ref LIMIT :limit
""")  # noqa: S608 (nothing but the text above goes in)

_OPEN_COPIES = text("""
    SELECT copies.copy_ref FROM ledger.copies
    WHERE message = :message AND unit = :unit AND NOT answered
      -- What is still on its way arrives by itself; sending it again would make two.
      AND state NOT IN ('planned', 'deferred')
      AND (child IS NULL OR child NOT IN (
          SELECT child FROM ledger.copies WHERE message = :message AND child IS NOT NULL AND answered))
    ORDER BY copy_ref
""")

_ANSWERS = text("""
    SELECT id, copy_ref, member, child, received_at, coalesce(by_hand.choice, answers.choice) AS choice,
           needs_look AND by_hand.answer IS NULL AS needs_look, text_key_id, text_blob, latest, authentication,
           by_hand.account, by_hand.at
    FROM ledger.answers LEFT JOIN office.choices_by_hand AS by_hand ON by_hand.answer = answers.id
    WHERE answers.message = :message AND id > :after AND (CAST(:latest AS boolean) IS NULL OR latest = :latest)
    ORDER BY id LIMIT :limit
""")


_HAS_ANSWER = text("SELECT EXISTS (SELECT FROM ledger.answers WHERE message = :message AND id = :answer)")


async def counts(connection: AsyncConnection, messages: Sequence[int]) -> dict[int, Counts]:
    """Counts of those messages that the ledger knows."""
    rows = await connection.execute(_COUNTS, {"messages": list(messages)})
    return {
        row.message: Counts(**{name: count for name, count in row._mapping.items() if name != "message"})
        for row in rows
    }


async def tallies(connection: AsyncConnection, message: int) -> list[Tally]:
    rows = await connection.execute(_TALLIES, {"message": message})
    return [Tally(row.choice, row._mapping["count"], row.needs_look) for row in rows]


async def copies(
    connection: AsyncConnection,
    unit: str,
    message: int,
    *,
    state: str | None,
    settled: bool | None,
    after: int,
    limit: int,
) -> list[Copy]:
    """In the order of their numbers."""
    parameters = {
        "unit": unit,
        "message": message,
        "state": state,
        "settled": settled,
        "after": after,
        "limit": limit,
    }
    return [_copy(row) for row in await connection.execute(_COPIES, parameters)]


async def open_copies(connection: AsyncConnection, unit: str, message: int) -> list[int]:
    """Copies that wait for an answer; a child for whom one guardian answered needs no more."""
    return list((await connection.execute(_OPEN_COPIES, {"unit": unit, "message": message})).scalars())


async def answers(
    connection: AsyncConnection, cipher: FieldCipher, message: int, *, latest: bool | None, after: int, limit: int
) -> list[Answer]:
    """In the order in which they came."""
    parameters = {"message": message, "latest": latest, "after": after, "limit": limit}
    return [
        Answer(
            id=row.id,
            copy_ref=row.copy_ref,
            member=row.member,
            child=row.child,
            received_at=row.received_at,
            choice=row.choice,
            needs_look=row.needs_look,
            text="" if row.text_blob is None else cipher.decrypt(row.text_key_id, row.text_blob, context=ANSWER_TEXT),
            latest=row.latest,
            authentication=None if row.authentication is None else Authentication.model_validate(row.authentication),
            chosen_by=row.account,
            chosen_at=row.at,
        )
        for row in await connection.execute(_ANSWERS, parameters)
    ]


async def has_answer(connection: AsyncConnection, message: int, answer: int) -> bool:
    return bool((await connection.execute(_HAS_ANSWER, {"message": message, "answer": answer})).scalar_one())


def _copy(row: Any) -> Copy:
    return Copy(
        row.copy_ref,
        row.member,
        row.child,
        row.carrier,
        row.wave,
        row.state,
        row.code,
        row.enhanced,
        row.attempts,
        row.updated_at,
        row.answered,
        row.settled,
        row.reason,
    )
