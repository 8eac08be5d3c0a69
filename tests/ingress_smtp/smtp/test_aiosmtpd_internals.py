"""What we use of aiosmtpd although it is private is there, and is used in one file only: an upgrade says what broke."""

import ast
import asyncio
import importlib.metadata
import inspect
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from aiosmtpd.smtp import SMTP

import ingress_smtp
from ingress_smtp.smtp import aiosmtpd_internals
from ingress_smtp.smtp.aiosmtpd_internals import PRIVATE_NAMES

PROJECT = Path(__file__).parents[3] / "services" / "ingress-smtp" / "pyproject.toml"


class Silent(asyncio.Transport):
    """A transport to nobody."""

    def write(self, data: object) -> None:
        pass

    def close(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


async def names_of_a_connection() -> set[str]:
    """Every attribute of aiosmtpd's own connection, once it is made."""
    connection = SMTP(object(), hostname="mail.example", loop=asyncio.get_running_loop())
    connection.connection_made(Silent())
    names = set(dir(connection))
    connection.connection_lost(None)
    return names


def modules() -> list[ModuleType]:
    """All of the service but the one file that may."""
    found = (each.name for each in pkgutil.walk_packages(ingress_smtp.__path__, "ingress_smtp."))
    return [import_module(name) for name in found if name != aiosmtpd_internals.__name__]


def private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def connections(module: ModuleType) -> list[ast.ClassDef]:
    """The text of each class in a module that is a connection of aiosmtpd's kind."""
    nodes = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ClassDef)]
    return [node for node in nodes if issubclass(getattr(module, node.name, object), SMTP)]


@pytest.mark.parametrize("name", PRIVATE_NAMES)
async def test_aiosmtpd_still_has(name: str) -> None:
    assert name in await names_of_a_connection(), f"aiosmtpd has no {name} any more; it was {PRIVATE_NAMES[name]}"


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_aiosmtpd_itself_still_uses(name: str) -> None:
    uses = [node for node in ast.walk(ast.parse(inspect.getsource(SMTP))) if isinstance(node, ast.Attribute)]
    assert name in {node.attr for node in uses}, f"aiosmtpd's {name} has no effect any more"


def test_the_list_is_what_the_file_uses() -> None:
    tree = ast.parse(inspect.getsource(aiosmtpd_internals))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
    ours = {"_ring"}
    assert {name for name in used if private(name)} - ours == set(PRIVATE_NAMES)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
async def test_no_other_file_uses_a_private_name_of_aiosmtpd(module: ModuleType) -> None:
    theirs = {name for name in await names_of_a_connection() if private(name)}
    tree = ast.parse(inspect.getsource(module))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "aiosmtpd":
            found |= {each.name for each in node.names if private(each.name)}
        # What a class of ours that is no connection calls its own is no concern of aiosmtpd.
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            found |= {node.attr} & theirs
    for connection in connections(module):
        for node in ast.walk(connection):
            if isinstance(node, ast.Attribute):
                found |= {node.attr} & theirs
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {node.name} & theirs
    assert not found, "put it into aiosmtpd_internals.py, and give it a public name"


def test_connections_are_found_by_these_tests() -> None:
    found = {node.name for module in modules() for node in connections(module)}
    assert found == {"CommandConnection", "InboundConnection"}


def test_the_version_is_pinned_exactly_and_installed() -> None:
    dependencies = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    assert f"aiosmtpd=={importlib.metadata.version('aiosmtpd')}" in dependencies
