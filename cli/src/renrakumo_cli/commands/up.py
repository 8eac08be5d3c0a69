"""`renrakumo up`: run everything on this machine in the foreground until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import sys
import time

import typer

from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.console import follow
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.stack import LocalStack

app = typer.Typer()


@app.command()
def up(quiet: bool = typer.Option(False, "--quiet", help="Show no log lines; they are in the state folder.")) -> None:
    """Run everything on this machine until Ctrl-C: servers, migrations, streams, services."""
    try:
        asyncio.run(_up(quiet=quiet))
    except LocalError as error:
        typer.echo(f"renrakumo: {error}", err=True)
        raise typer.Exit(1) from None


async def _up(*, quiet: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stack = LocalStack(Configuration.from_environment(os.environ), say=lambda line: typer.echo(f"... {line}"))
    began = time.monotonic()
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return
    await starting
    typer.echo(_summary(stack, time.monotonic() - began))
    shown = asyncio.create_task(_forever() if quiet else follow(stack.log_paths(), sys.stdout))
    failed = asyncio.create_task(stack.failed())
    try:
        await asyncio.wait({stopping, failed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        typer.echo("... stopping")
        for task in (shown, failed, stopping):
            task.cancel()
        await asyncio.gather(shown, failed, stopping, return_exceptions=True)
        await stack.stop()
        typer.echo("... stopped")


async def _forever() -> None:
    await asyncio.Event().wait()


def _summary(stack: LocalStack, seconds: float) -> str:
    configuration = stack.configuration
    routes = configuration.service_variables(next(iter(stack.services)))["RENRAKUMO_ROUTES"]
    health = ", ".join(f"{spec.name} {stack.health_port(spec.name)}" for spec in stack.services)
    return f"""
Renrakumo runs ({seconds:.1f} s).

  mail in     {stack.host("RENRAKUMO_SMTP_PORT")}, for <group>-entry@<unit>.{configuration.base_domain}
  mail out    {routes}   (RENRAKUMO_ROUTES)
  office      http://{stack.host("RENRAKUMO_WEB_PORT")}/v1   documentation: /docs
  info site   http://{stack.host("RENRAKUMO_INFO_PORT")}
  health      {health}
  state       {configuration.state}   (logs/, secrets/)

  The first account:  .venv/bin/renrakumo operator create LOGIN
  Is all well?        .venv/bin/renrakumo doctor
  Stop                Ctrl-C
"""
