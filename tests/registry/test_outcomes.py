"""Addresses that no longer exist are taken off by themselves, and come back with the parent's next mail."""

from contracts.events import CopyBounced, CopyOutcome, DeliverySettled, RegistrationOpened, RegistrationRefused
from contracts.requests import MembersAsk
from contracts.sealed import ReportedRecipients
from registry import handlers
from registry.handlers.broadcast import approve
from runtime.ids import new_id
from tests.registry.house import House, single

HANAKO = "hanako@docomo.ne.jp"


async def copy_of_new_message(house: House) -> tuple[int, int]:
    """A message to everybody (one member): message and copy."""
    message = house.approved()
    await approve(house.context, message)
    await house.said()
    ((copy,),) = await house.rows("SELECT copy_ref FROM copies WHERE message = :message", message=message.message)
    return message.message, copy


def settled(
    house: House, message: int, copy: int, kind: str, *, tracked: bool = True, **parts: object
) -> DeliverySettled:
    outcome = {"copy_ref": copy, "outcome": kind, "at": house.clock(), "attempt": 1, **parts}
    return DeliverySettled(
        id=f"settled-{new_id()}",
        occurred_at=house.clock(),
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


async def state(house: House) -> tuple[str, str | None]:
    page = await handlers.questions.page(house.context, MembersAsk(unit="sakura", actor="account-1"))
    return page.members[0].state, page.members[0].reason


async def test_an_unknown_user_is_taken_off_at_once(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await copy_of_new_message(house)
    event = settled(house, message, copy, "dead", stage="rcpt", code=550, sure=True)
    await handlers.outcomes.settle(house.context, event)
    assert await state(house) == ("undeliverable", "unknown_user")


async def doubted(house: House) -> None:
    """One more message to everybody is refused as to a dead address, in words that leave a doubt."""
    message, copy = await copy_of_new_message(house)
    await handlers.outcomes.settle(house.context, settled(house, message, copy, "dead", stage="rcpt", code=550))


async def test_a_death_in_doubt_needs_two_messages_some_days_apart(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await copy_of_new_message(house)
    for _ in range(3):
        await handlers.outcomes.settle(house.context, settled(house, message, copy, "dead", stage="rcpt", code=550))
        house.clock.forward(days=1)
    assert await state(house) == ("active", None)
    await doubted(house)
    assert await state(house) == ("undeliverable", "unknown_user")


async def test_a_carriers_bad_day_takes_nobody_off(house: House) -> None:
    await house.register(HANAKO)
    for _ in range(4):
        await doubted(house)
        house.clock.forward(hours=12)
    assert await state(house) == ("active", None)


async def test_a_copy_that_arrives_takes_the_doubt_away(house: House) -> None:
    await house.register(HANAKO)
    await doubted(house)
    house.clock.forward(days=4)
    message, copy = await copy_of_new_message(house)
    await handlers.outcomes.settle(house.context, settled(house, message, copy, "delivered"))
    house.clock.forward(days=4)
    await doubted(house)
    assert await state(house) == ("active", None)
    assert await house.rows("SELECT hard_count FROM addresses") == [(1,)]


async def test_the_parents_own_mail_takes_the_doubt_away(house: House) -> None:
    await house.register(HANAKO)
    await doubted(house)
    house.clock.forward(days=4)
    opened = single(await house.entry(HANAKO, group="g2"), RegistrationOpened)
    await house.reply(opened.registration)
    assert await house.rows("SELECT hard_count, hard_message, hard_at FROM addresses") == [(0, None, None)]
    await doubted(house)
    assert await state(house) == ("active", None)


async def test_full_and_filtered_mailboxes_stay(house: House) -> None:
    await house.register(HANAKO)
    for kind in ("full", "filtered", "expired", "failed", "policy") * 5:
        message, copy = await copy_of_new_message(house)
        await handlers.outcomes.settle(house.context, settled(house, message, copy, kind))
    assert await state(house) == ("active", None)
    assert await house.rows("SELECT soft_count FROM addresses") == [(20,)]
    message, copy = await copy_of_new_message(house)
    await handlers.outcomes.settle(house.context, settled(house, message, copy, "delivered"))
    assert await house.rows("SELECT soft_count FROM addresses") == [(0,)]


async def test_an_outcome_delivered_again_counts_once(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await copy_of_new_message(house)
    event = settled(house, message, copy, "full")
    await handlers.outcomes.settle(house.context, event)
    await handlers.outcomes.settle(house.context, event)
    assert await house.rows("SELECT soft_count FROM addresses") == [(1,)]


def came_back(house: House, message: int, copy: int, *named: str, verdict: str = "dead") -> CopyBounced:
    """A report of non-delivery that names these addresses."""
    number = new_id()
    return CopyBounced(
        id=f"bounced-{number}",
        occurred_at=house.clock(),
        unit="sakura",
        message=message,
        copy_ref=copy,
        verdict=verdict,
        hard=verdict == "dead",
        status="5.1.1",
        recipients=house.sealer.seal(ReportedRecipients(addresses=named), "registry") if named else None,
    )


async def delivered(house: House) -> tuple[int, int]:
    """A message's copy was taken by the carrier an hour ago."""
    message, copy = await copy_of_new_message(house)
    await handlers.outcomes.settle(house.context, settled(house, message, copy, "delivered"))
    house.clock.forward(hours=1)
    return message, copy


async def test_a_late_report_that_names_the_address_takes_it_off(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await delivered(house)
    elsewhere = came_back(house, message, copy, HANAKO).model_copy(update={"unit": "momiji"})
    await handlers.outcomes.bounce(house.context, elsewhere)
    await handlers.outcomes.bounce(house.context, came_back(house, message, copy, HANAKO, verdict="full"))
    assert (await state(house))[0] == "active"
    await handlers.outcomes.bounce(house.context, came_back(house, message, copy, HANAKO))
    assert (await state(house))[0] == "undeliverable"


async def test_a_dead_address_that_a_parent_forwards_to_costs_him_nothing(house: House) -> None:
    await house.register(HANAKO)
    for _ in range(3):
        message, copy = await delivered(house)
        await handlers.outcomes.bounce(house.context, came_back(house, message, copy, "hanako.old@gmail.com"))
        house.clock.forward(days=4)
    assert await state(house) == ("active", None)
    assert await house.rows("SELECT hard_count FROM addresses") == [(0,)]


async def test_a_late_report_that_names_nobody_leaves_a_doubt(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await delivered(house)
    await handlers.outcomes.bounce(house.context, came_back(house, message, copy))
    assert await state(house) == ("active", None)
    assert await house.rows("SELECT hard_count FROM addresses") == [(1,)]


async def test_a_late_report_delivered_again_counts_once(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await delivered(house)
    report = came_back(house, message, copy, HANAKO, verdict="full")
    await handlers.outcomes.bounce(house.context, report)
    await handlers.outcomes.bounce(house.context, report)
    assert await house.rows("SELECT soft_count FROM addresses") == [(1,)]


async def test_the_parents_next_mail_brings_the_address_back(house: House) -> None:
    await house.register(HANAKO)
    message, copy = await copy_of_new_message(house)
    event = settled(house, message, copy, "dead", stage="rcpt", code=550, sure=True)
    await handlers.outcomes.settle(house.context, event)
    house.clock.forward(days=1)
    # Not refused as a member: the guide mail and its reply prove that the address lives.
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    await house.reply(opened.registration)
    assert await state(house) == ("active", None)
    # What is said later about the time before does not count.
    late = event.model_copy(update={"id": "late"})
    await handlers.outcomes.settle(house.context, late)
    assert await state(house) == ("active", None)


async def test_a_guide_mail_that_reached_nobody_ends_its_registration_only(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    number = opened.registration
    await handlers.outcomes.settle(house.context, settled(house, number, number, "dead", tracked=False))
    assert await house.rows("SELECT state FROM addresses") == [("active",)]
    assert single(await house.reply(number), RegistrationRefused).reason == "expired"


async def test_outcomes_of_copies_of_whoever_left_do_nothing(house: House) -> None:
    await handlers.outcomes.settle(house.context, settled(house, new_id(), new_id(), "dead", stage="rcpt", code=550))
