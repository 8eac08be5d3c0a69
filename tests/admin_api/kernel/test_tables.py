"""Other services read the office through views only, and the audit log cannot be altered by its own writer."""

import pkgutil
from importlib import import_module

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import admin_api
from admin_api.kernel.tables import metadata
from contracts.views import VIEWS
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from simulator.servers import Databases
from tests.support import schemas


@pytest.fixture
def migrated(fresh_databases: Databases) -> Databases:
    upgrade(fresh_databases.general_url("admin_api"), "admin_api", "office")
    return fresh_databases


INDEXES = {
    "messages_unit",
    "notices_unit",
    "events_unit",
    "post_attempts_unit",
    "audit_log_unit",
    "commands_unit",
    "commands_waiting",
    "dead_letters_reason",
    "dead_letters_state",
    "dead_letters_at",
}


@pytest.mark.parametrize("role", ["info_site", "receipts", "responder"])
async def test_each_role_reads_its_own_views_and_nothing_else(migrated: Databases, role: str) -> None:
    owner = await asyncpg.connect(migrated.general_url("admin_api"))
    names = [
        row["relname"]
        for row in await owner.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'office'::regnamespace AND relkind IN ('r', 'v')"
        )
    ]
    await owner.close()
    other = await asyncpg.connect(migrated.general_url(role))
    readable = set()
    for name in names:
        try:
            await other.fetch(f"SELECT * FROM office.{name}")
            readable.add(name)
        except asyncpg.InsufficientPrivilegeError:
            pass
    await other.close()
    service = role.replace("_", "-")
    assert readable == {view.name for view in VIEWS if view.schema == "office" and service in view.readers}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE office.audit_log SET actor = 'x'", "DELETE FROM office.audit_log", "TRUNCATE office.audit_log"],
)
async def test_the_audit_log_refuses_to_be_changed(migrated: Databases, statement: str) -> None:
    owner = await asyncpg.connect(migrated.general_url("admin_api"))
    await owner.execute(
        "INSERT INTO office.audit_log (at, actor, action, object, detail, previous, hash) "
        "VALUES (now(), 'a', 'b', 'c', '{}', '', '')"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(statement)
    await owner.close()


async def test_migrating_twice_changes_nothing(migrated: Databases) -> None:
    before = schemas.dump(migrated.server.url("postgres", migrated.general))
    upgrade(migrated.general_url("admin_api"), "admin_api", "office")
    assert schemas.dump(migrated.server.url("postgres", migrated.general)) == before


async def test_the_migrations_make_the_tables_that_the_code_uses(migrated: Databases) -> None:
    for feature in pkgutil.iter_modules(admin_api.__path__, "admin_api."):
        if feature.ispkg and any(room.name == "tables" for room in pkgutil.iter_modules(_path_of(feature.name))):
            import_module(f"{feature.name}.tables")

    def own(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "index" and name in INDEXES)

    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "version_table_schema": "office", "include_object": own}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engine = create_engine(migrated.general_url("admin_api"), service="test")
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def _path_of(package: str) -> list[str]:
    return list(import_module(package).__path__)


async def test_dead_letters_and_secret_probes_of_before_keep_what_they_say(fresh_databases: Databases) -> None:
    url = fresh_databases.general_url("admin_api")
    upgrade(url, "admin_api", "office", to="0007")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO office.held_mail (id, letter, newest, at, last_at, service, consumer, subject, reason, detail, "
        "attempts, size, state, letter_key_id, letter_blob) VALUES "
        "(1, 'a', 'a', now(), now(), 'receipts', 'c', 's', 'r', 'd', 1, 1, 'held', 'k', 'x'), "
        "(2, 'b', 'b', now(), now(), 'receipts', 'c', 's', 'r', 'd', 1, 1, 'dropped', NULL, NULL)"
    )
    await connection.execute("INSERT INTO office.units (code, name, receipts) VALUES ('aoba', 'あおば小学校', true)")
    await connection.execute(
        "INSERT INTO office.post_attempts (id, unit, group_code, reason, at) VALUES (1, 'aoba', 'xx1', 'guessed', now())"
    )
    upgrade(url, "admin_api", "office")
    rows = await connection.fetch("SELECT first, state FROM office.dead_letters ORDER BY id")
    assert [tuple(row) for row in rows] == [("a", "undecided"), ("b", "dropped")]
    assert await connection.fetchval("SELECT reason FROM office.post_attempts") == "secret-probe"
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE office.dead_letters SET state = 'held'")
    await connection.close()
