"""Whatever comes, everything that reads mail says something sensible of it and never falls over.

Some seconds of what `make fuzz` does at length.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz.__main__ import NAMES
from tools.fuzz.made_up import examine
from tools.fuzz.pieces import PIECES, SEEDS
from tools.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]


# Slow: each target gets a hundred and fifty made-up mails.
@pytest.mark.parametrize("name", TARGETS)
def test_no_mail_that_can_be_made_up_breaks_it(name: str) -> None:
    examine(name, examples=150)


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_fuzzer_starts_from_holds(name: str) -> None:
    for seed in SEEDS:
        TARGETS[name](seed)


def test_every_piece_has_an_octet_of_its_own() -> None:
    assert len(PIECES) <= 128
    assert tuple(TARGETS) == NAMES


@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="no atheris for this Python or machine")
def test_the_fuzzer_runs_and_keeps_what_it_finds(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.fuzz", "paths", "--seconds", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Done" in done.stdout
    assert list((tmp_path / "var/fuzz/paths").iterdir())
