"""From measurements to the table: medians over the rounds, ratios to the peers, the aims, and the JSON form. Pure.

    Measurement (one case, once) -> summarise -> Row (median of its rounds) -> ratios to the peers' rows -> as_json

A ratio is our median divided by the peer's median of the same run; None where that peer is missing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

FULL_PATH = "full-path"
SHIPPED_LIMITS = "full-path-shipped-limits"
LANES = "lanes"
ACCEPTANCE = "acceptance"
RUSH = "rush"
BOARDS = "boards"

PEERS: Mapping[str, str] = {
    "smtp-source": "smtp_source",
    "postfix": "postfix",
    "aiosmtplib": "aiosmtplib",
    "mailman": "mailman",
}
"""Case of a peer -> its key among the ratios."""
_ORDER = (FULL_PATH, SHIPPED_LIMITS, *PEERS)


@dataclass(frozen=True)
class Measurement:
    """One case, measured once. Times in seconds; `cpu`: seconds by process of who sends, `memory`: octets by process;
    `others_share`: of the machine's processor time that went to what is no part of the benchmark, 0..1.

    `octets`: of one copy; `first_copy`, `settled`: from the request on, None where there is no such thing;
    `came_twice`: copies beyond one for each recipient."""

    case: str
    recipients: int
    seconds: float
    dkim: str = "off"
    cpu: Mapping[str, float] = field(default_factory=dict)
    sink_cpu: float = 0.0
    others_share: float = 0.0
    memory: Mapping[str, int] = field(default_factory=dict)
    octets: int = 0
    first_copy: float | None = None
    settled: float | None = None
    came_twice: int = 0

    @property
    def key(self) -> tuple[str, int, str]:
        """Measurements with the same key are rounds of one row."""
        return self.case, self.recipients, self.dkim

    @property
    def copies_per_s(self) -> float:
        return self.recipients / self.seconds


@dataclass(frozen=True)
class Row:
    """Medians of the rounds. `slowest`, `fastest`: copies a second; `cpu_us`, `sink_us`: microseconds a copy;
    `memory`: octets, the most of all rounds; `others_share`: the worst round's."""

    case: str
    recipients: int
    dkim: str
    rounds: int
    copies_per_s: float
    slowest: float
    fastest: float
    cpu_us: Mapping[str, float]
    sink_us: float
    others_share: float
    memory: Mapping[str, int]
    octets: int
    first_copy: float | None
    settled: float | None
    came_twice: int
    ratios: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        return self.case, self.recipients, self.dkim

    @property
    def cpu_us_together(self) -> float:
        return sum(self.cpu_us.values())


def summarise(measurements: Iterable[Measurement]) -> list[Row]:
    """One row a case, size and DKIM setting, ours before the peers, ratios filled in."""
    rounds: dict[tuple[str, int, str], list[Measurement]] = {}
    for each in measurements:
        rounds.setdefault(each.key, []).append(each)
    rows = sorted((_row(group) for group in rounds.values()), key=_place)
    speeds = {PEERS[row.case]: row.copies_per_s for row in rows if row.case in PEERS}
    return [_with_ratios(row, speeds) for row in rows]


def _place(row: Row) -> tuple[int, str, int]:
    return _ORDER.index(row.case), row.dkim, row.recipients


def _row(group: Sequence[Measurement]) -> Row:
    first = group[0]
    speeds = [each.copies_per_s for each in group]
    names = {name: None for each in group for name in each.cpu}  # a dict keeps the order
    kept = {name: None for each in group for name in each.memory}
    return Row(
        case=first.case,
        recipients=first.recipients,
        dkim=first.dkim,
        rounds=len(group),
        copies_per_s=median(speeds),
        slowest=min(speeds),
        fastest=max(speeds),
        cpu_us={name: median(each.cpu.get(name, 0.0) / each.recipients * 1e6 for each in group) for name in names},
        sink_us=median(each.sink_cpu / each.recipients * 1e6 for each in group),
        others_share=max(each.others_share for each in group),
        memory={name: max(each.memory.get(name, 0) for each in group) for name in kept},
        octets=round(median(each.octets for each in group)),
        first_copy=_median_known(each.first_copy for each in group),
        settled=_median_known(each.settled for each in group),
        came_twice=sum(each.came_twice for each in group),
    )


def _median_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _with_ratios(row: Row, speeds: Mapping[str, float]) -> Row:
    ratios = {key: row.copies_per_s / speeds[key] if speeds.get(key) else None for key in PEERS.values()}
    return Row(**{**vars(row), "ratios": ratios})


# -- aims --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aim:
    """What we want of a run, and what came of it; `value` is None when the run cannot say."""

    what: str
    wanted: str
    value: float | None
    met: bool | None


def aims(rows: Sequence[Row], lanes_ratio: float | None) -> list[Aim]:
    """Measured at the largest size of the run; the first copy at the size where it is slowest."""
    plain, signed = _largest(rows, "off"), _largest(rows, "rsa")
    last = max((row for row in rows if row.case == FULL_PATH), key=lambda row: row.first_copy or 0.0, default=None)
    return [
        _at_least("full path : Postfix, individual copies", 10, _ratio(plain, "postfix")),
        _at_least("full path : Mailman with VERP", 100, _ratio(plain, "mailman")),
        _at_least("full path : smtp-source", 0.5, _ratio(plain, "smtp_source")),
        _at_least("full path with RSA signatures : Postfix without", 4, _ratio(signed, "postfix")),
        _first_copy(last),
        _at_most("processor time a copy, largest size : 5,000", 1.0, growth(rows), slack=0.1),
        _at_least("urgent message: time alone : time under load", 0.7, lanes_ratio),
    ]


def growth(rows: Sequence[Row], small: int = 5000) -> float | None:
    """Processor time a copy at the largest size : at `small` recipients, DKIM off. None without both."""
    large = _largest(rows, "off")
    base = next((row for row in rows if row.key == (FULL_PATH, small, "off")), None)
    if large is None or base is None or large.recipients <= small or not base.cpu_us_together:
        return None
    return large.cpu_us_together / base.cpu_us_together


def _largest(rows: Sequence[Row], dkim: str) -> Row | None:
    return max(
        (row for row in rows if row.case == FULL_PATH and row.dkim == dkim),
        key=lambda row: row.recipients,
        default=None,
    )


def _ratio(row: Row | None, peer: str) -> float | None:
    return None if row is None else row.ratios.get(peer)


def _first_copy(row: Row | None) -> Aim:
    what, wanted = "first copy after the approval, ms", "< 100"
    if row is None or row.first_copy is None:
        return Aim(what, wanted, None, None)
    where = f"{row.recipients:,}, DKIM {row.dkim}"
    return Aim(f"{what} (slowest: {where})", wanted, row.first_copy * 1000, row.first_copy < 0.1)


def _at_least(what: str, wanted: float, value: float | None) -> Aim:
    return Aim(what, f"≥ {wanted:g}", value, None if value is None else value >= wanted)


def _at_most(what: str, wanted: float, value: float | None, *, slack: float) -> Aim:
    return Aim(what, f"≤ {wanted:g}", value, None if value is None else value <= wanted + slack)


# -- JSON --------------------------------------------------------------------------------------------------------


def as_json(row: Row) -> dict[str, Any]:
    """The row as it is kept. `cpu_us_per_copy` is a figure, or one by process where several work together."""
    figures = {name: round(us, 1) for name, us in row.cpu_us.items()}
    cpu: float | dict[str, float] | None = figures if len(figures) > 1 else next(iter(figures.values()), None)
    kept: dict[str, Any] = {
        "case": row.case,
        "recipients": row.recipients,
        "dkim": row.dkim,
        "copies_per_s": round(row.copies_per_s, 1),
        "cpu_us_per_copy": cpu,
        "ratios": {peer: None if ratio is None else _short(ratio) for peer, ratio in row.ratios.items()},
        "rounds": row.rounds,
        "copies_per_s_slowest": round(row.slowest, 1),
        "copies_per_s_fastest": round(row.fastest, 1),
        "cpu_us_per_copy_together": round(row.cpu_us_together, 1),
        "sink_us_per_copy": round(row.sink_us, 1),
        "others_share": round(row.others_share, 3),
        "octets_per_copy": row.octets,
    }
    if row.first_copy is not None:
        kept["first_copy_ms"] = round(row.first_copy * 1000, 1)
    if row.settled is not None:
        kept["settled_s"] = round(row.settled, 3)
        kept["came_twice"] = row.came_twice
    if row.memory:
        kept["memory_mb"] = {name: round(octets / 1e6, 1) for name, octets in row.memory.items()}
    return kept


def _short(ratio: float) -> float:
    """Three digits that mean something."""
    return ratio if ratio == 0 else round(ratio, 2 - math.floor(math.log10(abs(ratio))))
