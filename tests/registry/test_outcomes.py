"""Addresses that no longer exist are taken off by themselves, and come back with the parent's next mail."""

from contracts.events import CopyBounced, CopyOutcome, DeliverySettled, RegistrationOpened, RegistrationRefused
from contracts.requests import MembersAsk
from contracts.sealed import ReportedRecipients
from registry import handlers, tables
from registry.handlers.broadcast import approve
from runtime.ids import new_id
from tests.registry.harness import Harness, single

HANAKO = "hanako@docomo.ne.jp"


async def copy_of_new_message(harness: Harness) -> tuple[int, int]:
    """A message to everybody (one member): message and copy."""
    message = harness.approved()
    await approve(harness.context, message)
    await harness.said()
    ((copy,),) = await harness.rows("SELECT copy_ref FROM copies WHERE message = :message", message=message.message)
    return message.message, copy


def settled(
    harness: Harness, message: int, copy: int, kind: str, *, tracked: bool = True, **parts: object
) -> DeliverySettled:
    outcome = {"copy_ref": copy, "outcome": kind, "at": harness.clock(), "attempt": 1, **parts}
    return DeliverySettled(
        id=f"settled-{new_id()}",
        occurred_at=harness.clock(),
        unit="sakura",
        message=message,
        wave=1,
        batch=f"{message}-1-1",
        attempt=1,
        lane="ordinary",
        carrier="docomo",
        tracked=tracked,
        outcomes=(CopyOutcome.model_validate(outcome),),
    )


async def state(harness: Harness) -> tuple[str, str | None]:
    page = await handlers.questions.page(harness.context, MembersAsk(unit="sakura", actor="account-1"))
    return page.members[0].state, page.members[0].reason


async def test_an_unknown_user_is_taken_off_at_once(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await copy_of_new_message(harness)
    event = settled(harness, message, copy, "dead", stage="rcpt", code=550, sure=True)
    await handlers.outcomes.settle(harness.context, event)
    assert await state(harness) == ("undeliverable", "unknown_user")


async def doubted(harness: Harness) -> None:
    """One more message to everybody is refused as to a dead address, in words that leave a doubt."""
    message, copy = await copy_of_new_message(harness)
    await handlers.outcomes.settle(harness.context, settled(harness, message, copy, "dead", stage="rcpt", code=550))


async def test_a_death_in_doubt_needs_two_messages_some_days_apart(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await copy_of_new_message(harness)
    for _ in range(3):
        await handlers.outcomes.settle(harness.context, settled(harness, message, copy, "dead", stage="rcpt", code=550))
        harness.clock.forward(days=1)
    assert await state(harness) == ("active", None)
    await doubted(harness)
    assert await state(harness) == ("undeliverable", "unknown_user")


async def test_a_carriers_bad_day_takes_nobody_off(harness: Harness) -> None:
    await harness.register(HANAKO)
    for _ in range(4):
        await doubted(harness)
        harness.clock.forward(hours=12)
    assert await state(harness) == ("active", None)


async def test_a_copy_that_arrives_takes_the_doubt_away(harness: Harness) -> None:
    await harness.register(HANAKO)
    await doubted(harness)
    harness.clock.forward(days=4)
    message, copy = await copy_of_new_message(harness)
    await handlers.outcomes.settle(harness.context, settled(harness, message, copy, "delivered"))
    harness.clock.forward(days=4)
    await doubted(harness)
    assert await state(harness) == ("active", None)
    assert await harness.rows("SELECT hard_count FROM addresses") == [(1,)]


async def test_the_parents_own_mail_takes_the_doubt_away(harness: Harness) -> None:
    await harness.register(HANAKO)
    await doubted(harness)
    harness.clock.forward(days=4)
    opened = single(await harness.entry(HANAKO, group="g2"), RegistrationOpened)
    await harness.reply(opened.registration)
    assert await harness.rows("SELECT hard_count, hard_message, hard_at FROM addresses") == [(0, None, None)]
    await doubted(harness)
    assert await state(harness) == ("active", None)


async def test_full_and_filtered_mailboxes_stay(harness: Harness) -> None:
    await harness.register(HANAKO)
    for kind in ("full", "filtered", "expired", "failed", "policy") * 5:
        message, copy = await copy_of_new_message(harness)
        await handlers.outcomes.settle(harness.context, settled(harness, message, copy, kind))
    assert await state(harness) == ("active", None)
    assert await harness.rows("SELECT soft_count FROM addresses") == [(20,)]
    message, copy = await copy_of_new_message(harness)
    await handlers.outcomes.settle(harness.context, settled(harness, message, copy, "delivered"))
    assert await harness.rows("SELECT soft_count FROM addresses") == [(0,)]


async def test_an_outcome_delivered_again_counts_once(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await copy_of_new_message(harness)
    event = settled(harness, message, copy, "full")
    await handlers.outcomes.settle(harness.context, event)
    await handlers.outcomes.settle(harness.context, event)
    assert await harness.rows("SELECT soft_count FROM addresses") == [(1,)]


def came_back(harness: Harness, message: int, copy: int, *named: str, classification: str = "dead") -> CopyBounced:
    """A report of non-delivery that names these addresses."""
    number = new_id()
    return CopyBounced(
        id=f"bounced-{number}",
        occurred_at=harness.clock(),
        unit="sakura",
        message=message,
        copy_ref=copy,
        classification=classification,
        hard=classification == "dead",
        status="5.1.1",
        recipients=harness.sealer.seal(ReportedRecipients(addresses=named), "registry") if named else None,
    )


async def delivered(harness: Harness) -> tuple[int, int]:
    """A message's copy was taken by the carrier an hour ago."""
    message, copy = await copy_of_new_message(harness)
    await handlers.outcomes.settle(harness.context, settled(harness, message, copy, "delivered"))
    harness.clock.forward(hours=1)
    return message, copy


async def test_a_late_report_that_names_the_address_takes_it_off(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await delivered(harness)
    elsewhere = came_back(harness, message, copy, HANAKO).model_copy(update={"unit": "momiji"})
    await handlers.outcomes.bounce(harness.context, elsewhere)
    await handlers.outcomes.bounce(harness.context, came_back(harness, message, copy, HANAKO, classification="full"))
    assert (await state(harness))[0] == "active"
    await handlers.outcomes.bounce(harness.context, came_back(harness, message, copy, HANAKO))
    assert (await state(harness))[0] == "undeliverable"


async def test_a_dead_address_that_a_parent_forwards_to_costs_him_nothing(harness: Harness) -> None:
    await harness.register(HANAKO)
    for _ in range(3):
        message, copy = await delivered(harness)
        await handlers.outcomes.bounce(harness.context, came_back(harness, message, copy, "hanako.old@gmail.com"))
        harness.clock.forward(days=4)
    assert await state(harness) == ("active", None)
    assert await harness.rows("SELECT hard_count FROM addresses") == [(0,)]


async def test_a_late_report_that_names_nobody_leaves_a_doubt(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await delivered(harness)
    await handlers.outcomes.bounce(harness.context, came_back(harness, message, copy))
    assert await state(harness) == ("active", None)
    assert await harness.rows("SELECT hard_count FROM addresses") == [(1,)]


async def test_a_late_report_delivered_again_counts_once(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await delivered(harness)
    report = came_back(harness, message, copy, HANAKO, classification="full")
    await handlers.outcomes.bounce(harness.context, report)
    await handlers.outcomes.bounce(harness.context, report)
    assert await harness.rows("SELECT soft_count FROM addresses") == [(1,)]


async def test_the_parents_next_mail_brings_the_address_back(harness: Harness) -> None:
    await harness.register(HANAKO)
    message, copy = await copy_of_new_message(harness)
    event = settled(harness, message, copy, "dead", stage="rcpt", code=550, sure=True)
    await handlers.outcomes.settle(harness.context, event)
    harness.clock.forward(days=1)
    # Not refused as a member: the guide mail and its reply prove that the address lives.
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    await harness.reply(opened.registration)
    assert await state(harness) == ("active", None)
    # What is said later about the time before does not count.
    late = event.model_copy(update={"id": "late"})
    await handlers.outcomes.settle(harness.context, late)
    assert await state(harness) == ("active", None)


async def test_a_guide_mail_that_reached_nobody_ends_its_registration_only(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    number = opened.registration
    await handlers.outcomes.settle(harness.context, settled(harness, number, number, "dead", tracked=False))
    assert await harness.rows("SELECT state FROM addresses") == [("active",)]
    assert single(await harness.reply(number), RegistrationRefused).reason == "expired"


async def everything_but_the_inbox(harness: Harness) -> list[object]:
    """All rows of all tables; the inbox, which only remembers what came, left out."""
    kept = [table for table in tables.metadata.sorted_tables if table is not tables.inbox]
    return [await harness.rows(f"SELECT * FROM {table.name} ORDER BY 1, 2") for table in kept]


async def test_outcomes_of_copies_of_whoever_left_do_nothing(harness: Harness) -> None:
    # A message, to which somebody stays; of the copy nothing is known any more.
    await harness.register(HANAKO)
    message, _ = await copy_of_new_message(harness)
    outcome = settled(harness, message, new_id(), "dead", stage="rcpt", code=550, sure=True)
    before = await everything_but_the_inbox(harness)
    await handlers.outcomes.settle(harness.context, outcome)
    assert await harness.said() == []
    assert await everything_but_the_inbox(harness) == before
