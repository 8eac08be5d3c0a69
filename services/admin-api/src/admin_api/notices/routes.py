"""/v1/units/{unit}/notices: the notices of a unit."""

from fastapi import APIRouter

from admin_api.notices import handlers
from admin_api.notices.views import NewNotice, NoticeView
from admin_api.web.access import ContextHere, NewsChanger, NewsReader
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import NumberPath, UnitPath

router = APIRouter(prefix="/v1/units/{unit}/notices", tags=["news"])


@router.get("", summary="Notices", responses=documented(401, 403, 404))
async def list_notices(unit: UnitPath, _: NewsReader, context: ContextHere, wanted: PageQuery) -> Page[NoticeView]:
    """Notices of a unit, newest first."""
    return Page[NoticeView].of(await handlers.page(context.database, unit, wanted), NoticeView.model_validate)


@router.post("", status_code=201, summary="Publish a notice", responses=documented(401, 403, 404))
async def add_notice(unit: UnitPath, body: NewNotice, who: NewsChanger, context: ContextHere) -> NoticeView:
    """Anybody can read it from `published_at` on, which is now when it is left out."""
    notice = body.notice(unit, context.database.clock())
    return NoticeView.model_validate(await handlers.add(context.database, who, notice))


@router.delete("/{notice}", status_code=204, summary="Take a notice down", responses=documented(401, 403, 404))
async def delete_notice(unit: UnitPath, notice: NumberPath, who: NewsChanger, context: ContextHere) -> None:
    """It is gone from the board."""
    await handlers.delete(context.database, who, unit, notice)
