"""`renrakumo dead-letters`: what could not be processed, why, and what is to become of it.

Done in the database by admin-api's own handlers, so that it need not run; what is decided goes out to the services as
soon as it does. Texts are sealed: nobody can read them here either.
"""

import json
import shutil
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import cast, get_args

import typer

from admin_api.dead_letters import handlers
from admin_api.dead_letters.explanations import explain_dead_letter
from admin_api.dead_letters.model import DeadLetterEntry, Decision, Filter, ReasonCount, State
from admin_api.kernel.context import Database
from admin_api.kernel.paging import PageRequest
from renrakumo_cli.office import ACTOR, fail, run

app = typer.Typer(help="What could not be processed: look, retry, drop.", no_args_is_help=True)

_JSON = typer.Option(False, "--json", help="Print as JSON, one object a line.")
_SERVICE = typer.Option(None, "--service", metavar="NAME", help="Only of this service.")
_REASON = typer.Option(None, "--reason", metavar="CODE", help="Only for this reason.")
_UNIT = typer.Option(None, "--unit", metavar="CODE", help="Only about this unit.")
_NUMBER = typer.Argument(None, metavar="[NUMBER]", help="One of them, as `list` shows it.")
_ENGLISH = typer.Option(False, "--english", help="Explain in English.")


@app.command("list")
def list_(
    service: str | None = _SERVICE,
    reason: str | None = _REASON,
    unit: str | None = _UNIT,
    state: str = typer.Option("undecided", "--state", help="undecided, retried, dropped, or any."),
    limit: int = typer.Option(50, "--limit", min=1, max=10_000, help="So many at most, newest first."),
    as_json: bool = _JSON,
) -> None:
    """What is undecided, newest first, below how much there is for each reason."""
    if state not in (*get_args(State), "any"):
        fail("--state takes undecided, retried, dropped or any")
    which = Filter(service, reason, unit, None if state == "any" else cast(State, state))

    async def look(database: Database) -> tuple[list[ReasonCount], list[DeadLetterEntry]]:
        return await handlers.counts(database), (await handlers.page(database, which, PageRequest(limit))).items

    counts, rows = run(look)
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_values(row), ensure_ascii=False))
        return
    if not counts:
        typer.echo("There are no dead letters.")
        return
    heads: tuple[str, ...] = ("service", "reason", "undecided", "ever", "newest")
    typer.echo(_table(heads, [_counted(each) for each in counts]))
    if rows:
        heads = ("number", "since", "service", "reason", "unit", "subject", "state", "back")
        typer.echo("\n" + _table(heads, [_listed(row) for row in rows]))


@app.command()
def show(number: int, as_json: bool = _JSON, english: bool = _ENGLISH) -> None:
    """One of them, with what happened and what helps."""
    row = run(lambda database: handlers.one(database, number))
    values = _values(row)
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False))
        return
    for name, value in values.items():
        if name != "explanation" and value is not None:
            typer.echo(f"{name:<12}{value}")
    words = explain_dead_letter(row.reason, row.detail)
    width = min(shutil.get_terminal_size().columns, 100)
    typer.echo("\n" + (textwrap.fill(words.en, width) if english else words.ja))


@app.command()
def retry(
    number: int | None = _NUMBER,
    service: str | None = _SERVICE,
    reason: str | None = _REASON,
    unit: str | None = _UNIT,
) -> None:
    """Have it handled once more, or all that fit: when the cause is mended. What fails again is undecided again."""
    _decide(number, Filter(service, reason, unit), "retried", handlers.retry)


@app.command()
def drop(
    number: int | None = _NUMBER,
    service: str | None = _SERVICE,
    reason: str | None = _REASON,
    unit: str | None = _UNIT,
    yes: bool = typer.Option(False, "--yes", help="Don't ask whether you are sure."),
) -> None:
    """Erase it, or all that fit; nobody can bring it back."""
    if not yes:
        typer.confirm("Erase the message for good?" if number else "Erase all of these messages for good?", abort=True)
    _decide(number, Filter(service, reason, unit), "dropped", handlers.drop)


def _decide(
    number: int | None,
    which: Filter,
    decision: Decision,
    one: Callable[[Database, str, int], Awaitable[DeadLetterEntry]],
) -> None:
    if number is not None:
        if which != Filter():
            fail("give a number, or what they have in common, not both")
        row = run(lambda database: one(database, ACTOR, number))
        typer.echo(f"{row.id}: {row.state}")
        return

    async def all_of_them(database: Database) -> tuple[int, int]:
        done = after = 0
        while True:
            part = await handlers.decide_many(database, ACTOR, which, decision, after=after)
            done += part.done
            if part.last is None or not part.left:
                return done, part.left
            after = part.last

    done, left = run(all_of_them)
    typer.echo(f"{done} {decision}" + (f"; {left} are undecided: too large to keep, or back again" if left else ""))


def _values(row: DeadLetterEntry) -> dict[str, object]:
    words = explain_dead_letter(row.reason, row.detail)
    plain = {name: str(value) if name in ("id", "message") and value else value for name, value in asdict(row).items()}
    shown = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in plain.items()}
    return {**shown, "explanation": {"ja": words.ja, "en": words.en}}


def _counted(each: ReasonCount) -> tuple[str, ...]:
    return (each.service, each.reason, str(each.undecided), str(each.total), _clock(each.last_at))


def _listed(row: DeadLetterEntry) -> tuple[str, ...]:
    return (
        str(row.id),
        _clock(row.at),
        row.service,
        row.reason,
        row.unit or "-",
        row.subject,
        row.state,
        str(row.times_back) if row.times_back else "",
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%m-%d %H:%M}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
