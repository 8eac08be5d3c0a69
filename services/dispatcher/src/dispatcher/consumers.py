"""The edge towards the bus: a consumer for every carrier in every lane, each message a batch to be delivered. And
batches that were given up and the operator decided about."""

from contracts.base import CARRIERS, LANES
from contracts.events.delivery import DeliveryBatch
from contracts.streams import delivery_consumer
from dispatcher import handlers
from dispatcher.context import Context
from dispatcher.policy.carrier_table import CarrierPolicy
from runtime.bus.client import Bus
from runtime.bus.consumer import Delivery
from runtime.process.lifecycle import Service

BATCHES_AT_ONCE = 4
"""Batches of one carrier and lane at once: enough that its connections never run dry while the next one is fetched, few
enough that a dead dispatcher leaves little to wait for."""

BATCHES_AT_ONCE_APART = 24
"""Batches of one carrier and lane at once where each next hop has a pace of its own, so that slow ones do not keep the
others waiting."""


def register(service: Service, bus: Bus, context: Context) -> None:
    """Consume all batches."""

    async def deliver(delivery: Delivery) -> None:
        await handlers.deliver(context, delivery.event(DeliveryBatch))

    async def give_up(delivery: Delivery) -> None:
        await handlers.give_up(context, delivery.event(DeliveryBatch))

    for carrier in CARRIERS:
        concurrency = _at_once(context.carriers.named(carrier))
        for lane in LANES:
            service.consume(bus, delivery_consumer(lane, carrier), deliver, concurrency=concurrency)
    service.consume_dead_letter_retries(bus, give_up)


def _at_once(policy: CarrierPolicy) -> int:
    return BATCHES_AT_ONCE_APART if policy.each_hop_apart else BATCHES_AT_ONCE
