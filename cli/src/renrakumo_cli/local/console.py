"""What `renrakumo up` shows: each new line of each child's log, with its name in front and JSON made readable."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_EVERY = 0.3
_HIDDEN = frozenset({"event", "level", "timestamp", "service", "logger"})


async def follow(logs: Mapping[str, Path], out: IO[str]) -> None:
    """Write what is added to these files from now on, until cancelled. `logs`: name -> file."""
    width = max((len(name) for name in logs), default=0)
    places = {name: (path.stat().st_size if path.is_file() else 0) for name, path in logs.items()}
    while True:
        for name, path in logs.items():
            lines, places[name] = _added(path, places[name])
            for line in lines:
                out.write(f"{name:<{width}} | {readable(line)}\n")
        out.flush()
        await asyncio.sleep(_EVERY)


def _added(path: Path, start: int) -> tuple[list[str], int]:
    """Whole lines after `start`, and where they end."""
    if not path.is_file():
        return [], start
    with path.open("rb") as file:
        file.seek(start)
        text = file.read()
    end = text.rfind(b"\n") + 1
    return text[:end].decode(errors="replace").splitlines(), start + end


def readable(line: str) -> str:
    """A JSON log line as `level event key=value ...`; anything else as it is."""
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "event" not in entry:
        return line
    rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in _HIDDEN)
    return f"{entry.get('level', ''):<7} {entry['event']} {rest}".rstrip()
