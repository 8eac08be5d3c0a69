"""/v1/units/{unit}/post-attempts: posts by mail that were refused."""

from fastapi import APIRouter

from admin_api.posts import handlers
from admin_api.posts.views import PostAttemptView
from admin_api.web.access import AuditReader, ContextHere
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import UnitPath

router = APIRouter(prefix="/v1/units/{unit}/post-attempts", tags=["audit"])


@router.get("", summary="Posts by mail that were refused, newest first", responses=documented(401, 403, 404))
async def list_post_attempts(
    unit: UnitPath, _: AuditReader, context: ContextHere, wanted: PageQuery
) -> Page[PostAttemptView]:
    """With the reason for each; who wrote is not kept."""
    return Page[PostAttemptView].of(await handlers.attempts(context.database, unit, wanted), PostAttemptView.of)
