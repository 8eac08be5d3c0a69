"""`renrakumo dead-letters`: what could not be processed, in lines to read, and decided about from the command line."""

import base64
import json
from collections.abc import Callable

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from admin_api.dead_letters import handlers
from admin_api.kernel.context import Database
from contracts.events import DeadLetter
from renrakumo_cli.main import app
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.database.engine import create_engine
from simulator.servers import Databases, run_apart

Run = Callable[..., Result]


@pytest.fixture
def databases(migrated_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Databases:
    """The general database, with the variables of a deployment set."""
    monkeypatch.setenv("RENRAKUMO_GENERAL_DATABASE_URL", migrated_databases.general_url("admin_api"))
    monkeypatch.setenv("RENRAKUMO_CONTENT_KEYS", "k1:Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M=")
    return migrated_databases


@pytest.fixture
def run(databases: Databases) -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["dead-letters", *arguments], env={"COLUMNS": "200"})

    return invoke


def give_up(databases: Databases, *reasons: str, service: str = "receipts") -> None:
    """So many messages that the service gave up on."""

    async def arrive() -> None:
        engine = create_engine(databases.general_url("admin_api"), service="test")
        database = Database.open(engine, FieldCipher(KeyRing({"k1": b"c" * 32})))
        for number, reason in enumerate(reasons):
            letter = DeadLetter.model_validate(
                {
                    "id": f"INBOUND-{number}-{service}-{reason}",
                    "occurred_at": "2026-04-08T00:00:00Z",
                    "service": service,
                    "consumer": f"{service}-inbound",
                    "subject": "inbound.reply",
                    "reason": f"PermanentError: {reason}",
                    "attempts": 1,
                    "payload": base64.b64encode(b'{"unit": "sakura"}').decode(),
                }
            )
            await handlers.arrived(database, number, letter.bus_subject(), letter.model_dump_json().encode())
        await engine.dispose()

    run_apart(arrive)


def outbox(databases: Databases) -> list[str]:
    async def read() -> list[str]:
        connection = await asyncpg.connect(databases.general_url("admin_api"))
        rows = await connection.fetch("SELECT subject FROM office.outbox ORDER BY id")
        await connection.close()
        return [row["subject"] for row in rows]

    return run_apart(read)


def numbers(run: Run, *options: str) -> list[str]:
    shown = run("list", "--json", *options)
    assert shown.exit_code == 0, shown.output
    return [json.loads(line)["id"] for line in shown.stdout.splitlines()]


def test_that_there_is_nothing_is_said(run: Run) -> None:
    assert run("list").stdout == "There are no dead letters.\n"
    assert numbers(run) == []


# Slow: each command is a process of its own.
def test_what_is_undecided_is_counted_listed_and_explained(databases: Databases, run: Run) -> None:
    give_up(databases, "token_not_ours", "token_not_ours", "answer_to_an_unknown_message")
    table = run("list").stdout
    (counted,) = [line for line in table.splitlines() if line.startswith("receipts  token_not_ours")]
    assert counted.split()[2:4] == ["2", "2"]
    assert table.count("inbound.reply") == 3
    (number,) = numbers(run, "--reason", "answer_to_an_unknown_message")
    assert "回答の元になった連絡" in run("show", number).stdout
    assert "is an answer to" in run("show", number, "--english").stdout
    assert json.loads(run("show", number, "--json").stdout)["unit"] == "sakura"


# Slow: each command is a process of its own.
def test_one_is_retried_and_all_others_of_a_reason_dropped(databases: Databases, run: Run) -> None:
    give_up(databases, "token_not_ours", "token_not_ours", "token_not_ours")
    newest, *_ = numbers(run)
    assert run("retry", newest).stdout == f"{newest}: retried\n"
    assert outbox(databases) == ["dead-letter-retry.receipts"]
    assert run("drop", "--reason", "token_not_ours", "--yes").stdout == "2 dropped\n"
    assert numbers(run) == []
    assert len(numbers(run, "--state", "any")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("retry",), "Give a reason, a service, or both."),
        (("retry", "7", "--reason", "token_not_ours"), "not both"),
        (("show", "7"), "There is no such dead letter"),
        (("list", "--state", "lost"), "--state takes"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(run: Run, arguments: tuple[str, ...], words: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert words in refused.stderr
