"""`renrakumo bus`: apply streams, print the accounts file."""

import asyncio

import typer

from renrakumo_cli import bus
from renrakumo_cli.context import operator_bus
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.secret_store import SecretsMissing

app = typer.Typer(help="The bus: streams and accounts.", no_args_is_help=True)


@app.command()
def apply(
    replicas: int | None = typer.Option(
        None, min=1, max=5, help="Copies of each stream: 3 in a cluster. Default: as they are."
    ),
) -> None:
    """Create or update streams, consumers and buckets as this version needs them, and move what an earlier version
    called otherwise to its new name. Deletes nothing else."""
    try:
        login = operator_bus()
        changes = asyncio.run(bus.apply(login.url, login.user, login.password, replicas=replicas))
    except (LocalError, SecretsMissing, bus.NotApplied) as error:
        typer.echo(f"renrakumo: {error}", err=True)
        raise typer.Exit(1) from None
    for change in changes:
        if change.outcome != "unchanged":
            typer.echo(f"{change.outcome:<10} {change.kind} {change.name}")
    typer.echo(f"{sum(change.outcome == 'unchanged' for change in changes)} unchanged")


@app.command()
def accounts() -> None:
    """Print deploy/nats/accounts.conf as it follows from the contracts."""
    typer.echo(bus.accounts_file(), nl=False)
