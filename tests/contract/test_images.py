"""What a service's image has to hold: who owns no database and serves no web imports neither."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = ("alembic", "asyncpg", "fastapi", "sqlalchemy", "starlette", "uvicorn")
PROGRAM = """
import importlib, pkgutil, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} is not in this image")

package, *FORBIDDEN = sys.argv[1:]
sys.meta_path.insert(0, Forbidden())
root = importlib.import_module(package)
modules = [info.name for info in pkgutil.walk_packages(root.__path__, package + ".")]
assert package + ".app" in modules
for name in modules:
    importlib.import_module(name)
"""


# Slow: each service is imported in a process of its own.
@pytest.mark.parametrize("package", ["dispatcher", "ingress_smtp"])
def test_who_needs_neither_database_nor_web_runs_without_their_libraries(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, package, *FORBIDDEN], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", ["dispatcher", "ingress-smtp"])
def test_their_packages_do_not_ask_for_them_either(service: str) -> None:
    assert not asked_for(f"renrakumo-{service}") & set(FORBIDDEN)
    assert {"alembic", "asyncpg", "sqlalchemy"} < asked_for("renrakumo-registry")
    assert {"asyncpg", "fastapi", "uvicorn"} < asked_for("renrakumo-info-site")


def asked_for(package: str, extras: tuple[str, ...] = ()) -> set[str]:
    """Names of what one of our packages depends on, by way of our other packages too."""
    folder = next(ROOT.glob(f"*/{package.removeprefix('renrakumo-')}/pyproject.toml"))
    project = tomllib.loads(folder.read_text())["project"]
    wanted = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    found = set()
    for requirement in wanted:
        match = re.match(r"([A-Za-z0-9-]+)(?:\[([a-z,]+)\])?", requirement)
        assert match is not None
        found.add(match[1].lower())
        if match[1].startswith("renrakumo-"):
            found |= asked_for(match[1], tuple(match[2].split(",")) if match[2] else ())
    return found
