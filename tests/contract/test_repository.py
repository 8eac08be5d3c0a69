"""Promises about the checkout itself: import rules hold, files are short, the lock covers everything with nothing private
in it, and tests assert, on one bus in memory."""

import ast
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


MOST_LINES = 400
LONG = frozenset[str]()
"""Files that are longer nevertheless, each with its reason. Best: none."""
NOT_WRITTEN_TO_BE_READ_AT_ONCE = ("CHANGELOG.md", "docs/settings.md")
"""History, and what `make docs` writes."""


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    read = [
        name
        for name in listed.stdout.split("\0")
        if name.endswith((".py", ".md", ".yaml", ".yml")) and not name.startswith(NOT_WRITTEN_TO_BE_READ_AT_ONCE)
    ]
    assert len(read) > 500
    long = {
        name for name in read if (ROOT / name).is_file() and len((ROOT / name).read_bytes().splitlines()) > MOST_LINES
    }
    assert long == LONG, "split it by idea; a file that came under the bound leaves the exceptions"


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


# -- tests

TESTS = sorted((ROOT / "tests").rglob("*.py"))
FAKE_BUS = ROOT / "tests/support/fake_bus.py"
BUS_VERBS = frozenset({"publish_many", "kv_put", "kv_watch"})
CHECKING = frozenset(
    {
        "examine",  # tools/fuzz/made_up.py: runs a target of tools/fuzz
        "TARGETS",  # tools/fuzz/targets.py: each asserts what holds of whatever may come
        "none",  # tests/system/test_privacy.py: nothing was found
    }
)
"""What asserts by itself, beside `assert`, `pytest.raises` and whatever is called assert_..."""


def asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in CHECKING or node.id.startswith("assert_")
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr == "raises")


def test_every_test_asserts_something() -> None:
    idle = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for path in TESTS
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and function.name.startswith("test_")
        and not any(asserts(node) for node in ast.walk(function))
    ]
    assert idle == [], "say what is expected of what was done"


def test_there_is_one_bus_in_memory() -> None:
    """Tests may watch the real one (a subclass of Bus), but nobody imitates it a second time."""
    others = [
        f"{path.relative_to(ROOT)}: {kind.name}"
        for path in TESTS
        for kind in ast.walk(ast.parse(path.read_text()))
        if isinstance(kind, ast.ClassDef)
        and "Bus" not in {base.id for base in kind.bases if isinstance(base, ast.Name)}
        and BUS_VERBS & {each.name for each in kind.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
        and path != FAKE_BUS
    ]
    assert others == [], "use tests/support/fake_bus.py, which is tried beside the real bus"


def test_no_test_has_a_deadline_of_its_own() -> None:
    profile = ROOT / "tests/conftest.py"
    own = [
        str(path.relative_to(ROOT))
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "deadline" and path != profile
    ]
    assert own == [], "the profile in tests/conftest.py has none: a busy machine is no failure"
