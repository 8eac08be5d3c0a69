"""A consumer loop at work, and waiting for what comes of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from contracts.streams import ConsumerSpec
from runtime.bus.client import Bus
from runtime.bus.consumer import ConsumerLoop, Delivery

Handler = Callable[[Delivery], Awaitable[None]]
NewConsumer = Callable[..., Awaitable[ConsumerSpec]]


@contextlib.asynccontextmanager
async def running(bus: Bus, spec: ConsumerSpec, handler: Handler, **options: object) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = ConsumerLoop(bus, spec, handler, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(loop.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (the condition changes in another task)
            await asyncio.sleep(0.01)


async def pending(bus: Bus, spec: ConsumerSpec) -> int:
    info = await bus.jetstream.consumer_info(spec.stream, spec.name)
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def settled(bus: Bus, spec: ConsumerSpec) -> None:
    async with asyncio.timeout(10):
        while await pending(bus, spec):  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.05)
