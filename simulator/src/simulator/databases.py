"""The databases seen from outside: everything in them as text, and questions asked as the superuser."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import asyncpg

from renrakumo_cli.local import paths
from renrakumo_cli.local.postgres import GENERAL_DATABASE, PERSONAL_DATABASE
from renrakumo_cli.local.stack import LocalStack

__all__ = ["GENERAL_DATABASE", "PERSONAL_DATABASE", "dump", "rows"]


def _url(stack: LocalStack, database: str) -> str:
    assert stack.postgres is not None
    return stack.postgres.url("postgres", database)


async def dump(stack: LocalStack, database: str) -> bytes:
    """All schemas and tables as pg_dump writes them."""
    process = await asyncio.create_subprocess_exec(
        str(paths.postgres_program("pg_dump")),
        f"--dbname={_url(stack, database)}",
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out


async def rows(stack: LocalStack, database: str, query: str, *arguments: Any) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(_url(stack, database))
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(query, *arguments)
        return found
    finally:
        await connection.close()
