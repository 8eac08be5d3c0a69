"""What receipts' ledger says about a message: its copies, its answers, its counts; read only, through its views.
Beside it the choices that a person set for answers which the rules couldn't read, or read wrongly: the ledger stays as
it was."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.results.model import Answer, Copy, Counts, Tally
from admin_api.results.tables import choice_overrides
from contracts.cipher_contexts import ANSWER_TEXT
from contracts.events.inbound import Authentication
from runtime.crypto.ciphers import FieldCipher

_COUNTS = text("""
    SELECT message, planned, delivered, deferred, failed, expired, superseded, answered, children, children_answered
    FROM ledger.counts WHERE message = ANY(CAST(:messages AS bigint[]))
""")

# Of two guardians of a child the last answer counts for the child.
_TALLIES = text("""
    SELECT choice, count(*) AS count, count(*) FILTER (WHERE needs_look) AS needs_look
    FROM (
        SELECT DISTINCT ON (child, CASE WHEN child IS NULL THEN copy_ref END)
               coalesce(overrides.choice, answers.choice) AS choice,
               needs_look AND overrides.answer IS NULL AS needs_look
        FROM ledger.answers LEFT JOIN office.choices_by_hand AS overrides ON overrides.answer = answers.id
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
    SELECT id, copy_ref, member, child, received_at, coalesce(overrides.choice, answers.choice) AS choice,
           needs_look AND overrides.answer IS NULL AS needs_look, text_key_id, text_blob, latest, authentication,
           overrides.account, overrides.at
    FROM ledger.answers LEFT JOIN office.choices_by_hand AS overrides ON overrides.answer = answers.id
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
    """Last answers to a message by choice."""
    rows = await connection.execute(_TALLIES, {"message": message})
    return [Tally(row.choice, row._mapping["count"], row.needs_look) for row in rows]


async def copies(
    connection: AsyncConnection,
    unit: str,
    message: int,
    *,
    state: str | None,
    settled: bool | None,
    wanted: PageRequest[int],
) -> Slice[Copy, int]:
    """Copies of a message in the order of their numbers."""
    parameters = {
        "unit": unit,
        "message": message,
        "state": state,
        "settled": settled,
        "after": wanted.after or 0,
        "limit": wanted.rows,
    }
    found = [Copy(**row._mapping) for row in await connection.execute(_COPIES, parameters)]
    return wanted.cut(found, lambda copy: copy.copy_ref)


async def open_copies(connection: AsyncConnection, unit: str, message: int) -> list[int]:
    """Copies that wait for an answer; a child for whom one guardian answered needs no more."""
    return list((await connection.execute(_OPEN_COPIES, {"unit": unit, "message": message})).scalars())


async def answers(
    connection: AsyncConnection, cipher: FieldCipher, message: int, *, latest: bool | None, wanted: PageRequest[int]
) -> Slice[Answer, int]:
    """Answers to a message in the order in which they came."""
    parameters = {"message": message, "latest": latest, "after": wanted.after or 0, "limit": wanted.rows}
    found = [
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
    return wanted.cut(found, lambda answer: answer.id)


async def has_answer(connection: AsyncConnection, message: int, answer: int) -> bool:
    """Does the ledger know this answer to the message?"""
    return bool((await connection.execute(_HAS_ANSWER, {"message": message, "answer": answer})).scalar_one())


async def set_choice(
    connection: AsyncConnection, *, answer: int, message: int, choice: int, account: int, at: datetime
) -> None:
    """Let the answer mean this choice, whatever was set before."""
    values = {"choice": choice, "account": account, "at": at}
    statement = insert(choice_overrides).values(answer=answer, message=message, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["answer"], set_=values))


async def unset_choice(connection: AsyncConnection, answer: int) -> None:
    """Let the answer count again as it was read. Harmless to repeat."""
    await connection.execute(delete(choice_overrides).where(choice_overrides.c.answer == answer))
