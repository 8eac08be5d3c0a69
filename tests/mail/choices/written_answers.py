"""The answers of `answers_as_written.txt`, a table of what parents write and what is meant by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Written(NamedTuple):
    """`meant`: the number of the choice, None where somebody should look."""

    choices: tuple[str, ...]
    answer: str
    meant: int | None


def rows() -> Iterator[Written]:
    choices: tuple[str, ...] = ()
    for line in Path(__file__).with_name("answers_as_written.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            choices = tuple(line.strip("[] ").split(" / "))
        elif " | " in line and not line.startswith("#"):
            meant, answer = line.split(" | ", 1)
            yield Written(choices, answer.replace("⏎", "\n"), None if meant == "?" else int(meant))
