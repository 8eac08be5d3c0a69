"""Corrections overtake: what they correct, and everything ordinary."""

import pytest

from contracts.base import Lane
from contracts.events import DeliveryBatch, DeliveryPlanned, MessageApproved
from registry.model import lane_of_copies
from runtime.ids import new_id
from tests.registry.harness import START, Harness, only


@pytest.mark.parametrize(
    ("lane", "corrects", "wave", "travels"),
    [
        ("ordinary", False, 1, "ordinary"),
        ("ordinary", True, 1, "correction"),
        ("urgent", True, 1, "urgent"),
        # To send a correction again has no hurry.
        ("ordinary", True, 2, "ordinary"),
    ],
)
def test_a_correction_goes_before_ordinary_mail_and_never_slows_an_urgent_one_down(
    lane: Lane, corrects: bool, wave: int, travels: Lane
) -> None:
    message = MessageApproved(
        id="m-1",
        occurred_at=START,
        unit="sakura",
        message=2,
        wave=wave,
        lane=lane,
        content_key="sakura.2",
        supersedes=1 if corrects else None,
    )
    assert lane_of_copies(message) == travels


async def test_a_correction_reaches_everybody_in_its_own_lane(harness: Harness) -> None:
    for number in range(3):
        await harness.register(f"parent{number}@docomo.ne.jp")
    first = harness.approved(groups=("g1",))
    said = await harness.broadcast(first)
    assert {batch.lane for batch in only(said, DeliveryBatch)} == {"ordinary"}
    second = harness.approved(groups=("g1",), supersedes=first.message)
    said = await harness.broadcast(second)
    (batch,), (planned,) = only(said, DeliveryBatch), only(said, DeliveryPlanned)
    assert (batch.lane, planned.lane, batch.bus_subject()) == ("correction", "correction", "delivery.correction.docomo")
    assert len(harness.cards(batch)) == len(planned.copies) == 3


async def test_what_was_stopped_is_divided_all_the_same_so_that_every_copy_gets_its_outcome(harness: Harness) -> None:
    await harness.register("parent@docomo.ne.jp")
    # Registry hears of both at once, the correction first.
    first, message = harness.approved(groups=("g1",)), new_id()
    await harness.broadcast(harness.approved(message, groups=("g1",), supersedes=first.message))
    (planned,) = only(await harness.broadcast(first), DeliveryPlanned)
    assert planned.message == first.message
