"""The ledger of copies says the same, whatever the order in which the bus brings the facts, and however often."""

import asyncio
import itertools
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import (
    CopyBounced,
    CopyOutcome,
    DeliveryPlanned,
    DeliverySettled,
    InboundBounce,
    Outcome,
    PlannedCopy,
)
from mail.tokens import TokenKind
from receipts.handlers import reports
from receipts.handlers.copies import plan, settle
from receipts.tables import metadata
from runtime.ids import new_id
from simulator.behaviour import LateDsn
from simulator.dsn import delivery_report
from tests.receipts.conftest import NOW, Harness, plain_mail

Fact = DeliveryPlanned | DeliverySettled | InboundBounce


def planned(
    harness: Harness, message: int, copies: list[int], *, wave: int = 1, carrier: str = "docomo"
) -> DeliveryPlanned:
    return DeliveryPlanned(
        id=f"{message}-{wave}-planned",
        occurred_at=NOW + timedelta(days=wave - 1),
        unit=harness.unit,
        message=message,
        wave=wave,
        batch=f"{message}-{wave}-1",
        lane="ordinary",
        carrier=carrier,
        copies=tuple(PlannedCopy(copy_ref=copy, member=copy + 1, child=copy + 2) for copy in copies),
    )


def settled(
    harness: Harness,
    message: int,
    copies: list[int],
    outcome: Outcome,
    *,
    attempt: int,
    wave: int = 1,
    tracked: bool = True,
) -> DeliverySettled:
    at = NOW + timedelta(days=wave - 1, minutes=10 * attempt)
    deferred = outcome == "deferred"
    return DeliverySettled(
        id=f"{message}-{wave}-{attempt}-settled",
        occurred_at=at,
        unit=harness.unit,
        message=message,
        wave=wave,
        batch=f"{message}-{wave}-1",
        attempt=attempt,
        lane="ordinary",
        carrier="docomo",
        tracked=tracked,
        outcomes=tuple(
            CopyOutcome(
                copy_ref=copy,
                outcome=outcome,
                at=at,
                attempt=attempt,
                code=451 if deferred else 250,
                host="mx.docomo.example",
                reply=f"{outcome}: said the server",
                next_attempt_at=at + timedelta(minutes=10) if deferred else None,
            )
            for copy in copies
        ),
    )


def returned(
    harness: Harness, message: int, copy: int, *, at: datetime, status: str = "5.1.1", issued: timedelta = timedelta(0)
) -> InboundBounce:
    """A report about a copy; its token was issued that long before NOW, as the wave of the copy was planned."""
    words = "550 5.1.1 <gone@docomo.example>: User unknown" if status == "5.1.1" else "552 5.2.2 Mailbox full"
    report = delivery_report(
        carrier="docomo.example",
        envelope_from="b-x@aoba.example",
        recipient="gone@docomo.example",
        raw=b"Subject: x\r\n\r\n",
        plan=LateDsn("", 0, status=status, diagnostic=words),
        at=at,
        number=1,
    )
    return harness.bounce(harness.token(TokenKind.BOUNCE, message, copy, age=issued), report, at=at)


async def tell(harness: Harness, fact: Fact) -> None:
    if isinstance(fact, DeliveryPlanned):
        await plan(harness.context, fact)
    elif isinstance(fact, DeliverySettled):
        await settle(harness.context, fact)
    else:
        await reports.bounce(harness.context, fact)


def plain(row: dict[str, Any], copy: int) -> dict[str, Any]:
    """The row without the numbers that differ from copy to copy."""
    return {
        name: value - copy if name in ("copy_ref", "member", "child") else value
        for name, value in row.items()
        if name != "message"
    }


async def story(harness: Harness, order: list[int], facts: int = 4) -> dict[str, Any]:
    """Tell these facts about a new copy in this order: plan, deferral, delivery, bounce; second plan and delivery."""
    message, copy = new_id(), new_id()
    all_facts: list[Fact] = [
        planned(harness, message, [copy]),
        settled(harness, message, [copy], "deferred", attempt=1),
        settled(harness, message, [copy], "delivered", attempt=2),
        returned(harness, message, copy, at=NOW + timedelta(hours=1)),
        planned(harness, message, [copy], wave=2, carrier="au"),
        settled(harness, message, [copy], "deferred", attempt=1, wave=2),
    ]
    assert set(order) == set(range(facts))
    for number in order:
        await tell(harness, all_facts[number])
    return plain(await harness.copy(copy), copy)


async def test_an_outcome_that_overtakes_its_plan_leaves_the_same_row(harness: Harness) -> None:
    message, early, late = new_id(), new_id(), new_id()
    await plan(harness.context, planned(harness, message, [early]))
    await settle(harness.context, settled(harness, message, [early], "delivered", attempt=1))
    await settle(harness.context, settled(harness, message, [late], "delivered", attempt=1))
    assert (await harness.copy(late))["member"] is None
    await plan(harness.context, planned(harness, message, [late]))
    assert plain(await harness.copy(early), early) == plain(await harness.copy(late), late)
    counts = (await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message))[0]
    assert (counts["planned"], counts["delivered"], counts["failed"]) == (2, 2, 0)


async def test_a_copy_that_came_back_counts_as_dead_in_every_order(harness: Harness) -> None:
    rows = [await story(harness, list(order)) for order in itertools.permutations(range(4))]
    assert all(row == rows[0] for row in rows)
    assert (rows[0]["state"], rows[0]["stage"], rows[0]["enhanced"], rows[0]["code"]) == ("dead", "dsn", "5.1.1", None)
    assert (rows[0]["attempts"], rows[0]["next_attempt_at"]) == (2, None)
    assert rows[0]["updated_at"] == NOW + timedelta(hours=1)


# Slow: each example is written to a real database, again and again.
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=6))
async def test_any_order_with_repetitions_and_a_second_wave_leaves_the_same_row(
    harness: Harness, order: list[int], again: list[int]
) -> None:
    row = await story(harness, [*order, *again], facts=6)
    assert row == await story(harness, [0, 1, 2, 3, 4, 5], facts=6)
    # However they came, the tallies are those of the copies.
    assert (
        await harness.rows(
            "SELECT message, state, sum(copies)::int AS copies FROM ledger.tallies GROUP BY message, state "
            "HAVING sum(copies) <> 0 EXCEPT SELECT message, state, count(*) FROM ledger.sent_copies GROUP BY message, state"
        )
        == []
    )
    # The bounce was the first wave's; of the second we know only that it will be tried again.
    assert (row["wave"], row["carrier"], row["state"], row["code"], row["attempts"]) == (
        2,
        "docomo",
        "deferred",
        451,
        3,
    )


async def test_every_attempt_is_kept_with_time_host_and_words_in_any_order_and_once(harness: Harness) -> None:
    async def attempts(order: list[int]) -> list[dict[str, Any]]:
        message, copy = new_id(), new_id()
        facts: list[Fact] = [
            planned(harness, message, [copy]),
            settled(harness, message, [copy], "deferred", attempt=1),
            settled(harness, message, [copy], "delivered", attempt=2),
            planned(harness, message, [copy], wave=2),
            settled(harness, message, [copy], "deferred", attempt=1, wave=2),
            settled(harness, message, [copy], "delivered", attempt=2, wave=2),
        ]
        for number in order:
            await tell(harness, facts[number])
        rows = await harness.rows("SELECT * FROM ledger.attempts WHERE copy_ref = :c ORDER BY wave, attempt", c=copy)
        assert (await harness.copy(copy))["attempts"] == len(rows)
        return [{name: value for name, value in row.items() if name != "copy_ref"} for row in rows]

    usual = await attempts([0, 1, 2, 3, 4, 5])
    assert [(row["wave"], row["attempt"], row["outcome"]) for row in usual] == [
        (1, 1, "deferred"),
        (1, 2, "delivered"),
        (2, 1, "deferred"),
        (2, 2, "delivered"),
    ]
    assert {row["host"] for row in usual} == {"mx.docomo.example"}
    assert (usual[0]["reply"], usual[0]["at"]) == ("deferred: said the server", NOW + timedelta(minutes=10))
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 4, 1, 5, 3, 1, 2], [3, 5, 0, 2, 4, 1, 0, 4]):
        assert await attempts(order) == usual


async def test_attempts_that_are_told_at_the_same_time_are_all_kept(harness: Harness) -> None:
    message, copies = new_id(), [new_id() for _ in range(30)]
    facts = [settled(harness, message, copies, "deferred", attempt=attempt) for attempt in range(1, 9)]
    await asyncio.gather(*(settle(harness.context, fact) for fact in [*facts, *facts]))
    rows = await harness.rows(
        "SELECT copy_ref, count(*) AS tries FROM ledger.attempts WHERE copy_ref = ANY(:c) GROUP BY copy_ref", c=copies
    )
    assert [row["tries"] for row in rows] == [8] * 30


async def test_no_address_gets_into_the_ledger_even_when_somebody_says_it(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    event = settled(harness, message, [copy], "dead", attempt=1)
    told = event.outcomes[0].model_copy(
        update={"reply": "550 5.1.1 <taro.yamada@docomo.example>: User unknown", "reason": "no taro@docomo.example"}
    )
    await settle(harness.context, event.model_copy(update={"outcomes": (told,)}))
    row = await harness.copy(copy)
    assert (row["last_reply"], row["last_reason"]) == (
        "550 5.1.1 <〔アドレス省略〕>: User unknown",
        "no 〔アドレス省略〕",
    )


async def test_a_copy_that_was_delivered_and_came_back_says_both(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    await plan(harness.context, planned(harness, message, [copy]))
    await settle(harness.context, settled(harness, message, [copy], "delivered", attempt=1))
    await reports.bounce(harness.context, returned(harness, message, copy, at=NOW + timedelta(hours=2), status="5.2.2"))
    row = await harness.copy(copy)
    assert (row["state"], row["stage"], row["enhanced"]) == ("full", "dsn", "5.2.2")
    assert (row["last_host"], row["last_reply"]) == ("mx.docomo.example", "delivered: said the server")
    assert (row["accepted_at"], row["returned_at"]) == (NOW + timedelta(minutes=10), NOW + timedelta(hours=2))
    (attempt,) = await harness.rows("SELECT * FROM ledger.attempts WHERE copy_ref = :copy", copy=copy)
    assert attempt["outcome"] == "delivered"


async def test_a_late_report_about_the_first_wave_says_nothing_about_the_second(harness: Harness) -> None:
    rows = []
    for wave, order in ((1, [0, 1, 2, 3, 4]), (1, [4, 3, 2, 1, 0]), (2, [0, 1, 2, 3, 4]), (2, [4, 1, 0, 3, 2])):
        message, copy = new_id(), new_id()
        facts: list[Fact] = [
            planned(harness, message, [copy]),
            settled(harness, message, [copy], "delivered", attempt=1),
            planned(harness, message, [copy], wave=2),
            settled(harness, message, [copy], "delivered", attempt=1, wave=2),
            # Both come two days after the second wave; their tokens tell the hour in which each was planned.
            returned(harness, message, copy, at=NOW + timedelta(days=3), issued=timedelta(days=1 - wave)),
        ]
        for number in order:
            await tell(harness, facts[number])
        counts = (await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message))[0]
        rows.append(((await harness.copy(copy))["state"], counts["delivered"], counts["failed"]))
    assert rows == [("delivered", 1, 0), ("delivered", 1, 0), ("dead", 0, 1), ("dead", 0, 1)]


async def test_an_attempt_that_names_a_copy_twice_is_written_all_the_same(harness: Harness) -> None:
    message, copy, other = new_id(), new_id(), new_id()
    first = settled(harness, message, [copy, other], "deferred", attempt=1)
    second = settled(harness, message, [copy], "delivered", attempt=2)
    await settle(harness.context, first.model_copy(update={"outcomes": (*second.outcomes, *first.outcomes)}))
    assert [(await harness.copy(each))["state"] for each in (copy, other)] == ["delivered", "deferred"]
    assert (await harness.copy(copy))["attempts"] == 2


async def test_copies_of_a_batch_that_was_given_up_are_seen_waiting(harness: Harness) -> None:
    """A batch that became a dead letter has no outcomes: its copies stay planned, as of when they were."""
    message, copy = new_id(), new_id()
    await plan(harness.context, planned(harness, message, [copy]))
    row = await harness.copy(copy)
    assert (row["state"], row["attempts"], row["updated_at"]) == ("planned", 0, NOW)
    counts = (await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message))[0]
    assert counts["planned"] - counts["delivered"] - counts["deferred"] - counts["failed"] == 1


async def test_a_new_wave_waits_without_the_words_of_the_last(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    await plan(harness.context, planned(harness, message, [copy]))
    await settle(harness.context, settled(harness, message, [copy], "delivered", attempt=1))
    await plan(harness.context, planned(harness, message, [copy], wave=2))
    row = await harness.copy(copy)
    assert (row["state"], row["code"], row["stage"], row["attempts"]) == ("planned", None, None, 1)


async def test_of_several_reports_the_hard_one_counts_in_either_order(harness: Harness) -> None:
    states = []
    for hard_first in (True, False):
        message, copy = new_id(), new_id()
        await settle(harness.context, settled(harness, message, [copy], "delivered", attempt=1))
        both = [
            returned(harness, message, copy, at=NOW + timedelta(hours=1)),
            returned(harness, message, copy, at=NOW + timedelta(hours=2), status="5.2.2"),
        ]
        for report in both if hard_first else reversed(both):
            await reports.bounce(harness.context, report)
        states.append((await harness.copy(copy))["state"])
    assert states == ["dead", "dead"]


async def test_a_report_is_told_to_registry_once(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    report = returned(harness, message, copy, at=NOW)
    for _ in range(3):
        await reports.bounce(harness.context, report)
    (told,) = await harness.said(CopyBounced)
    assert (told.message, told.copy_ref, told.classification, told.hard, told.status) == (
        message,
        copy,
        "dead",
        True,
        "5.1.1",
    )
    assert "gone" not in told.model_dump_json()
    assert harness.registry_learns(told.recipients) == ("gone@docomo.example",)


async def test_of_a_passing_trouble_registry_learns_no_address(harness: Harness) -> None:
    report = returned(harness, new_id(), new_id(), at=NOW, status="5.2.2")
    await reports.bounce(harness.context, report)
    (told,) = await harness.said(CopyBounced)
    assert (told.classification, told.hard, told.recipients) == ("full", False, None)


async def test_what_is_no_report_of_non_delivery_changes_nothing(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    await settle(harness.context, settled(harness, message, [copy], "delivered", attempt=1))
    token = harness.token(TokenKind.BOUNCE, message, copy)
    await reports.bounce(harness.context, harness.bounce(token, plain_mail("明日は休みます。")))
    old = harness.token(TokenKind.BOUNCE, message, copy, age=timedelta(days=500))
    report = returned(harness, message, copy, at=NOW)
    await reports.bounce(harness.context, report.model_copy(update={"token": old}))
    assert (await harness.copy(copy))["state"] == "delivered"
    assert await harness.said(CopyBounced) == []


async def test_mail_that_is_no_messages_copy_has_no_ledger(harness: Harness) -> None:
    message, copy = new_id(), new_id()
    await settle(harness.context, settled(harness, message, [copy], "delivered", attempt=1, tracked=False))
    assert await harness.rows("SELECT 1 FROM ledger.copies WHERE copy_ref = :copy", copy=copy) == []


async def test_a_whole_batch_is_written_in_one_go_and_two_about_the_same_copies_do_not_lock_up(
    harness: Harness,
) -> None:
    message = new_id()
    copies = [new_id() for _ in range(100)]
    await asyncio.gather(
        plan(harness.context, planned(harness, message, copies)),
        settle(harness.context, settled(harness, message, copies[::-1], "deferred", attempt=1)),
        settle(harness.context, settled(harness, message, copies, "delivered", attempt=2)),
    )
    counts = (await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message))[0]
    assert (counts["planned"], counts["delivered"], counts["deferred"], counts["children"]) == (100, 100, 0, 100)


async def test_what_was_held_back_on_purpose_is_no_failure(harness: Harness) -> None:
    message, copies = new_id(), [new_id() for _ in range(6)]
    await plan(harness.context, planned(harness, message, copies))
    outcomes: tuple[Outcome, ...] = ("delivered", "deferred", "superseded", "expired", "filtered")
    for attempt, (copy, outcome) in enumerate(zip(copies, outcomes, strict=False), 1):
        await settle(harness.context, settled(harness, message, [copy], outcome, attempt=attempt))
    # The retry of the deferred one finds its message stopped: that is its last word, whatever comes late.
    await settle(harness.context, settled(harness, message, [copies[1]], "superseded", attempt=7))
    await settle(harness.context, settled(harness, message, [copies[1]], "deferred", attempt=2))
    counts = (await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message))[0]
    assert {name: counts[name] for name in ("planned", "delivered", "deferred", "failed", "expired", "superseded")} == {
        "planned": 6,
        "delivered": 1,
        "deferred": 0,
        "failed": 1,
        "expired": 1,
        "superseded": 2,
    }


async def test_the_tables_are_those_that_the_migration_makes(harness: Harness) -> None:
    made = await harness.rows(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'ledger' AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = 'ledger')"
    )
    declared = {
        (table.name, column.name, "YES" if column.nullable else "NO")
        for table in metadata.tables.values()
        for column in table.columns
    }
    assert {tuple(row.values()) for row in made if row["table_name"] != "alembic_version"} == declared
