"""`renrakumo operator|unit|administrator create`: the first accounts of an installation and of a unit.

They write into the general database as admin-api itself would, by its own handlers; when it runs it publishes the
change. Password and TOTP secret of a new account are shown this once and kept nowhere.
"""

import json
import re
from dataclasses import asdict
from typing import Any, Literal

import typer

from admin_api.accounts import handlers as accounts
from admin_api.units import handlers as units
from contracts.base import UNIT_PATTERN
from renrakumo_cli.office import ACTOR, fail, run

operator = typer.Typer(help="Accounts of the operating company.", no_args_is_help=True)
unit = typer.Typer(help="Units: schools, nurseries, PTAs.", no_args_is_help=True)
administrator = typer.Typer(help="Accounts of a unit.", no_args_is_help=True)

Role = Literal["administrator", "sender", "viewer"]

_JSON = typer.Option(False, "--json", help="Print as JSON.")


@operator.callback()
@unit.callback()
@administrator.callback()
def _family() -> None:
    """Keeps `create` a command of its own where a family has only one."""


@operator.command("create")
def create_operator(login: str, as_json: bool = _JSON) -> None:
    """Make an operator's account; shows its password and TOTP secret once."""
    created = run(lambda database: accounts.create(database, ACTOR, login=login, role="operator", unit=None))
    _show(asdict(created), as_json)


@unit.command("create")
def create_unit(
    code: str = typer.Argument(help="Sub-domain of its mail addresses: a letter, then letters and digits."),
    name: str = typer.Argument(help="Name as parents see it."),
    receipts: bool = typer.Option(False, "--receipts", help="With names and answers (the receipts option)."),
    as_json: bool = _JSON,
) -> None:
    """Make a unit. It gets its groups on the administrators' screen."""
    if not re.fullmatch(UNIT_PATTERN, code):
        fail("a unit's code is a letter followed by 1 to 19 letters and digits, in lower case")
    created = run(lambda database: units.create(database, ACTOR, code, name, receipts=receipts))
    _show({"code": created.code, "name": created.name, "receipts": created.receipts}, as_json)


@unit.command("publish")
def publish_units(as_json: bool = _JSON) -> None:
    """Tell the directory all units and groups again, for a bus that was set up anew."""
    _show({"units": run(lambda database: units.publish_all(database, ACTOR))}, as_json)


@administrator.command("create")
def create_administrator(
    unit_code: str = typer.Argument(metavar="UNIT"),
    login: str = typer.Argument(),
    role: str = typer.Option("administrator", help="administrator, sender or viewer."),
    group: list[str] = typer.Option([], help="For a sender: the groups to send to; repeat for more."),
    as_json: bool = _JSON,
) -> None:
    """Make an account of a unit; shows its password and TOTP secret once."""
    roles: dict[str, Role] = {"administrator": "administrator", "sender": "sender", "viewer": "viewer"}
    if role not in roles:
        fail(f"the role must be one of {', '.join(roles)}")
    groups = tuple(group) or None
    created = run(
        lambda database: accounts.create(database, ACTOR, login=login, role=roles[role], unit=unit_code, groups=groups)
    )
    _show({**asdict(created), "unit": unit_code, "role": role}, as_json)


def _show(values: dict[str, Any], as_json: bool) -> None:
    values = {key: str(value) if key == "id" else value for key, value in values.items()}
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False))
        return
    width = max(map(len, values))
    for key, value in values.items():
        typer.echo(f"{key:<{width}}  {value}")
    if "password" in values:
        typer.echo("\nWrite the password and the TOTP secret down now: they are not shown again.")
