"""The edge towards the bus: a queue for every carrier in every lane, each message a batch for the postman. And batches
that were given up and the operator decided about."""

from contracts.base import CARRIERS, LANES
from contracts.events.delivery import DeliveryBatch
from contracts.streams import delivery_consumer
from dispatcher.handlers import Postman
from dispatcher.policy.carriers_file import CarrierPolicy, CarrierTable
from runtime.bus.client import Bus
from runtime.bus.consumer import Delivery
from runtime.process.lifecycle import Service

IN_HAND = 4
"""Batches of one carrier and lane in hand: enough that its sessions never run dry while the next one is fetched, few
enough that a dead dispatcher leaves little to wait for."""

IN_HAND_APART = 24
"""The same where each next hop has a pace of its own, so that slow ones do not keep the others waiting."""


def register(service: Service, bus: Bus, postman: Postman, carriers: CarrierTable) -> None:
    """Read all queues."""

    async def handle(delivery: Delivery) -> None:
        await postman.work(delivery.event(DeliveryBatch))

    async def given_up(delivery: Delivery) -> None:
        await postman.give_up(delivery.event(DeliveryBatch))

    for carrier in CARRIERS:
        for lane in LANES:
            service.consume(
                bus, delivery_consumer(lane, carrier), handle, concurrency=_in_hand(carriers.named(carrier))
            )
    service.consume_dead_letter_retries(bus, given_up)


def _in_hand(policy: CarrierPolicy) -> int:
    return IN_HAND_APART if policy.each_hop_apart else IN_HAND
