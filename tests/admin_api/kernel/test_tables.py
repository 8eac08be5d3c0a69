"""Other services read the office through views only, and the audit log cannot be altered by its own writer."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from admin_api.kernel import tables
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from simulator.servers import Databases


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
    "held_mail_reason",
    "held_mail_state",
    "held_mail_at",
}
VIEWS = {
    "responder": {"public_units", "public_notices", "public_events"},
    "info_site": {"public_units", "public_notices", "public_events"},
    "receipts": {"sent_messages"},
}


@pytest.mark.parametrize("role", sorted(VIEWS))
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
    assert readable == VIEWS[role]


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
    upgrade(migrated.general_url("admin_api"), "admin_api", "office")


async def test_the_migrations_make_the_tables_that_the_code_uses(migrated: Databases) -> None:
    def own(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "index" and name in INDEXES)

    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "version_table_schema": "office", "include_object": own}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata))

    engine = create_engine(migrated.general_url("admin_api"), service="test")
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
