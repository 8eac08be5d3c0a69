"""What a database's schema is, as text: dumped, compared, and brought back from a dump."""

import subprocess
from pathlib import Path

from renrakumo_cli.local import paths

_COMMON = ("--no-comments", "--restrict-key=fixture")


def dump(url: str) -> str:
    """Everything of a database without rows, but for alembic's: they say which migrations have run."""
    return _pg_dump(url, "--schema-only") + _pg_dump(url, "--data-only", "--inserts", "--table=*.alembic_version")


def load(url: str, file: Path) -> None:
    """Run a dump into an empty database; `url` is the superuser's, whose default schema makes room for the dump's."""
    _psql(url, "-c", "DROP SCHEMA IF EXISTS office, ledger CASCADE")
    _psql(url, "-f", str(file))


def _pg_dump(url: str, *options: str) -> str:
    return _run("pg_dump", *_COMMON, *options, f"--dbname={url}")


def _psql(url: str, *options: str) -> None:
    _run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, *options)


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(paths.postgres_program(program)), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
