"""Write the OpenAPI of admin-api into a file: `python -m admin_api.web.export docs/openapi.json`."""

import json
import sys
from pathlib import Path

from admin_api.web import application as web


def export(file: Path) -> None:
    """What the running service serves at /openapi.json, in a form that can be reviewed as a change."""
    text = json.dumps(web.bare().openapi(), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    export(Path(sys.argv[1]))
