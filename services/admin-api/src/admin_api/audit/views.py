"""Answers about the audit log."""

from typing import Annotated

from pydantic import Field

from admin_api.audit.model import AuditRow
from admin_api.web.types import Number, Timestamp, View


class AuditView(View):
    """Who did what. `actor` is an account, a member (by mail) or the command line."""

    id: Number
    at: Timestamp
    actor: Annotated[str, Field(examples=["account/7530867458329124481"])]
    action: Annotated[str, Field(examples=["message.sent"])]
    object: Annotated[str, Field(examples=["message/7530867474440882994"])]
    detail: dict[str, str | int | bool | list[str] | None]

    @classmethod
    def of(cls, row: AuditRow) -> "AuditView":
        """A row of the log."""
        entry = row.entry
        return cls(
            id=row.id,
            at=row.at,
            actor=entry.actor,
            action=entry.action,
            object=entry.object,
            detail=dict(entry.detail or {}),
        )


class AuditCheck(View):
    """`intact`: every row fits to the one before it; else `broken_at` is the first that doesn't. `head` is the hash of
    the last row, which stands in the logs, too."""

    intact: bool
    rows: int
    broken_at: Number | None
    head: str
