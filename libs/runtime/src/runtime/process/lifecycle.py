"""The life of a service process, in stages.

    run(name, settings, setup):  signals, health server -> setup(service) wires everything and names the tasks
                                 -> tasks run until SIGTERM/SIGINT or until one of them dies
    stop:  the event `stop` is set: tasks take nothing new and finish what is in flight (bounded)
           -> on_close steps, last first (bounded each) -> exit

Exit code 0 after a signal, 1 when a task died or the bus connection was finally closed (the supervisor restarts the
process), 78 for settings. While setup waits for NATS or PostgreSQL the health server already answers: unready.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import uvloop

from contracts.streams import ConsumerSpec, dead_letter_retry_consumer
from runtime import logs
from runtime.bus.client import Bus
from runtime.bus.consumer import ConsumerLoop, Delivery
from runtime.bus.dead_letter_retry import Handler, RetryHandler, repeated_dead_letter
from runtime.process.health import Health
from runtime.process.ports import PortTaken
from runtime.redaction import reason_of
from runtime.settings import ServiceSettings

STOP_SECONDS = 15.0
CLOSE_SECONDS = 12.0
RETRIES_AT_ONCE = 2
"""Dead letters handled again at the same time: they come late already, and must not get in the way of others."""
GARBAGE_THRESHOLDS = (10_000, 20, 10)
"""Rarer rounds than Python's 700: most of what a batch makes is gone before, without any cycle."""

S = TypeVar("S", bound=ServiceSettings)
Work = Callable[[asyncio.Event], Awaitable[None]]
log = logs.get_logger(__name__)


class Service:
    """One process: its tasks, what to close at the end, and its health."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.health = Health()
        self.stop = asyncio.Event()
        self._settings = settings
        self._work: dict[str, Work] = {}
        self._handlers: dict[str, Handler] = {}
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._failure: str | None = None

    def task(self, name: str, work: Work) -> None:
        """Run `work(stop)` for the life of the service. It returns soon after `stop` is set; ending before that, with
        or without an error, ends the process with code 1."""
        if name in self._work:
            raise ValueError("a task of that name exists")
        self._work[name] = work

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Call `closer` at the end, after all tasks; the last registered goes first."""
        self._closers.append(closer)

    def fail(self, reason: str) -> None:
        """End the process with code 1 after an orderly stop. `reason` is a static code for the log."""
        if self._failure is None and not self.stop.is_set():
            self._failure = reason
            log.error("service_failed", reason=reason)
        self.stop.set()

    async def connect_bus(self) -> Bus:
        """The bus, with its health check, its end at close, and a failing service when it is closed for good. Waits
        for NATS as long as it takes."""
        holder: list[Bus] = []

        async def check() -> None:
            if not holder:
                raise ConnectionRefusedError
            await holder[0].check()

        self.health.add("bus", check)
        bus = await Bus.connect(self._settings, name=self.name, on_closed=lambda: self.fail("bus_closed"))
        holder.append(bus)
        self.on_close(bus.drain)
        return bus

    def consume(
        self,
        bus: Bus,
        spec: ConsumerSpec,
        handler: Callable[[Delivery], Awaitable[None]],
        *,
        concurrency: int = 16,
        max_attempts: int = 8,
    ) -> None:
        """Register a ConsumerLoop as a task."""
        loop = ConsumerLoop(bus, spec, handler, concurrency=concurrency, max_attempts=max_attempts)
        self._handlers[spec.name] = handler
        self.task(f"consumer {spec.name}", loop.run)

    def consume_dead_letter_retries(self, bus: Bus, given_up: Handler | None = None) -> None:
        """Register a ConsumerLoop for what this service gave up and the operator decided about: its handlers are those
        of `consume`, whenever they are registered. `given_up`: what to do about a message that
        will never be handled, where somebody waits for its outcome."""
        spec = dead_letter_retry_consumer(self.name)
        handler = RetryHandler(self._handlers, given_up)
        loop = ConsumerLoop(bus, spec, handler, concurrency=RETRIES_AT_ONCE, make_dead_letter=repeated_dead_letter)
        self.task(f"consumer {spec.name}", loop.run)

    def run(self, setup: Callable[["Service"], Awaitable[None]]) -> NoReturn:
        """Set up, run the tasks until a signal or a failure, close; ends by SystemExit with the exit code."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(self.live(setup))
        raise SystemExit(code)

    async def live(self, setup: Callable[["Service"], Awaitable[None]]) -> int:
        """Set up, run the tasks until a signal or a failure, close; returns the exit code. For a running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        self._ready_when_set_up()
        end_health = asyncio.Event()
        health = asyncio.create_task(
            self._guard(
                "health server",
                lambda _: self.health.serve(self._settings.health_host, self._settings.health_port, end_health),
            )
        )
        tasks: list[asyncio.Task[None]] = []
        try:
            if await self._set_up(setup):
                _freeze_what_stays()
                tasks = [asyncio.create_task(self._guard(name, work)) for name, work in self._work.items()]
                log.info("service_started")
            await self.stop.wait()
            self.health.draining = True
            log.info("service_stopping")
            await _settle(tasks, STOP_SECONDS)
            await self._close()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            end_health.set()
            await _settle([health], 6)
        log.info("service_stopped", failed=self._failure is not None)
        return 0 if self._failure is None else 78 if self._failure == "port_taken" else 1

    def _ready_when_set_up(self) -> None:
        async def starting() -> None:
            if not self._is_set_up:
                raise ConnectionError

        self._is_set_up = False
        self.health.add("startup", starting)

    async def _set_up(self, setup: Callable[["Service"], Awaitable[None]]) -> bool:
        wiring = asyncio.create_task(self._wire(setup))
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait({wiring, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not wiring.done():
            wiring.cancel()
            await asyncio.wait({wiring}, timeout=5)
            return False
        self._is_set_up = wiring.result()
        return self._is_set_up and not self.stop.is_set()

    async def _wire(self, setup: Callable[["Service"], Awaitable[None]]) -> bool:
        try:
            await setup(self)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._died("setup", error)
            return False
        return True

    async def _guard(self, name: str, work: Work) -> None:
        try:
            await work(self.stop)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._died(name, error)
        else:
            if not self.stop.is_set():
                log.error("task_ended_early", task=name)
                self.fail("task_ended_early")

    def _died(self, name: str, error: BaseException) -> None:
        if isinstance(error, PortTaken):
            sys.stderr.write(f"{error}\n")
            self.fail("port_taken")
            return
        log.error("task_died", task=name, reason=reason_of(error), exc_info=error)
        self.fail("task_died")

    def _signalled(self, number: signal.Signals) -> None:
        log.info("signal_received", signal=number.name)
        self.stop.set()

    async def _close(self) -> None:
        for closer in reversed(self._closers):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await closer()
            except Exception as error:
                log.warning("close_step_failed", reason=reason_of(error))


def _freeze_what_stays() -> None:
    """Take modules, models and wiring (some 300,000 objects that live as long as the process) out of the garbage
    collector's rounds: each full one stood still for 50 ms on their account, in the middle of a broadcast."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def _settle(tasks: list["asyncio.Task[None]"], seconds: float) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        log.warning("task_cancelled_at_stop")
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=2)


def run(name: str, settings: ServiceSettings, setup: Callable[[Service], Awaitable[None]]) -> NoReturn:
    """What a service's main calls: logs, then the service's whole life. Never returns (SystemExit)."""
    logs.configure(name, settings.log_level)
    os.nice(settings.nice)
    Service(name, settings).run(setup)
