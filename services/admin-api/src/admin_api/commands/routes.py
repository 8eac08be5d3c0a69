"""/v1/units/{unit}/commands: what was commanded, what has come of it, and taking it back."""

from fastapi import APIRouter, Response

from admin_api.commands.handlers import looking_up, undoing
from admin_api.commands.views import CommandPath, CommandView, accepted, waiting
from admin_api.web.access import CommandReader, ContextHere
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import UnitPath

router = APIRouter(prefix="/v1/units/{unit}/commands", tags=["commands"])


@router.get("", summary="Commands of a unit", responses=documented(401, 403, 404))
async def list_commands(unit: UnitPath, _: CommandReader, context: ContextHere, wanted: PageQuery) -> Page[CommandView]:
    """Newest first."""
    return Page[CommandView].of(await looking_up.page(context.database, unit, wanted), CommandView.of)


@router.get("/{command}", summary="One command", responses=documented(401, 403, 404))
async def get_command(unit: UnitPath, command: CommandPath, _: CommandReader, context: ContextHere) -> CommandView:
    """With what has come of it, once its state is no longer `waiting`."""
    return CommandView.of(await looking_up.one(context.database, unit, command))


@router.post(
    "/{command}/undo",
    summary="Undo a command",
    response_model=CommandView,
    responses={**documented(401, 403, 404, 409), **accepted()},
)
async def undo_command(
    unit: UnitPath, command: CommandPath, who: CommandReader, context: ContextHere
) -> CommandView | Response:
    """Everything comes back as it was, or nothing does (409): when somebody has changed since what the command had
    done, or its time is over. Who may not give the command may not undo it. The answer is the command that undoes."""
    given = await undoing.undo(context, who, unit, command)
    return waiting(given) if given.state == "waiting" else CommandView.of(given)
