"""What comes in, in the benchmark: how fast ingress-smtp accepts it beside Postfix, and the rush, with their aims."""

from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from tools.bench.acceptance import KINDS, ONE, Acceptance, ratio
from tools.bench.figures import Aim
from tools.rush.run import RushResult, Size, summary

QUICK = Size(replies=2500, questions=2500, entries=500, members=5000, seconds=15.0)
"""The pace of a full run, for a quarter of its time."""
_NEWS_WITHIN = 5.0
_TIMES_POSTFIX = 1.5


def aims(found: RushResult) -> list[Aim]:
    """What was promised of a rush."""
    return [
        Aim("rush: seconds to the answer of an info mail, p95", f"< {_NEWS_WITHIN:g}", found.news_p95,
            found.news_p95 < _NEWS_WITHIN),
        Aim("rush: mails lost", "0", found.lost, found.lost == 0),
        Aim("rush: effects that came twice", "0", found.twice, found.twice == 0),
    ]  # fmt: skip


def acceptance_aims(found: Sequence[Acceptance]) -> list[Aim]:
    """What was promised of ingress-smtp, with one process of it."""
    times = {kind: ratio(found, ONE, kind) for kind in KINDS}
    return [
        Aim(f"mails taken in durably ({kind}) : Postfix's smtpd", f"≥ {_TIMES_POSTFIX:g}", value,
            None if value is None else value >= _TIMES_POSTFIX)
        for kind, value in times.items()
    ]  # fmt: skip


def show_acceptance(console: Console, found: Sequence[Acceptance]) -> None:
    """Medians of each receiver and kind."""
    table = Table(title="Mails a second taken in, each on the disk before the 250 (median of the rounds)")
    for heading in ("receiver", "kind", "mails/s", "slowest–fastest", "processor µs a mail"):
        table.add_column(heading, justify="left" if heading in ("receiver", "kind") else "right")
    for receiver, kind in dict.fromkeys((each.receiver, each.kind) for each in found):
        rounds = [each for each in found if (each.receiver, each.kind) == (receiver, kind)]
        rates = [each.rate for each in rounds]
        used = {name: median(each.cpu[name] for each in rounds) for name in rounds[0].cpu}
        table.add_row(
            receiver,
            kind,
            f"{median(rates):,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            ", ".join(f"{name} {spent:.0f}" for name, spent in used.items()),
        )
    console.print(table)


def show(console: Console, found: RushResult) -> None:
    """The rush in words, and what it cost."""
    table = Table(title=f"A rush of {found.size.seconds:.0f} s")
    table.add_column("what")
    table.add_column("this run", justify="right")
    for what, figure in summary(found).items():
        table.add_row(what, _text(figure))
    console.print(table)
    costs = Table(title="Processes in the rush")
    for heading in ("process", "processor s", "most memory, MB"):
        costs.add_column(heading, justify="left" if heading == "process" else "right")
    for process, seconds in found.cpu.items():
        costs.add_row(process, f"{seconds:.1f}", f"{found.memory.get(process, 0) / 1e6:.0f}")
    console.print(costs)


def _text(figure: object) -> str:
    if isinstance(figure, Mapping):
        return ", ".join(f"{name}: {value:,}" for name, value in figure.items()) or "none"
    if isinstance(figure, tuple):
        return ", ".join(str(each) for each in figure)
    return f"{figure:,}" if isinstance(figure, int) else str(figure)
