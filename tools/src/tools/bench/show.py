"""The figures for whoever runs the benchmark: tables, bars, and the aims beside what came of them."""

from collections.abc import Sequence

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from tools.bench.figures import FULL_PATH, PEERS, Aim, Row
from tools.bench.lanes import URGENT, Lanes

_BAR = 50
_SHOWN = {"smtp-source": "smtp-source", "postfix": "Postfix", "aiosmtplib": "aiosmtplib", "mailman": "Mailman"}


def name(row: Row) -> str:
    """The row's name for people."""
    signed = ", RSA" if row.dkim == "rsa" else ""
    size = f", {row.recipients:,}" if row.case not in PEERS else ""
    return f"{row.case}{signed}{size}"


def speed(console: Console, rows: Sequence[Row]) -> None:
    table = Table(title="Copies a second (median of the rounds), and how many times the peers'")
    for heading in ("case", "copies/s", "slowest–fastest", *(f"× {peer}" for peer in _SHOWN.values())):
        table.add_column(heading, justify="left" if heading == "case" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            name(row),
            f"{row.copies_per_s:,.0f}",
            f"{row.slowest:,.0f}–{row.fastest:,.0f}",
            *(ratio_text(row.ratios.get(PEERS[peer])) for peer in _SHOWN),
        )
    console.print(table)


def times(console: Console, rows: Sequence[Row]) -> None:
    """When the copies were there, and what else there is to know of each row."""
    table = Table(title="Seconds after the REST request (peers: after their start)")
    for heading in ("case", "first copy", "last copy", "in the ledger", "copies sent", "octets", "others"):
        table.add_column(heading, justify="left" if heading == "case" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            name(row),
            "" if row.first_copy is None else f"{row.first_copy:.3f}",
            f"{row.recipients / row.copies_per_s:.2f}",
            "" if row.settled is None else f"{row.settled:.2f}",
            f"{row.recipients:,}",
            f"{row.octets:,}",
            f"{row.others_share:.0%}",
        )
    console.print(table)
    console.print("others: share of the machine's processor time that went elsewhere, in the worst round", style="dim")
    if twice := sum(row.came_twice for row in rows):
        console.print(f"{twice} copies of ours came twice", style="red")


def bars(console: Console, rows: Sequence[Row]) -> None:
    """Print the copies a second of each row as a chart."""
    most = max((row.copies_per_s for row in rows), default=1.0)
    table = Table(title="Copies a second", box=None, show_header=False)
    for row in rows:
        style = "blue" if row.case in PEERS else "green"
        bar = Bar(most, 0, row.copies_per_s, width=_BAR, color=style)
        table.add_row(name(row), bar, f"{row.copies_per_s:,.0f}")
    console.print(table)


def costs(console: Console, rows: Sequence[Row]) -> None:
    """Processor time a copy by process; memory of the plain full path."""
    ours = [row for row in rows if row.case == FULL_PATH]
    if ours:
        time = Table(title="Processor time a copy, µs, by process")
        time.add_column("process")
        for row in ours:
            time.add_column(f"{row.recipients:,}{' RSA' if row.dkim == 'rsa' else ''}", justify="right")
        for process in ours[0].cpu_us:
            time.add_row(process, *(f"{row.cpu_us.get(process, 0):.0f}" for row in ours))
        time.add_row("together", *(f"{row.cpu_us_together:.0f}" for row in ours), style="bold")
        time.add_row("(sink)", *(f"{row.sink_us:.0f}" for row in ours), style="dim")
        console.print(time)
        memory = Table(title="Memory, MB: most that was resident during it (postgres: all its processes, at the end)")
        memory.add_column("process")
        for row in ours:
            memory.add_column(f"{row.recipients:,}{' RSA' if row.dkim == 'rsa' else ''}", justify="right")
        for process in ours[0].memory:
            memory.add_row(process, *(f"{row.memory.get(process, 0) / 1e6:.0f}" for row in ours))
        console.print(memory)
    peers = [row for row in rows if row.case in PEERS]
    if peers:
        told = "; ".join(f"{name(row)} {row.cpu_us_together:.0f} + sink {row.sink_us:.0f}" for row in peers)
        console.print(f"Processor time a copy of the peers, µs: {told}", markup=False)


def lanes(console: Console, found: Lanes) -> None:
    console.print(
        f"Urgent message to {URGENT}: alone {_seconds(found.alone)} s; with {found.ordinary:,} ordinary copies in the "
        f"queue {_seconds(found.under_load)} s ({', '.join(f'{left:,}' for left in found.waiting)} of them still waited "
        f"then); ratio of the medians {found.ratio:.2f}",
        markup=False,
    )


def aims(console: Console, found: Sequence[Aim]) -> None:
    table = Table(title="Aims")
    for heading in ("what", "aim", "this run", ""):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for aim in found:
        value = "unknown" if aim.value is None else f"{aim.value:.3g}"
        table.add_row(aim.what, aim.wanted, value, {True: "reached", False: "missed", None: ""}[aim.met])
    console.print(table)


def ratio_text(ratio: float | None) -> str:
    return "missing" if ratio is None else f"{ratio:.3g}"


def _seconds(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)
