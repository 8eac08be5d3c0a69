"""Promises about the checkout itself: import rules hold, and the lock covers everything with nothing private in it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from renrakumo_cli.local.paths import repository_root

ROOT = repository_root()
LOCKS = [(ROOT / name).read_text() for name in ("requirements.lock", "requirements-fuzz.lock")]
LOCK = LOCKS[0]
PYPROJECTS = sorted(
    path
    for part in ("libs/*", "services/*", "cli", "simulator", "tools")
    for path in ROOT.glob(f"{part}/pyproject.toml")
)


def bare(requirement: str) -> str:
    """`SQLAlchemy[asyncio]>=2.0` -> `sqlalchemy`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def test_import_rules_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("pyproject", PYPROJECTS, ids=lambda path: path.parent.name)
def test_every_dependency_is_locked(pyproject: Path) -> None:
    wanted = {bare(requirement) for requirement in tomllib.loads(pyproject.read_text())["project"]["dependencies"]}
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
    missing = {name for name in wanted if not name.startswith("renrakumo-")} - locked
    assert not missing, "run: make lock"


def test_everything_locked_has_hashes() -> None:
    assert len(re.findall("==", LOCK)) > 50
    entries = [entry for lock in LOCKS for entry in re.split(r"\n(?=[a-z0-9])", lock)]
    assert [entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_address_and_no_path() -> None:
    for lock in LOCKS:
        assert not re.search(r"https?://|file:|index-url|find-links| @ |^-e |^/|^\./", lock, re.MULTILINE)
        assert not re.search(r"^renrakumo-", lock, re.MULTILINE)
