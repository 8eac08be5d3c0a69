"""`renrakumo database`: brings the tables of any earlier release to this one, once, and tells whether they are there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from admin_api.dead_letters.store import DEAD_LETTER_CONTEXT
from contracts.events import DeadLetter
from renrakumo_cli.local.postgres import PostgresServer
from renrakumo_cli.local.services import OWNERS
from renrakumo_cli.main import app
from renrakumo_cli.secret_store import DATABASE_ROLES
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from simulator import servers
from simulator.servers import Databases, run_apart
from tests.support import schemas

RELEASES = sorted((Path(__file__).parents[1] / "fixtures").glob("release-*"))
NAMES = [owner.name for owner in OWNERS]


def variables(pair: Databases) -> dict[str, str]:
    """What a deploy job is told: both databases without a user, and the owners' passwords."""
    host = f"127.0.0.1:{pair.server.port}"
    passwords = {
        DATABASE_ROLES[owner.package]: pair.server.url(owner.package, "x").split(":")[2].partition("@")[0]
        for owner in OWNERS
    }
    return {
        "RENRAKUMO_PERSONAL_DATABASE_URL": f"postgresql://{host}/{pair.personal}",
        "RENRAKUMO_GENERAL_DATABASE_URL": f"postgresql://{host}/{pair.general}",
        **passwords,
    }


def run(pair: Databases, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["database", *arguments], env=variables(pair))


def dumps(pair: Databases) -> tuple[str, str]:
    personal, general = (pair.server.url("postgres", name) for name in (pair.personal, pair.general))
    return schemas.dump(personal), schemas.dump(general)


def reread(server: PostgresServer, schema: tuple[str, str], scratch: Path) -> tuple[str, str]:
    """Dumps loaded and dumped once more: PostgreSQL writes the casts of an expression that it has read from a dump in
    another way than those of one that a migration made."""
    pair = servers.new_databases(server)
    for text, database in zip(schema, (pair.personal, pair.general), strict=True):
        (scratch / "schema.sql").write_text(text)
        schemas.load(server.url("postgres", database), scratch / "schema.sql")
    found = dumps(pair)
    server.drop(pair.personal, pair.general)
    return found


@pytest.fixture(scope="module")
def newest(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    """Both schemas as the migrations of this release make them in empty databases."""
    pair = servers.new_databases(postgres_server)
    result = run(pair, "upgrade")
    assert result.exit_code == 0, result.output
    yield dumps(pair)
    postgres_server.drop(pair.personal, pair.general)


@pytest.fixture
def past(request: pytest.FixtureRequest, fresh_databases: Databases) -> Databases:
    """Databases as a release left them behind."""
    folder: Path = request.param
    for name, database in (("personal", fresh_databases.personal), ("general", fresh_databases.general)):
        schemas.load(fresh_databases.server.url("postgres", database), folder / f"{name}.sql")
    return fresh_databases


# Slow: an old dump is loaded and migrated, and all is dumped and read again to be compared.
@pytest.mark.parametrize("past", RELEASES, indirect=True, ids=lambda folder: folder.name)
def test_an_upgrade_from_an_earlier_release_gives_the_schema_of_this_one(
    past: Databases, newest: tuple[str, str], tmp_path: Path
) -> None:
    result = run(past, "upgrade")
    assert result.exit_code == 0, result.output
    assert reread(past.server, dumps(past), tmp_path) == reread(past.server, newest, tmp_path)


async def _as_release_0_1_wrote(url: str, blob: tuple[str, bytes]) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO ledger.sent_copies (copy_ref, message, unit, carrier, wave, attempt, state, updated_at) "
        "SELECT copy, 1, 'sakura', 'docomo', 1, 1, 'delivered', now() - interval '1 hour' FROM generate_series(1, 2) AS copy"
    )
    await connection.execute(
        "INSERT INTO ledger.bounces (copy_ref, event_id, message, verdict, state, hard, status, at) VALUES "
        "(1, 'e1', 1, 'dead', 'dead', true, '5.1.1', now()), (2, 'e2', 1, 'suspended', 'filtered', false, NULL, now())"
    )
    await connection.execute(
        "INSERT INTO office.held_mail (id, letter, newest, at, last_at, service, consumer, subject, reason, detail, "
        "attempts, size, state, letter_key_id, letter_blob) VALUES (1, 'first', 'second', now(), now(), 'receipts', "
        "'receipts-inbound', 'inbound.reply', 'letter_is_not_base64', '', 1, 1, 'held', $1, $2)",
        *blob,
    )
    await connection.execute(
        "INSERT INTO office.held_counts (service, reason, total, first_at, last_at) "
        "VALUES ('receipts', 'letter_is_not_base64', 3, now(), now())"
    )
    await connection.close()


async def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(query)
    await connection.close()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("past", RELEASES[:1], indirect=True, ids=lambda folder: folder.name)
def test_what_release_0_1_stored_is_kept_under_the_names_of_today(past: Databases) -> None:
    url = past.server.url("postgres", past.general)
    cipher = FieldCipher(KeyRing({"k1": b"k" * 32}))
    letter = (RELEASES[0] / "events" / "dead.v1.full.json").read_text()
    run_apart(lambda: _as_release_0_1_wrote(url, cipher.encrypt(letter, context=DEAD_LETTER_CONTEXT)))
    assert run(past, "upgrade").exit_code == 0
    bounces = run_apart(lambda: _rows(url, "SELECT event_id, classification FROM ledger.bounces ORDER BY 1"))
    assert bounces == [("e1", "dead"), ("e2", "suspended")]
    reasons = run_apart(lambda: _rows(url, "SELECT copy_ref, state, returned_reason FROM ledger.copies ORDER BY 1"))
    assert reasons == [(1, "dead", "no such user"), (2, "filtered", "mailbox suspended")]
    columns = "first, newest, state, reason, dead_letter_key_id, dead_letter_blob"
    ((*said, key_id, blob),) = run_apart(lambda: _rows(url, f"SELECT {columns} FROM office.dead_letters"))
    assert said == ["first", "second", "undecided", "mail_is_not_base64"]
    kept = DeadLetter.model_validate_json(cipher.decrypt(key_id, blob, context=DEAD_LETTER_CONTEXT))
    assert kept.retry_of == json.loads(letter)["again_of"]
    counts = run_apart(lambda: _rows(url, "SELECT reason, total FROM office.dead_letter_counts"))
    assert counts == [("mail_is_not_base64", 3)]


# Slow: all tables are made and dumped.
def test_upgrading_again_changes_nothing(fresh_databases: Databases, newest: tuple[str, str]) -> None:
    run(fresh_databases, "upgrade")
    result = run(fresh_databases, "upgrade")
    assert result.exit_code == 0, result.output
    assert all("already" in line for line in result.stdout.splitlines())
    assert dumps(fresh_databases) == newest


# Slow: two processes migrate a database from nothing.
def test_two_jobs_at_once_run_each_step_once(fresh_databases: Databases, newest: tuple[str, str]) -> None:
    command = [sys.executable, "-c", "from renrakumo_cli.main import app; app()", "database", "upgrade"]
    jobs = [
        subprocess.Popen(
            command,
            env={**os.environ, **variables(fresh_databases)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [job.communicate(timeout=60) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], outputs
    for name in NAMES:
        lines = [line for told, _ in outputs for line in told.splitlines() if line.startswith(f"{name}:")]
        assert sorted("already" in line for line in lines) == [False, True]
    assert dumps(fresh_databases) == newest


def test_a_check_tells_for_each_owner_what_is_there_and_what_is_wanted(fresh_databases: Databases) -> None:
    before = run(fresh_databases, "check")
    assert before.exit_code == 1
    lines = before.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["BAD", f"{name}:"] for name in NAMES]
    assert all("no tables, this release needs revision" in line for line in lines)
    run(fresh_databases, "upgrade")
    after = run(fresh_databases, "check")
    assert after.exit_code == 0
    assert [line.split()[:2] for line in after.stdout.splitlines()] == [["ok", f"{name}:"] for name in NAMES]


def test_one_database_alone_is_looked_after_by_a_job_that_cannot_reach_the_other(fresh_databases: Databases) -> None:
    known = variables(fresh_databases)
    del known["RENRAKUMO_PERSONAL_DATABASE_URL"]
    for command in ("upgrade", "check"):
        result = CliRunner().invoke(app, ["database", command, "--only", "general"], env=known)
        assert result.exit_code == 0, result.output
        assert [line.removeprefix("ok").strip().split(":")[0] for line in result.stdout.splitlines()] == NAMES[:2]


async def _later_release(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE office.alembic_version SET version_num = '9999'")
    await connection.close()


# Slow: all tables are made, and dumped twice.
def test_tables_of_a_later_release_are_left_alone(fresh_databases: Databases) -> None:
    run(fresh_databases, "upgrade")
    run_apart(lambda: _later_release(fresh_databases.general_url("admin_api")))
    before = dumps(fresh_databases)
    checked = run(fresh_databases, "check")
    assert checked.exit_code == 1
    assert "BAD  general.office: revision 9999 is newer than this release" in checked.stdout
    upgraded = run(fresh_databases, "upgrade")
    assert upgraded.exit_code == 1
    assert "general.office was made by a later release" in upgraded.stderr
    assert dumps(fresh_databases) == before


def test_a_url_with_a_user_is_refused_because_each_owner_has_a_role_of_its_own(fresh_databases: Databases) -> None:
    known = {
        **variables(fresh_databases),
        "RENRAKUMO_GENERAL_DATABASE_URL": fresh_databases.general_url("admin_api"),
    }
    result = CliRunner().invoke(app, ["database", "check"], env=known)
    assert result.exit_code == 1
    assert "RENRAKUMO_GENERAL_DATABASE_URL must name no user here" in result.stderr


def test_a_database_that_is_away_is_told_without_its_url(fresh_databases: Databases) -> None:
    known = {**variables(fresh_databases), "RENRAKUMO_GENERAL_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}
    result = CliRunner().invoke(app, ["database", "check"], env=known)
    assert result.exit_code == 1
    assert "general.office: the general database could not be used" in result.stderr
    assert "127.0.0.1" not in result.output
