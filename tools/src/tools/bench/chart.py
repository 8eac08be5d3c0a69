"""The chart as a picture: speed of everybody on a logarithmic scale, and where our processor time goes."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.bench.figures import FULL_PATH, PEERS, Row
from tools.bench.show import name

_OURS, _PEER = "#2a7f4f", "#4a6fa5"
_LEAST_SHOWN = 1.0
"""Microseconds a copy, below which a process gets no place in the legend."""


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(10, 1.2 + 0.7 * len(rows)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    ours = [row for row in rows if row.case == FULL_PATH]
    if ours:
        above, below = figure.subplots(2, 1, height_ratios=[len(rows), len(ours) + 1])
        _costs(below, ours)
    else:
        above = figure.subplots(1, 1)
    _speed(above, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _speed(axes: Axes, rows: Sequence[Row]) -> None:
    speeds = [row.copies_per_s for row in rows]
    spread = [[row.copies_per_s - row.slowest for row in rows], [row.fastest - row.copies_per_s for row in rows]]
    colours = [_PEER if row.case in PEERS else _OURS for row in rows]
    drawn = axes.barh([name(row) for row in rows], speeds, xerr=spread, color=colours, ecolor="#777777", capsize=2)
    axes.bar_label(drawn, [f" {speed:,.0f}" for speed in speeds], fontsize=8, label_type="edge", padding=6)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel("copies a second (logarithmic; median, slowest and fastest round)", fontsize=8)
    axes.tick_params(labelsize=8)


def _costs(axes: Axes, ours: Sequence[Row]) -> None:
    names = [name(row) for row in ours]
    left = [0.0] * len(ours)
    for process in ours[0].cpu_us:
        widths = [row.cpu_us.get(process, 0.0) for row in ours]
        label = process if max(widths) >= _LEAST_SHOWN else None
        axes.barh(names, widths, left=left, label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("processor time a copy, µs", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, ncols=2)
