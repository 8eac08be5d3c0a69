"""Write the JSON Schema of every event and command into a folder: `python -m contracts.export docs/events`."""

import json
import sys
from pathlib import Path

from contracts import commands, events


def export(folder: Path) -> None:
    """One file for each event or command and version, named for its subject; files of what is gone are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for event in (*events.ALL, *commands.ALL):
        version = event.model_fields["version"].default
        wanted[f"{event.name}.v{version}.json"] = event.model_json_schema()
    for old in folder.glob("*.v*.json"):
        if old.name not in wanted:
            old.unlink()
    for name, schema in wanted.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    export(Path(sys.argv[1]))
