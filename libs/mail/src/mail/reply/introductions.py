"""Introductions: the lines with which mail programs begin a quotation.

| form | example | certain? |
| --- | --- | --- |
| separator, header fields | "-----Original Message-----", "From: X <a@b>", "Sent: ..." | yes |
| separator alone | "－－－元のメッセージ－－－" | yes |
| rule, header fields | "________", "差出人: X", "送信日時: ...", "件名: ..." | yes |
| header fields alone | "差出人: X <a@b>", "件名: ..." | yes |
| attribution | "2026年4月8日(水) 9:00 X <a@b>:", "On ... X wrote:" | some need a quotation below |

The first three are for mail.reply.separators and mail.reply.header_blocks, the last is for mail.reply.attributions.
What people write may look alike, so each says whether it is certain or needs a quotation below it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mail.reply.attributions import Introduction, attribution
from mail.reply.header_blocks import header_block
from mail.reply.separators import is_rule, is_separator

__all__ = ["Introduction", "find"]

_MAX = 500


def find(lines: Sequence[str], at: int) -> Introduction | None:
    """The introduction that begins at a line; None where none does."""
    line = lines[at]
    if not line or line.isspace() or len(line) > _MAX:
        return None
    announced = is_separator(line)
    if announced or is_rule(line):
        blank = 1 if at + 1 < len(lines) and not lines[at + 1].strip() else 0
        if block := header_block(lines, at + 1 + blank, announced=announced, ruled=True):
            return Introduction(1 + blank + block)
        return Introduction(1) if announced else None
    if block := header_block(lines, at):
        return Introduction(block)
    return attribution(lines, at)
