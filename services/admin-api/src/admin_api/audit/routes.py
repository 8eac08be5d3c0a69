"""/v1/units/{unit}/audit, and the check of the whole audit log."""

from fastapi import APIRouter

from admin_api.audit import handlers
from admin_api.audit.views import AuditCheck, AuditView
from admin_api.web.access import AuditReader, ContextHere, UnitManager
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import UnitPath

router = APIRouter(prefix="/v1", tags=["audit"])


@router.get("/units/{unit}/audit", summary="Who did what, newest first", responses=documented(401, 403, 404))
async def list_audit(unit: UnitPath, _: AuditReader, context: ContextHere, wanted: PageQuery) -> Page[AuditView]:
    """Every change in a unit, with who made it."""
    return Page[AuditView].of(await handlers.page(context.database, unit, wanted), AuditView.of)


@router.get("/audit-check", summary="Is the audit log unaltered? (operator)", responses=documented(401, 403))
async def check_audit(_: UnitManager, context: ContextHere) -> AuditCheck:
    """The whole log is gone through from its first row."""
    check = await handlers.check(context.database)
    return AuditCheck(intact=check.broken_at is None, rows=check.rows, broken_at=check.broken_at, head=check.head.hex())
