"""`renrakumo doctor`: is everything well, and what to do where it is not."""

import asyncio

import typer

from renrakumo_cli.examination import examine
from renrakumo_cli.local.paths import LocalError

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Look at programs, secrets, bus, databases and services; exit code 1 when something is wrong."""
    try:
        findings = asyncio.run(examine())
    except LocalError as error:
        typer.echo(f"renrakumo: {error}", err=True)
        raise typer.Exit(1) from None
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.well else 'BAD '} {finding.subject:<{width}}  {finding.detail}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)
