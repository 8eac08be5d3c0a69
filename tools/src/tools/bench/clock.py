"""Who used this machine's processors while something was measured."""

import os
import resource
import time
from dataclasses import dataclass

from tools import usage
from tools.load.sink import Sink


@dataclass(frozen=True)
class Costs:
    """Processor seconds. `children`: of programs of ours that ended meanwhile; `others_share`: 0..1 of all that this
    machine's processors could give in that time went to what is no part of the measurement."""

    sink: float
    bench: float
    children: float
    others_share: float


class Clock:
    """Runs from its making to `stop`."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self.began = time.perf_counter()
        self._before = self._now()

    def stop(self, living: float = 0.0) -> Costs:
        """`living`: seconds that programs under measurement used which still run, the sink not counted."""
        sink, bench, children, machine = (max(0.0, b - a) for a, b in zip(self._before, self._now(), strict=True))
        possible = (time.perf_counter() - self.began) * (os.cpu_count() or 1)
        others = machine - sink - bench - children - living
        return Costs(sink, bench, children, min(1.0, max(0.0, others / possible)))

    def _now(self) -> tuple[float, float, float, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        sink = self._sink.cpu_seconds if self._sink is not None else 0.0
        return sink, time.process_time(), ended.ru_utime + ended.ru_stime, usage.machine_seconds()
