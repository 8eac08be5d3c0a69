"""Other services read the office through views only, and the audit log cannot be altered by its own writer."""

import asyncpg
import pytest

from runtime.migrations import upgrade
from tests.support.servers import Databases


@pytest.fixture
def migrated(fresh_databases: Databases) -> Databases:
    upgrade(fresh_databases.general_url("admin_api"), "admin_api", "office")
    return fresh_databases


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
