"""Placeholders: ``{{child}}`` in a text or subject stands for what each copy has in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,39})\s*\}\}")


def fill(pattern: str, fields: Mapping[str, str]) -> str:
    """The text with its placeholders filled in; those without a field stay as they are."""
    # One pass: a placeholder that stands inside a field's value is not looked at again.
    return PLACEHOLDER.sub(lambda found: fields.get(found[1], found[0]), pattern)
