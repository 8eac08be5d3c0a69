"""`renrakumo database`: bring the tables to this release, and see whether they are.

A deployment runs `upgrade` as a job before it starts the new services; `renrakumo up` runs the same steps by itself.
Each owner enters with its own role. Databases elsewhere are named by RENRAKUMO_{PERSONAL,GENERAL}_DATABASE_URL
without a user; the passwords are those of `secrets/postgres.env`, from the environment or from the state folder.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, TypeVar

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError

from renrakumo_cli.context import owner_url
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import OWNERS, Database, Owner
from renrakumo_cli.secret_store import SecretsMissing
from runtime.database import migrations
from runtime.database.schema import described

app = typer.Typer(help="The databases: are the tables those of this release?", no_args_is_help=True)

Only = Literal["personal", "general"]
_ONLY: Only | None = typer.Option(None, "--only", help="One database: a job that may not reach the other.")

T = TypeVar("T")


@app.command()
def upgrade(only: Only | None = _ONLY) -> None:
    """Run the migrations that are due. May be run as often as you like, and by several at once."""
    for owner in _owners(only):
        done = _of(owner, lambda owner, url: migrations.upgrade(url, owner.package, owner.schema))
        if done.changed:
            typer.echo(f"{owner.name}: revision {done.before or 'none'} -> {done.after}")
        else:
            typer.echo(f"{owner.name}: revision {done.after} already")


@app.command()
def check(only: Only | None = _ONLY) -> None:
    """Are the tables those of this release? Exit code 1 when they are not."""
    states = {
        owner: _of(owner, lambda owner, url: migrations.look(url, owner.package, owner.schema))
        for owner in _owners(only)
    }
    for owner, state in states.items():
        typer.echo(f"{'ok  ' if state.current else 'BAD '} {owner.name}: {described(state)}")
    if not all(state.current for state in states.values()):
        raise typer.Exit(1)


def _owners(only: Database | None) -> Sequence[Owner]:
    return [owner for owner in OWNERS if only in (None, owner.database)]


def _of(owner: Owner, work: Callable[[Owner, str], T]) -> T:
    """What `work` gives for the owner's URL; what is refused or away ends the command with a line and code 1."""
    try:
        return work(owner, owner_url(owner))
    except (LocalError, SecretsMissing) as error:
        _fail(str(error))
    except migrations.SchemaNewer:
        _fail(f"{owner.name} was made by a later release than this one: nothing was changed")
    except (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError) as error:
        _fail(f"{owner.name}: the {owner.database} database could not be used ({type(error).__name__})")


def _fail(words: str) -> NoReturn:
    typer.echo(f"renrakumo: {words}", err=True)
    raise typer.Exit(1)
