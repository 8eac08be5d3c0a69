"""`renrakumo operator|unit|administrator create`: accounts that work at the office, shown once."""

import json
from typing import Any

import pyotp
import pytest
from typer.testing import CliRunner, Result

from renrakumo_cli.main import app
from simulator.servers import Databases, run_apart
from tests.admin_api.service import AdminApi, open_admin_api


@pytest.fixture
def databases(migrated_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Databases:
    """The variables of a deployment, on an empty general database."""
    monkeypatch.setenv("RENRAKUMO_GENERAL_DATABASE_URL", migrated_databases.general_url("admin_api"))
    monkeypatch.setenv("RENRAKUMO_CONTENT_KEYS", "k1:Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M=")
    return migrated_databases


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def _made(*arguments: str) -> dict[str, Any]:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = json.loads(result.stdout)
    return made


# Slow: each command is a process of its own.
def test_new_accounts_sign_in_at_the_office(databases: Databases) -> None:
    operator = _made("operator", "create", "alice")
    assert _made("unit", "create", "sakura", "さくら小学校", "--receipts")["receipts"] is True
    head = _made("administrator", "create", "sakura", "kocho")
    assert head["otpauth"].startswith("otpauth://totp/Renrakumo:kocho?")
    assert head["totp_secret"] in head["otpauth"]
    viewer = _made("administrator", "create", "sakura", "mado", "--role", "viewer")

    async def sign_in(api: AdminApi, account: dict[str, Any]) -> tuple[str, str | None]:
        code = pyotp.TOTP(account["totp_secret"]).at(api.clock.now)
        body = {"login": account["login"], "password": account["password"], "totp": code}
        answer = await api.client.post("/v1/session", json=body)
        assert answer.status_code == 201, answer.text
        found = answer.json()["account"]
        assert found["id"] == account["id"]
        return found["role"], found["unit"]

    async def try_all() -> list[tuple[str, str | None]]:
        api, close = await open_admin_api(databases)
        try:
            return [await sign_in(api, account) for account in (operator, head, viewer)]
        finally:
            await close()

    assert run_apart(try_all) == [("operator", None), ("administrator", "sakura"), ("viewer", "sakura")]


# Slow: each command is a process of its own.
def test_what_cannot_be_made_is_said_in_a_line_and_exits_with_1(databases: Databases) -> None:
    assert _run("unit", "create", "sakura", "さくら小学校").exit_code == 0
    assert _run("operator", "create", "alice").exit_code == 0
    for arguments, words in (
        (("operator", "create", "alice"), "login already"),
        (("unit", "create", "sakura", "x"), "code already"),
        (("unit", "create", "Sakura!", "x"), "code is a letter"),
        (("administrator", "create", "momo", "bob"), "no such unit"),
        (("administrator", "create", "sakura", "bob", "--role", "king"), "role must be"),
        (("administrator", "create", "sakura", "bob", "--role", "sender", "--group", "xx9"), "no such group"),
    ):
        result = _run(*arguments)
        assert (arguments, result.exit_code) == (arguments, 1)
        assert words in result.stderr
        assert result.stdout == ""


def test_units_can_be_told_to_the_directory_again(databases: Databases) -> None:
    _run("unit", "create", "sakura", "さくら小学校")
    assert _made("unit", "publish") == {"units": 1}
