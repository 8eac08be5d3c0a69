"""/v1/session: sign in, look who is signed in, sign out."""

from fastapi import APIRouter, Request, Response

from admin_api.accounts import handlers
from admin_api.accounts.views import AccountView, NewSession, SessionView, SignIn
from admin_api.web.access import COOKIE, ContextHere, SessionHere
from admin_api.web.problems import documented

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("", status_code=201, summary="Sign in with password and one-time password", responses=documented(401))
async def sign_in(body: SignIn, context: ContextHere, request: Request, response: Response) -> NewSession:
    """A one-time password is good for one session. After several failures the account takes no sign-in for a while;
    whatever is wrong, the answer is the same 401."""
    signed_in = await handlers.sign_in(context, body.login, body.password.get_secret_value(), body.totp)
    response.set_cookie(
        COOKIE,
        signed_in.token,
        max_age=int(context.session_life.total_seconds()),
        path="/v1",
        secure=request.app.state.cookie_secure,
        httponly=True,
        samesite="strict",
    )
    return NewSession(account=AccountView.of(signed_in.caller), expires_at=signed_in.expires_at, token=signed_in.token)


@router.get("", summary="Who is signed in", responses=documented(401))
async def look(here: SessionHere) -> SessionView:
    """The account of this session, and when the session ends."""
    return SessionView(account=AccountView.of(here.caller), expires_at=here.expires_at)


@router.delete("", status_code=204, summary="Sign out", responses=documented(401, 403))
async def sign_out(here: SessionHere, context: ContextHere, response: Response) -> None:
    """The session ends; its token is worth nothing any more."""
    await handlers.sign_out(context, here.caller, here.token)
    response.delete_cookie(COOKIE, path="/v1")
