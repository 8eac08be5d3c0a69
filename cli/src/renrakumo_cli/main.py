"""`renrakumo`, the operator's command line. Commands live in `commands/`, one file a family, mounted here.

Each is imported when it is asked for: `classify` starts without the office, the bus and the database, which alone take
longer to import than a hundred mails to read.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

_COMMANDS = {
    # name: module in commands/, the typer app in it, whether it is a family of commands
    "up": ("up", "app", False),
    "keys": ("keys", "app", True),
    "dkim": ("dkim", "app", True),
    "bus": ("bus", "app", True),
    "database": ("database", "app", True),
    "operator": ("accounts", "operator", True),
    "unit": ("accounts", "unit", True),
    "administrator": ("accounts", "administrator", True),
    "carriers": ("carriers", "app", True),
    "dead-letters": ("dead_letters", "app", True),
    "doctor": ("doctor", "app", False),
    "send-test": ("send_test", "app", False),
    "classify": ("classify", "app", False),
}


class _OnDemand(TyperGroup):
    # Any: typer brings a click of its own in some versions, whose types have no public name.
    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, family = _COMMANDS[cmd_name]
        mounted = typer.Typer()
        command = getattr(import_module(f"renrakumo_cli.commands.{module}"), attribute)
        mounted.add_typer(command, name=cmd_name if family else None)
        return get_group(mounted).commands[cmd_name]


app = typer.Typer(
    cls=_OnDemand,
    help="Run and look after Renrakumo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    """Run and look after Renrakumo."""
