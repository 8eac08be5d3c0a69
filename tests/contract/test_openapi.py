"""The REST interface is published as it is, so that whoever writes a screen can rely on the file."""

import json
import re
from pathlib import Path

from admin_api.web.export import export

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "administrators.md"
VERBS = {"get", "post", "patch", "put", "delete"}


def operations(file: Path) -> set[str]:
    paths = json.loads(file.read_text())["paths"]
    return {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs if verb in VERBS}


# Slow: the whole application is described anew.
def test_the_published_openapi_is_that_of_the_code(tmp_path: Path) -> None:
    export(tmp_path / "openapi.json")
    assert (DOCS / "openapi.json").read_text() == (tmp_path / "openapi.json").read_text(), "run: make docs"


def test_the_guide_names_every_operation_and_no_other() -> None:
    named = set(re.findall(r"`((?:GET|POST|PATCH|PUT|DELETE) /v1[^`]*)`", GUIDE.read_text()))
    assert named == operations(DOCS / "openapi.json")
