"""One idea has one name: words that were retired (docs/glossary.md) do not come back into the code."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RETIRED = {
    "postmen": "dispatchers",
}
"""A retired word as a regular expression, and what is said instead."""

LIVING = ("libs", "services", "cli", "simulator", "tools", "tests", "deploy")
PAST = re.compile(
    r"/migrations/versions/|^tests/fixtures/release-|^tests/contract/test_glossary\.py$"
    r"|^libs/contracts/src/contracts/retired\.py$|^tests/cli/test_bus_retired\.py$"
)
"""What has happened keeps its words: steps of migrations, states of old releases."""


def _living() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *LIVING], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.splitlines() if name.endswith((".py", ".yaml", ".conf", ".sql", ".toml"))]
    return [ROOT / name for name in names if not PAST.search(name) and (ROOT / name).is_file()]


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_does_not_come_back(word: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z])(?:{word})(?![a-z])", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _living()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"say {RETIRED[word]!r}:\n" + "\n".join(found)
