"""Work in admin-api's database from the command line, by its own handlers, without the service running."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import typer
from sqlalchemy.exc import DBAPIError

from admin_api.kernel.context import Database
from admin_api.kernel.errors import OfficeError
from admin_api.settings import SERVICE, OfficeSettings
from renrakumo_cli.context import environment_of
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.secret_store import SecretsMissing
from runtime import logs
from runtime.crypto.ciphers import FieldCipher
from runtime.database.engine import create_engine
from runtime.settings import load

ACTOR = "command-line"
"""How the audit log names who works here."""

T = TypeVar("T")


def run(work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` gives; a refusal or a database that is away ends the command with a line and code 1."""
    try:
        os.environ.update(environment_of(SERVICE))
    except (LocalError, SecretsMissing) as error:
        fail(str(error))
    settings = load(OfficeSettings)
    logs.configure("command-line", "WARNING")  # standard output is for the answer

    async def with_database() -> T:
        engine = create_engine(settings.general_database_url, service="cli")
        try:
            return await work(Database.open(engine, FieldCipher(settings.content_keys)))
        finally:
            await engine.dispose()

    try:
        return asyncio.run(with_database())
    except OfficeError as error:
        fail(error.detail)
    except (OSError, TimeoutError, DBAPIError) as error:
        fail(f"the general database could not be used ({type(error).__name__}): does `renrakumo up` run?")


def fail(words: str) -> NoReturn:
    """End the command with this line and code 1."""
    typer.echo(f"renrakumo: {words}", err=True)
    raise typer.Exit(1)
