"""Views between services, from both sides: the owner provides what contracts.views says, and readers need no more."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import TextClause, TextualSelect
from sqlalchemy.engine import Dialect

from contracts.views import OFFICE_REVISION, OFFICE_VERSION, VIEWS, DatabaseView
from renrakumo_cli.local.postgres import PostgresServer
from renrakumo_cli.local.services import OWNERS
from runtime.database import migrations
from runtime.database.engine import create_engine
from simulator import servers
from simulator.servers import Databases, run_apart
from tests.support.views import role, stand_in

ROOT = Path(__file__).parents[2]
READERS = sorted({reader for view in VIEWS for reader in view.readers})
SCHEMAS = {view.owner: view.schema for view in VIEWS}
_MENTION = re.compile(r"\b(office|ledger)\.([a-z_]+)")
_IMPORT = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)
_STATEMENT = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b")

_PROVIDED = """
    SELECT c.oid, n.nspname AS schema, c.relname AS name,
           (SELECT array_agg(ARRAY[a.attname, format_type(a.atttypid, a.atttypmod)] ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           (SELECT array_agg(r.rolname::text ORDER BY r.rolname) FROM pg_roles AS r
            WHERE r.rolname LIKE 'renrakumo%' AND r.oid <> c.relowner
              AND has_table_privilege(r.oid, c.oid, 'SELECT')) AS readers
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('office', 'ledger') AND c.relkind IN ('r', 'v', 'm', 'p')
"""


async def test_the_owners_provide_exactly_what_is_declared_to_exactly_these_readers(template: Databases) -> None:
    connection = await asyncpg.connect(template.server.url("postgres", template.general))
    rows = await connection.fetch(_PROVIDED)
    await connection.close()
    provided = {
        f"{row['schema']}.{row['name']}": (list(map(tuple, row["columns"])), row["readers"])
        for row in rows
        if row["readers"]
    }
    declared = {view.qualified: (list(view.columns.items()), sorted(map(role, view.readers))) for view in VIEWS}
    assert provided == declared


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.qualified)
async def test_each_reader_may_select_and_nothing_else(template: Databases, view: DatabaseView) -> None:
    for reader in view.readers:
        connection = await asyncpg.connect(template.general_url(reader.replace("-", "_")))
        columns = ", ".join(f'"{name}"' for name in view.columns)
        rows = await connection.fetch(f"SELECT {columns} FROM {view.qualified}")
        assert [tuple(row) for row in rows] == ([(OFFICE_REVISION,)] if view is OFFICE_VERSION else [])
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError)):
            await connection.execute(f"DELETE FROM {view.qualified}")
        await connection.close()


@pytest.fixture(params=READERS)
async def declared_only(
    request: pytest.FixtureRequest, postgres_server: PostgresServer
) -> AsyncIterator[tuple[str, str]]:
    """A reader, and a database in which it has its own tables, and of others the declared views alone."""
    reader: str = request.param
    pair = servers.new_databases(postgres_server)

    async def others() -> None:
        for view in VIEWS:
            if reader in view.readers:
                connection = await asyncpg.connect(pair.general_url(view.owner.replace("-", "_")))
                await connection.execute(stand_in(view))
                await connection.close()

    run_apart(others)
    package = reader.replace("-", "_")
    for owner in OWNERS:
        if owner.package == package:
            migrations.upgrade(pair.general_url(package), package, owner.schema)
    yield reader, pair.general_url(package)
    postgres_server.drop(pair.personal, pair.general)


async def test_the_sql_of_a_reader_needs_only_what_is_declared(declared_only: tuple[str, str]) -> None:
    reader, url = declared_only
    foreign = {view.qualified for view in VIEWS if reader in view.readers}
    read: set[str] = set()
    connection = await asyncpg.connect(url)
    dialect = create_engine(url, service="test").dialect
    for where, sql in statements(reader.replace("-", "_"), dialect):
        others = {f"{schema}.{name}" for schema, name in _MENTION.findall(sql) if SCHEMAS.get(reader) != schema}
        if others:
            assert others <= foreign, where
            read |= others
            await connection.prepare(sql)  # raises for a column that is not declared
    await connection.close()
    assert read, f"no SQL of {reader} was found"


def statements(package: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Every SQL statement that a module of the package, or of a library that it reads with, keeps as a constant, as
    asyncpg takes it."""
    for module in [name for root in (package, *libraries(package)) for name in modules(root)]:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, TextClause | TextualSelect):
                yield f"{module}.{name}", str(value.compile(dialect=dialect))
            elif isinstance(value, str) and _STATEMENT.match(value):
                yield f"{module}.{name}", value


def modules(package: str) -> list[str]:
    """Modules of a package, but for its migrations and what would start the process."""
    root = importlib.import_module(package)
    names = [info.name for info in pkgutil.walk_packages(root.__path__, f"{package}.")]
    return [name for name in names if ".migrations" not in name and not name.endswith(".main")]


def libraries(package: str) -> set[str]:
    """Our libraries that a service's sources import, but for those that know no view."""
    known = {path.name for path in (ROOT / "libs").glob("*/src/*")} - {"contracts", "mail", "runtime"}
    sources = (ROOT / "services" / package.replace("_", "-") / "src").rglob("*.py")
    imported = {name for path in sources for name in _IMPORT.findall(path.read_text())}
    return known & imported
