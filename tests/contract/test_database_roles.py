"""The wall between persons and the web: which role gets into which database, tried on a real server."""

import asyncpg
import pytest

from contracts.views import OFFICE_REVISION
from renrakumo_cli.local.postgres import PostgresServer
from simulator.servers import Databases

WEB_SIDE = ("admin_api", "receipts", "info_site", "responder")


async def run(url: str, statement: str) -> object:
    """The first value that comes of a statement, None where there is none."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", WEB_SIDE)
async def test_no_web_side_role_gets_into_the_personal_database(postgres_server: PostgresServer, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await run(postgres_server.personal_url(role), "SELECT 1")


async def test_registry_gets_into_the_personal_database_and_not_into_the_general_one(
    postgres_server: PostgresServer,
) -> None:
    assert await run(postgres_server.personal_url(), "SELECT 1") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await run(postgres_server.general_url("registry"), "SELECT 1")


@pytest.mark.parametrize("role", [*WEB_SIDE, "registry"])
@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_no_role_gets_into_the_servers_own_databases(
    postgres_server: PostgresServer, role: str, database: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(postgres_server.url(role, database), "SELECT 1")


@pytest.mark.parametrize("role", WEB_SIDE)
async def test_a_wrong_password_is_refused(postgres_server: PostgresServer, role: str) -> None:
    host = postgres_server.general_url(role).rpartition("@")[2]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run(f"postgresql://renrakumo_{role}:wrong@{host}", "SELECT 1")


@pytest.mark.parametrize(
    ("role", "schema"), [("admin_api", "office"), ("receipts", "ledger")], ids=["admin_api", "receipts"]
)
async def test_an_owner_makes_tables_in_its_own_schema(postgres_server: PostgresServer, role: str, schema: str) -> None:
    url = postgres_server.general_url(role)
    await run(url, f"CREATE TABLE {schema}.tried_by_test AS SELECT 7 AS id")
    assert await run(url, f"SELECT id FROM {schema}.tried_by_test") == 7
    await run(url, f"DROP TABLE {schema}.tried_by_test")


@pytest.mark.parametrize(
    ("role", "schema"),
    [
        ("admin_api", "ledger"),
        ("receipts", "office"),
        *((role, schema) for role in ("info_site", "responder") for schema in ("office", "ledger")),
        *((role, "public") for role in WEB_SIDE),
    ],
)
async def test_nobody_makes_tables_elsewhere(postgres_server: PostgresServer, role: str, schema: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for schema"):
        await run(postgres_server.general_url(role), f"CREATE TABLE {schema}.tried_by_test (id bigint)")


@pytest.mark.parametrize("role", ["info_site", "responder", "receipts"])
async def test_a_reader_sees_no_table_of_the_office_unless_it_is_granted(
    postgres_server: PostgresServer, role: str
) -> None:
    await run(postgres_server.general_url("admin_api"), "CREATE TABLE office.private (id bigint)")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table"):
            await run(postgres_server.general_url(role), "SELECT * FROM office.private")
    finally:
        await run(postgres_server.general_url("admin_api"), "DROP TABLE office.private")


async def test_only_the_office_erases_commands_and_nobody_erases_the_audit_log(
    migrated_databases: Databases,
) -> None:
    for role in ("receipts", "info_site", "responder"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table commands"):
            await run(migrated_databases.general_url(role), "DELETE FROM office.commands")
    office = migrated_databases.general_url("admin_api")
    await run(office, "DELETE FROM office.commands")
    await run(
        office,
        "INSERT INTO office.audit_log (at, actor, action, object, detail, previous, hash)"
        " VALUES (now(), 'test', 'tried', 'test', '{}', '', '')",
    )
    with pytest.raises(asyncpg.PostgresError, match="audit"):
        await run(office, "DELETE FROM office.audit_log")


@pytest.mark.parametrize("role", ["info_site", "responder"])
async def test_a_reader_of_the_boards_sees_of_which_release_they_are_and_cannot_change_that(
    migrated_databases: Databases, role: str
) -> None:
    url = migrated_databases.general_url(role)
    assert await run(url, "SELECT version_num FROM office.alembic_version") == OFFICE_REVISION
    for statement in (
        "UPDATE office.alembic_version SET version_num = version_num",
        "DELETE FROM office.alembic_version",
        "SELECT version_num FROM ledger.alembic_version",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(url, statement)
