"""Answers about commands."""

from typing import Annotated, Any

from fastapi import Path, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from admin_api.commands.explanations import explain_refusal
from admin_api.commands.model import COMMAND_ID_PATTERN, CommandState, GivenCommand, command_id
from admin_api.web.types import ExplanationView, GroupText, Timestamp, View

CommandText = Annotated[str, Field(pattern=COMMAND_ID_PATTERN, examples=["c-7530867474440882994"])]
CommandPath = Annotated[
    str, Path(pattern=COMMAND_ID_PATTERN, description="Id of the command.", examples=["c-7530867474440882994"])
]


class CommandView(View):
    """A command and what has come of it. `subject`: what it is about, `member/` and `group/` with number or code, or
    `request/` for an invitation; `group` is the group that a member is taken off, is invited into, or posts to, and
    `enrolled` whether he shall post. `reason` is a code for why it had no effect, `explanation` says it in words.
    `count`: how many people it changed something for, or who stand in its way. `undoable_until` null: it can't be
    undone; `undoes` and `undone_by` are the ids of other commands."""

    id: CommandText
    kind: Annotated[str, Field(examples=["remove-member"])]
    subject: Annotated[str, Field(examples=["member/7530867474440882994"])]
    group: GroupText | None
    enrolled: bool | None
    requested_by: Annotated[str, Field(examples=["account/7530867474440882001"])]
    requested_at: Timestamp
    state: CommandState
    reason: str | None
    explanation: ExplanationView | None
    count: int
    undoable_until: Timestamp | None
    undoes: CommandText | None
    undone_by: CommandText | None

    @classmethod
    def of(cls, given: GivenCommand) -> "CommandView":
        """A command as an answer shows it."""
        return cls.model_validate(
            {
                "id": command_id(given.id),
                "kind": given.kind,
                "subject": given.subject,
                "group": given.detail.get("group"),
                "enrolled": given.detail.get("enrolled"),
                "requested_by": given.actor,
                "requested_at": given.requested_at,
                "state": given.state,
                "reason": given.reason,
                "explanation": ExplanationView.of(explain_refusal(given.reason, given.count)),
                "count": given.count,
                "undoable_until": given.undoable_until,
                "undoes": None if given.undoes is None else command_id(given.undoes),
                "undone_by": None if given.undone_by is None else command_id(given.undone_by),
            }
        )


_LOCATION = {"Location": {"description": "Where to look what has come of it.", "schema": {"type": "string"}}}


def accepted(model: Any = CommandView) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI of a route that gives a command: 202 with `model` while registry has not answered."""
    return {202: {"description": "Kept, and done as soon as possible", "model": model, "headers": _LOCATION}}


def waiting(given: GivenCommand) -> Response:
    """202: the command is kept and will be done; the answer says where to look."""
    return JSONResponse(
        CommandView.of(given).model_dump(mode="json"),
        status_code=202,
        headers={"Location": f"/v1/units/{given.unit}/commands/{command_id(given.id)}"},
    )


def no_content(given: GivenCommand) -> Response:
    """204 for a command that is done; 202 with where to look for one that waits."""
    return waiting(given) if given.state == "waiting" else Response(status_code=204)
