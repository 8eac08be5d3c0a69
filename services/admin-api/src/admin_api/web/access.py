"""Who asks, and may they? The one place where roles are enforced.

A session token comes as a cookie (the web front end) or as a Bearer token (programs). A unit that is not the
caller's own does not exist for him: 404, before his role is looked at.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from admin_api.accounts import handlers as accounts
from admin_api.accounts.model import Session
from admin_api.kernel.context import Context
from admin_api.kernel.errors import Forbidden, NotFound, SignedOut
from admin_api.kernel.roles import Caller, Right
from admin_api.web.types import UnitPath

COOKIE = "renrakumo_session"
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="`token` of `POST /v1/session`.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="cookie", description="Set by `POST /v1/session`.")
_SAFE = ("GET", "HEAD", "OPTIONS")


def context_of(request: Request) -> Context:
    """What the application's handlers are given."""
    return cast(Context, request.app.state.context)


ContextHere = Annotated[Context, Depends(context_of)]


async def session(
    request: Request,
    context: ContextHere,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Session:
    """The session of this request, or 401."""
    token = bearer.credentials if bearer else cookie
    if not token:
        raise SignedOut
    # A browser says where a request comes from; with the cookie only our own pages may change anything.
    foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if bearer is None and foreign and request.method not in _SAFE:
        raise Forbidden("This request came from another site.")
    return await accounts.session(context, token)


SessionHere = Annotated[Session, Depends(session)]


def permit(right: Right) -> Callable[..., Awaitable[Caller]]:
    """Dependency of a route below /v1/units/{unit}: the caller, if this unit is his and his role has the right."""

    async def check(unit: UnitPath, here: SessionHere) -> Caller:
        if not here.caller.sees(unit):
            raise NotFound("There is no such unit.")
        if not here.caller.may(right):
            raise Forbidden
        return here.caller

    return check


def permit_anywhere(right: Right) -> Callable[..., Awaitable[Caller]]:
    """Dependency of a route that belongs to no unit: the caller, if his role has the right."""

    async def check(here: SessionHere) -> Caller:
        if not here.caller.may(right):
            raise Forbidden
        return here.caller

    return check


DeadLetterKeeper = Annotated[Caller, Depends(permit_anywhere(Right.DECIDE_DEAD_LETTERS))]
PaceKeeper = Annotated[Caller, Depends(permit_anywhere(Right.KEEP_PACE))]
UnitManager = Annotated[Caller, Depends(permit_anywhere(Right.MANAGE_UNITS))]
UnitReader = Annotated[Caller, Depends(permit(Right.READ_UNIT))]
UnitChanger = Annotated[Caller, Depends(permit(Right.MANAGE_UNITS))]
GroupChanger = Annotated[Caller, Depends(permit(Right.CHANGE_GROUPS))]
MemberReader = Annotated[Caller, Depends(permit(Right.READ_MEMBERS))]
MemberChanger = Annotated[Caller, Depends(permit(Right.CHANGE_MEMBERS))]
MessageReader = Annotated[Caller, Depends(permit(Right.READ_MESSAGES))]
Sender = Annotated[Caller, Depends(permit(Right.SEND))]
NewsReader = Annotated[Caller, Depends(permit(Right.READ_NEWS))]
NewsChanger = Annotated[Caller, Depends(permit(Right.CHANGE_NEWS))]
CommandReader = Annotated[Caller, Depends(permit(Right.READ_COMMANDS))]
AuditReader = Annotated[Caller, Depends(permit(Right.READ_AUDIT))]
