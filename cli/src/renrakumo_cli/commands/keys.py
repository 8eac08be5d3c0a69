"""`renrakumo keys`: make the secrets of an installation, and change keys without a pause."""

import typer

from renrakumo_cli.context import secret_store
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.secret_store import ROTATABLE, SecretsMissing

app = typer.Typer(help="Secrets: make them, rotate them.", no_args_is_help=True)


@app.command()
def init() -> None:
    """Make every secret that does not exist yet and write each service's own file. What exists is kept."""
    try:
        store = secret_store()
    except LocalError as error:
        typer.echo(f"renrakumo: {error}", err=True)
        raise typer.Exit(1) from None
    new = store.init()
    typer.echo(f"{len(new)} new secrets in {store.folder}" if new else f"nothing was missing in {store.folder}")


@app.command()
def rotate(purpose: str = typer.Argument(help=f"One of: {', '.join(ROTATABLE)}")) -> None:
    """Put a new key in front. Older keys are kept, so that what was made with them is still understood."""
    if purpose not in ROTATABLE:
        typer.echo(f"renrakumo: {purpose} is none of {', '.join(ROTATABLE)}", err=True)
        raise typer.Exit(2)
    try:
        restart = secret_store().rotate(purpose)
    except (LocalError, SecretsMissing) as error:
        typer.echo(f"renrakumo: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"new {purpose} key. Hand out the files and restart, in this order: {', '.join(restart)}")
