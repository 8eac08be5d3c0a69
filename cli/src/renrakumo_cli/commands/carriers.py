"""`renrakumo carriers`: how fast mail goes out to each carrier right now, and orders by hand.

What is shown comes from the bus, where dispatchers tell of themselves. An order is given there too, by the office's own
handlers, and has its line in the audit log, so it needs the general database as well; the office need not run.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import NoReturn, TypeVar

import nats.errors
import typer

from admin_api.carriers import handlers as carriers
from admin_api.carriers.model import CarrierPace
from admin_api.kernel.clients import Dispatchers
from admin_api.kernel.context import Database
from contracts.base import LANES
from contracts.pace import PaceOrder
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.context import BusLogin, operator_bus
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.office import ACTOR, fail, run
from renrakumo_cli.secret_store import SecretsMissing
from runtime import logs
from runtime.bus.client import Bus
from runtime.bus.connection import Connection
from runtime.errors import BusRefused, BusUnavailable

app = typer.Typer(help="How fast mail goes out to each carrier; pause, resume and pace by hand.")

T = TypeVar("T")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FOR = typer.Option(None, "--for", metavar="TIME", help="For how long: 90s, 30m, 2h, 1d. Left out: until it is undone.")


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Every carrier as the dispatchers treat it right now, all of them together."""
    if context.invoked_subcommand is not None:
        return
    now = datetime.now(UTC)
    found = _ask(lambda dispatchers: carriers.overview(dispatchers, now))
    typer.echo(json.dumps([_values(carrier) for carrier in found], ensure_ascii=False) if as_json else table(found))


@app.command()
def pause(carrier: str, lasting: str | None = _FOR) -> None:
    """Offer a carrier nothing; its copies wait. What is set by `pace` stays."""
    until = _end(lasting)
    order = _order(lambda database, dispatchers: carriers.pause(database, dispatchers, ACTOR, carrier, until))
    typer.echo(f"{carrier}: {describe(order)}")


@app.command()
def resume(carrier: str) -> None:
    """Undo all that is set by hand for a carrier."""
    _order(lambda database, dispatchers: carriers.resume(database, dispatchers, ACTOR, carrier))
    typer.echo(f"{carrier}: nothing is set by hand")


@app.command()
def pace(
    carrier: str,
    rate: float | None = typer.Option(None, min=0.001, max=10_000, help="Copies a second."),
    connections: int | None = typer.Option(None, min=1, max=1000, help="Connections at once."),
    lasting: str | None = _FOR,
) -> None:
    """Set rate, connections or both, for all dispatchers of a sending address together."""
    until = _end(lasting)
    order = _order(
        lambda database, dispatchers: carriers.pace(
            database, dispatchers, ACTOR, carrier, rate=rate, connections=connections, until=until
        )
    )
    typer.echo(f"{carrier}: {describe(order)}")


def table(found: list[CarrierPace]) -> str:
    """All carriers in lines of text."""
    heads: tuple[str, ...] = ("carrier", "state", "connections", "copies/s", "waiting", "last minute", "last sign")
    rows = [heads, *(_row(carrier) for carrier in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if not any(carrier.shares for carrier in found):
        lines.append("\nNo dispatcher has told of itself within the last minute: does one run?")
    return "\n".join(lines)


def describe(order: PaceOrder) -> str:
    """What is set by hand, in a line."""
    parts = []
    if order.paused:
        parts.append(f"paused{_until(order.paused_until)}")
    paced = [f"{order.rate:g} copies/s"] if order.rate is not None else []
    paced += [f"{order.connections} connections"] if order.connections is not None else []
    if paced:
        parts.append(f"{', '.join(paced)}{_until(order.until)}")
    return "; ".join(parts) + " (by hand)"


def _row(carrier: CarrierPace) -> tuple[str, ...]:
    if not carrier.shares:
        return (carrier.carrier, describe(carrier.order) if carrier.order else "-", "-", "-", "-", "-", "-")
    waiting = " ".join(f"{lane} {carrier.waiting[lane]}" for lane in LANES if carrier.waiting[lane])
    minute = f"{carrier.accepted_last_minute} taken"
    if carrier.slow_downs_last_minute:
        minute += f", {carrier.slow_downs_last_minute} signs"
    sign = carrier.last_sign
    return (
        carrier.carrier,
        _state(carrier),
        _connections(carrier),
        "-" if carrier.rate is None else f"{carrier.rate:.3g}",
        waiting or "-",
        minute,
        "-" if sign is None else f"{sign[0]} at {_clock(sign[1])}",
    )


def _state(carrier: CarrierPace) -> str:
    if carrier.order is not None:
        return describe(carrier.order)
    if carrier.paused_until is not None:
        return f"pausing{_until(carrier.paused_until)}"
    slowed, known = sum(state.slowed for state in carrier.states), sum(state.throttles for state in carrier.states)
    if slowed:
        return f"slowed ({slowed} of {known})" if known > 1 else "slowed"
    return "at full pace"


def _connections(carrier: CarrierPace) -> str:
    each = sum(state.connections_per_server or 0 for state in carrier.states)
    return f"{carrier.connections_open} of {carrier.connections_allowed}{f', {each} a server' if each else ''}"


def _until(moment: datetime | None) -> str:
    return "" if moment is None else f" until {_clock(moment)}"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%m-%d %H:%M:%S}"


def _values(carrier: CarrierPace) -> dict[str, object]:
    return {
        "carrier": carrier.carrier,
        "by_hand": None if carrier.order is None else carrier.order.model_dump(mode="json"),
        "dispatchers": [
            {
                "instance": share.report.instance,
                "sending_address": share.report.sending_address,
                "sharing": share.report.sharing,
                **share.state.model_dump(mode="json", exclude={"carrier"}),
            }
            for share in carrier.shares
        ],
    }


def _end(lasting: str | None) -> datetime | None:
    if lasting is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", lasting)
    if found is None:
        fail("--for takes a number and a unit, for example 90s, 30m, 2h or 1d")
    return datetime.now(UTC) + timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _order(work: Callable[[Database, Dispatchers], Awaitable[T]]) -> T:
    login = _login()

    async def ordered(database: Database) -> T:
        return await _with_dispatchers(login, lambda dispatchers: work(database, dispatchers))

    try:
        return run(ordered)
    except (BusUnavailable, BusRefused) as error:
        _bus_failed(error)


def _ask(work: Callable[[Dispatchers], Awaitable[T]]) -> T:
    login = _login()
    logs.configure("command-line", "WARNING")  # standard output is for the answer
    try:
        return asyncio.run(_with_dispatchers(login, work))
    except BusUnavailable as error:
        _bus_failed(error)


def _login() -> BusLogin:
    try:
        return operator_bus()
    except (LocalError, SecretsMissing) as error:
        fail(str(error))


async def _with_dispatchers(login: BusLogin, work: Callable[[Dispatchers], Awaitable[T]]) -> T:
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(bus.connected(login.url, login.user, login.password))
        except (OSError, nats.errors.Error) as error:
            raise BusUnavailable(type(error).__name__) from None
        return await work(Dispatchers(Bus(Connection(client), OPERATOR)))


def _bus_failed(error: Exception) -> NoReturn:
    fail(f"the bus refused or could not be reached ({error})")
