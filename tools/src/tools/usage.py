"""What running processes have used, from /proc (Linux): processor time and memory of a process with its children."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all its descendants that live now."""
    children: dict[int, list[int]] = {}
    for child, fields in _all_processes():
        children.setdefault(int(fields[1]), []).append(child)
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the family so far, of children that ended too. Resolution: one tick, usually 10 ms."""
    ticks = 0
    for member in family(pid):
        fields = _stat(member)
        ticks += sum(int(field) for field in fields[11:15]) if fields else 0
    return ticks / _TICKS


def precise_cpu_seconds(pid: int) -> float:
    """User and system time of the family so far, from the scheduler's statistics: to the microsecond, as long as no
    thread or child of the family ends; those that did count in ticks."""
    nanoseconds = ended = 0
    for member in family(pid):
        fields = _stat(member)
        ended += sum(int(field) for field in fields[13:15]) if fields else 0
        for path in Path(f"/proc/{member}/task").glob("*/schedstat"):
            try:
                nanoseconds += int(path.read_text().split()[0])
            except OSError:
                continue
    return nanoseconds / 1e9 + ended / _TICKS


def machine_seconds() -> float:
    """Processor time that anybody on this machine used since it started."""
    user, nice, system, _idle, _iowait, irq, softirq = Path("/proc/stat").read_text().split()[1:8]
    return sum(int(field) for field in (user, nice, system, irq, softirq)) / _TICKS


def forget_peak(pid: int) -> None:
    """Let `peak_memory` begin anew; where the system refuses, it goes on from the process's start."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory(pid: int) -> int:
    """Octets: the most that was resident at once since the process started or `forget_peak`, children not counted."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") * 1024


def family_memory(pid: int) -> int:
    """Octets resident now in the family, pages that several of them share counted once."""
    return sum(_kilobytes(Path(f"/proc/{member}/smaps_rollup"), "Pss:") for member in family(pid)) * 1024


def _all_processes() -> Iterator[tuple[int, list[str]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            yield int(entry), fields


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat after the name, so that index 0 is the state; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _kilobytes(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
