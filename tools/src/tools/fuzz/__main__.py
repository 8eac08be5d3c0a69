"""`make fuzz`: throw octets at everything that reads mail, each target for SECONDS (60), guided by what they reach.

With atheris (libFuzzer for Python) where it can be installed; elsewhere hypothesis makes up mails for as long. What was
tried and is worth keeping lies in var/fuzz/<target>, an input that breaks something in var/fuzz/<target>.broken. Exit
code 1 when anything was broken: a raised exception, a broken promise, or more than ten seconds for one mail.

    python -m tools.fuzz [TARGET ...] [--seconds N] [--replay FILE]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

SLOWEST = 10  # seconds for one input
MEMORY = 1500  # MB
LONGEST = 20_000  # octets of an input
NAMES = ("reading", "answers", "choices", "bounces", "feedback", "automatic", "authentication", "addresses", "paths")
STATE = Path("var/fuzz")
CORPORA = Path(os.environ.get("RENRAKUMO_CORPORA") or Path(__file__).parents[4].parent / "shared" / "corpora")
"""Sample mails that are not part of the project: a fuzzer gets further with them."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("SECONDS") or 60), help="for each target")
    parser.add_argument("--replay", type=Path, help="one input, as it lies in var/fuzz")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    wanted = told.targets or list(NAMES)
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if told.replay:
        return _replay(wanted, told.replay)
    if told.inside:
        _fuzz(wanted[0], told.seconds)
    if not importlib.util.find_spec("atheris"):
        print("atheris is not installed (there is none for this Python or machine): hypothesis makes up the mails.")
        return max(_make_up(name, told.seconds) for name in wanted)
    return max(_outside(name, told.seconds) for name in wanted)


def _outside(name: str, seconds: int) -> int:
    """One target in a process of its own, since libFuzzer ends the process it runs in."""
    print(f"== {name}, {seconds} s", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "tools.fuzz", name, "--inside", "--seconds", str(seconds)]
    done = subprocess.run(
        command, check=False, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        print("\n".join(lines[-40:]))
        print(f"== {name}: BROKEN, exit code {done.returncode}, after {time.monotonic() - started:.0f} s", flush=True)
        return 1
    print("\n".join(line for line in lines[-8:] if line.startswith(("Done", "stat::"))) or lines[-1])
    return 0


def _fuzz(name: str, seconds: int) -> None:
    atheris = importlib.import_module("atheris")  # not everywhere, and without types
    with atheris.instrument_imports(include=["mail", "ingress_smtp", "flufl", "email"]):
        from tools.fuzz.pieces import PIECES, SEEDS
        from tools.fuzz.targets import TARGETS
    kept, broken = STATE / name, STATE / f"{name}.broken"
    for folder in (kept, broken):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (kept / f"seed-{number}").write_bytes(seed)
    for file in CORPORA.rglob("*.eml"):
        (kept / f"seed-{file.stem}").write_bytes(b"\0" + file.read_bytes()[: LONGEST - 1])
    words = STATE / "words.dict"
    words.write_text("".join('"' + "".join(f"\\x{octet:02x}" for octet in piece) + '"\n' for piece in PIECES))
    options = {
        "max_total_time": seconds, "timeout": SLOWEST, "rss_limit_mb": MEMORY, "max_len": LONGEST, "dict": words,
        "artifact_prefix": f"{broken}/", "print_final_stats": 1,
    }  # fmt: skip
    atheris.Setup([sys.argv[0], *(f"-{option}={value}" for option, value in options.items()), str(kept)], TARGETS[name])
    atheris.Fuzz()


def _make_up(name: str, seconds: int) -> int:
    from tools.fuzz.made_up import examine

    print(f"== {name}, {seconds} s", flush=True)
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until:
        examine(name, examples=500)
        rounds += 1
    print(f"{rounds * 500} mails")
    return 0


def _replay(wanted: list[str], file: Path) -> int:
    from tools.fuzz.pieces import assembled
    from tools.fuzz.targets import TARGETS

    data = file.read_bytes()
    print(assembled(data))
    for name in wanted:
        started = time.monotonic()
        TARGETS[name](data)
        print(f"{name}: {time.monotonic() - started:.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
