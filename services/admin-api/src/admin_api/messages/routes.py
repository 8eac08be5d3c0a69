"""/v1/units/{unit}/messages: write, send, approve, cancel, stop, send again; lists with live counts."""

from fastapi import APIRouter

from admin_api.kernel.context import Context
from admin_api.messages.handlers import corrections, drafts, looking_up, resending
from admin_api.messages.model import CountedMessage, Message, MessageState
from admin_api.messages.views import (
    Audience,
    MessageDetail,
    MessageView,
    NewMessage,
    Recipients,
    ResendRequest,
    Resent,
    Stopped,
)
from admin_api.results.model import Counts
from admin_api.web.access import ContextHere, MessageReader, Sender
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import KeyHeader, NumberPath, UnitPath

router = APIRouter(prefix="/v1/units/{unit}", tags=["messages"])


@router.post("/audience", summary="How many a message would reach", responses=documented(401, 403, 404, 409))
async def count_audience(unit: UnitPath, body: Recipients, who: Sender, context: ContextHere) -> Audience:
    """People and copies as of now."""
    size = await drafts.audience(
        context,
        who,
        unit,
        groups=body.groups,
        members=body.members,
        about_child=body.about_child,
    )
    return Audience(people=size.people, copies=size.copies)


@router.post(
    "/messages", status_code=201, summary="Write a message, and send it", responses=documented(401, 403, 404, 409)
)
async def create(
    unit: UnitPath, body: NewMessage, who: Sender, context: ContextHere, key: KeyHeader = None
) -> MessageDetail:
    """With `send` it goes out at once, else it waits as a draft."""
    return await _fresh(context, await drafts.create(context, who, unit, body.draft(), send=body.send, key=key))


@router.get("/messages", summary="Messages, newest first", responses=documented(401, 403, 404))
async def list_messages(
    unit: UnitPath,
    who: MessageReader,
    context: ContextHere,
    wanted: PageQuery,
    state: MessageState | None = None,
) -> Page[MessageView]:
    """A sender who is limited to groups sees what went to them, or came from himself."""
    found = await looking_up.page(context, who, unit, state=state, wanted=wanted)
    return Page[MessageView].of(found, MessageView.of)


@router.get(
    "/messages/{message}", summary="One message with live counts and tallies", responses=documented(401, 403, 404)
)
async def get_message(unit: UnitPath, message: NumberPath, who: MessageReader, context: ContextHere) -> MessageDetail:
    """Counts and tallies are those of this moment."""
    return MessageDetail.of(await looking_up.one(context, who, unit, message))


@router.post(
    "/messages/{message}/approve", summary="Send a draft or a held post", responses=documented(401, 403, 404, 409)
)
async def approve(unit: UnitPath, message: NumberPath, who: Sender, context: ContextHere) -> MessageDetail:
    """The sender of a post by mail is told."""
    return await _fresh(context, await drafts.approve(context, who, unit, message))


@router.post(
    "/messages/{message}/cancel", summary="Never send a draft or a held post", responses=documented(401, 403, 404, 409)
)
async def cancel(unit: UnitPath, message: NumberPath, who: Sender, context: ContextHere) -> MessageDetail:
    """The sender of a post by mail is told."""
    return await _fresh(context, await drafts.cancel(context, who, unit, message))


@router.post(
    "/messages/{message}/stop", summary="Send nothing more of a message", responses=documented(401, 403, 404, 409)
)
async def stop(unit: UnitPath, message: NumberPath, who: Sender, context: ContextHere) -> Stopped:
    """For a message that went out by mistake. What has arrived stays where it is; a correction can follow. Harmless to
    repeat."""
    stopped = await corrections.stop(context, who, unit, message)
    counts = await looking_up.counts_now(context, message)
    return Stopped.model_validate(
        {
            "id": message,
            "stopped_at": stopped.stopped_at,
            "superseded_by": stopped.superseded_by,
            "counts": counts,
        }
    )


@router.post(
    "/messages/{message}/resend",
    summary="Send it again to those who have not answered",
    responses=documented(401, 403, 404, 409),
)
async def resend(
    unit: UnitPath,
    message: NumberPath,
    who: Sender,
    context: ContextHere,
    body: ResendRequest | None = None,
    key: KeyHeader = None,
) -> Resent:
    """A child for whom one guardian answered counts as answered. A message whose time is over needs a new one."""
    expires_at = None if body is None else body.expires_at
    wave, copies = await resending.resend(context, who, unit, message, expires_at=expires_at, key=key)
    return Resent(wave=wave, copies=copies)


async def _fresh(context: Context, message: Message) -> MessageDetail:
    """A message that was changed right now. The ledger isn't needed for it: it may be away, and the change has
    happened."""
    corrected = None if message.supersedes is None else await looking_up.counts_now(context, message.supersedes)
    return MessageDetail.of(CountedMessage(message, Counts(), corrected=corrected))
