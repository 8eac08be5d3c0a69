"""What was promised and what was seen, as a table; and the progress while it happens."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One promise. `seen` must equal `promised`."""

    chapter: str
    what: str
    promised: str
    seen: str

    @property
    def kept(self) -> bool:
        return self.promised == self.seen


class Report:
    """Collects lines while the story goes on, and shows them at the end."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.lines: list[Line] = []
        self._console = console
        self._clock = clock
        self._begun = clock()
        self._chapter = ""

    def chapter(self, title: str) -> None:
        self._chapter = title
        self._console.print(f"[dim]{self.seconds:6.1f} s[/dim]  [bold]{title}[/bold]")

    def say(self, text: str) -> None:
        """Progress within a chapter."""
        self._console.print(f"[dim]{self.seconds:6.1f} s[/dim]    {text}")

    def check(self, what: str, promised: object, seen: object) -> None:
        line = Line(self._chapter, what, str(promised), str(seen))
        self.lines.append(line)
        mark = "[green]✓[/green]" if line.kept else "[red]✗[/red]"
        self._console.print(f"          {mark} {what}: {line.seen}" + ("" if line.kept else f" (promised {promised})"))

    @property
    def seconds(self) -> float:
        return self._clock() - self._begun

    @property
    def kept(self) -> bool:
        return bool(self.lines) and all(line.kept for line in self.lines)

    def show(self) -> None:
        table = Table(title="Renrakumo: what was promised, what was seen")
        for heading in ("", "what", "promised", "seen", ""):
            table.add_column(heading, overflow="fold")
        before = ""
        for line in self.lines:
            table.add_row(
                line.chapter if line.chapter != before else "",
                line.what,
                line.promised,
                line.seen,
                "[green]✓[/green]" if line.kept else "[red]✗[/red]",
            )
            before = line.chapter
        self._console.print(table)
        broken = sum(not line.kept for line in self.lines)
        result = "all kept" if not broken else f"{broken} NOT kept"
        self._console.print(f"{len(self.lines)} promises, {result}, {self.seconds:.0f} seconds.")
