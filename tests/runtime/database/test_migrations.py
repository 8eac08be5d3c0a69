"""Migrations of an owner run once, whole, however many processes begin at the same time."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from simulator.servers import Databases

STEP = """
from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {down}


def upgrade():
    op.execute("SELECT pg_sleep(0.2)")
    op.create_table("{table}", sa.Column("id", sa.BigInteger, primary_key=True), schema="office")
    {more}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An importable package with one migration."""
    name = f"owner_{tmp_path.name.replace('-', '_')}"
    versions = tmp_path / name / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (versions / "0001_first.py").write_text(STEP.format(revision="0001", down=None, table="units", more=""))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


async def tables(url: str) -> set[str]:
    engine = create_engine(url, service="test")
    async with engine.connect() as conn:
        found = await conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'office'"))
        names = set(found.scalars())
    await engine.dispose()
    return names


def test_many_at_once_run_each_step_once(fresh_databases: Databases, package: str) -> None:
    url = fresh_databases.general_url("admin_api")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: upgrade(url, package, schema="office"), range(3)))
    assert sorted(each.changed for each in done) == [False, False, True]
    assert asyncio.run(tables(url)) == {"units", "alembic_version"}


async def test_a_step_that_fails_leaves_nothing_half_done(fresh_databases: Databases, package: str) -> None:
    url = fresh_databases.general_url("admin_api")
    module = sys.modules.get(package) or __import__(package)
    versions = Path(str(module.__file__)).parent / "migrations" / "versions"
    second = versions / "0002_second.py"
    second.write_text(STEP.format(revision="0002", down='"0001"', table="groups", more="raise RuntimeError"))
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(upgrade, url, package, "office")
    assert await tables(url) == set()
    second.unlink()
    upgrade(url, package, schema="office")
    assert await tables(url) == {"units", "alembic_version"}
