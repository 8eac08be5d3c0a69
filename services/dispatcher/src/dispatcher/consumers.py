"""The edge towards the bus: a queue for every carrier in every lane, each message a batch for the postman."""

from contracts.base import LANES
from contracts.events.delivery import DeliveryBatch
from contracts.streams import delivery_consumer
from dispatcher.carriers import CarrierPolicy
from dispatcher.handlers import Postman
from dispatcher.lanes import most_for
from runtime.bus import Bus
from runtime.consumer import Delivery
from runtime.lifecycle import Service


def register(service: Service, bus: Bus, postman: Postman, policies: tuple[CarrierPolicy, ...]) -> None:
    """Read all queues, taking no more batches at once than a lane may work on."""

    async def handle(delivery: Delivery) -> None:
        await postman.work(delivery.event(DeliveryBatch))

    for policy in policies:
        for lane in LANES:
            service.consume(
                bus, delivery_consumer(lane, policy.name), handle, concurrency=most_for(lane, policy.connections)
            )
