"""The guides name what is there: files, functions, and places to which their links lead."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from renrakumo_cli.local.paths import repository_root

ROOT = repository_root()
GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "adr").glob("*.md")])
DEVELOPERS = "".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("developers", "reading"))

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]+))?\)")
FILE = re.compile(r"`([\w./-]+\.(?:py|txt|yaml|toml))`")
FUNCTION = re.compile(r"((?:`\w+`,? (?:and )?)+)(?:\([^`)]*\) )?in\s`([\w/]+\.py)`")


@cache
def _tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(f"/{name}" for name in listed.stdout.splitlines())


def _names_defined_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _anchors(path: Path) -> set[str]:
    """Of each heading, as GitHub makes it."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    text = FENCE.sub("", guide.read_text(encoding="utf-8"))
    broken = []
    for name, anchor in LINK.findall(text):
        target = (guide.parent / name) if name else guide
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{name}#{anchor}" if anchor else name)
    assert not broken


def test_every_file_that_the_developers_guides_name_is_there() -> None:
    named = set(FILE.findall(DEVELOPERS))
    assert len(named) > 30
    assert not [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in _tracked())]


def test_every_name_that_the_developers_guides_place_is_in_its_file() -> None:
    missing, seen = [], 0
    for names, file in FUNCTION.findall(DEVELOPERS):
        defined = {
            name
            for path in _tracked()
            if path.endswith(f"/{file}")
            for name in _names_defined_in((ROOT / path[1:]).read_text(encoding="utf-8"))
        }
        for name in re.findall(r"`(\w+)`", names):
            seen += 1
            if name not in defined:
                missing.append(f"{name} in {file}")
    assert seen > 20
    assert not missing
