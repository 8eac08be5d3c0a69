"""Where measured figures are kept: var/<kind>/latest.json, and an entry of the same in var/<kind>/ for each run."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_VAR = Path(__file__).resolve().parents[3] / "var"


def quick() -> bool:
    """True when QUICK is set: a run of a few minutes at most."""
    return os.environ.get("QUICK", "") not in ("", "0")


def folder(kind: str) -> Path:
    """var/<kind>, made if need be."""
    path = _VAR / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


def keep(kind: str, figures: Mapping[str, Any]) -> Path:
    """Write the figures as JSON; gives the path of latest.json."""
    kept = folder(kind)
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    (kept / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json").write_text(text, encoding="utf-8")
    latest = kept / "latest.json"
    latest.write_text(text, encoding="utf-8")
    return latest
