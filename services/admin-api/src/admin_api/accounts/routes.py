"""/v1/session: sign in, look who is signed in, sign out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from admin_api.accounts import sessions
from admin_api.kernel.roles import LOGIN_LENGTH, Caller, Role
from admin_api.web.access import COOKIE, OfficeHere, SessionHere
from admin_api.web.problems import documented
from admin_api.web.types import Body, Moment, Number, View

router = APIRouter(prefix="/v1/session", tags=["session"])


class SignIn(Body):
    login: Annotated[str, Field(min_length=1, max_length=LOGIN_LENGTH, examples=["sakura-kocho"])]
    password: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    totp: Annotated[str, Field(max_length=12, description="One-time password of this moment.", examples=["492039"])]


class AccountView(View):
    """The signed-in account. `groups`: all that a sender may write to, null for no limit."""

    id: Number
    login: str
    role: Role
    unit: str | None
    groups: list[str] | None


class SessionView(View):
    """The session ends at `expires_at`, or earlier when it isn't used."""

    account: AccountView
    expires_at: Moment


class NewSession(SessionView):
    """`token` is for programs (`Authorization: Bearer`); browsers have it as a cookie."""

    token: str


@router.post("", status_code=201, summary="Sign in with password and one-time password", responses=documented(401))
async def sign_in(body: SignIn, office: OfficeHere, request: Request, response: Response) -> NewSession:
    """A one-time password is good for one session. After several failures the account takes no sign-in for a while;
    whatever is wrong, the answer is the same 401."""
    signed_in = await sessions.sign_in(office, body.login, body.password.get_secret_value(), body.totp)
    response.set_cookie(
        COOKIE,
        signed_in.token,
        max_age=int(office.session_life.total_seconds()),
        path="/v1",
        secure=request.app.state.cookie_secure,
        httponly=True,
        samesite="strict",
    )
    return NewSession(account=_account(signed_in.caller), expires_at=signed_in.expires_at, token=signed_in.token)


@router.get("", summary="Who is signed in", responses=documented(401))
async def look(here: SessionHere) -> SessionView:
    return SessionView(account=_account(here.caller), expires_at=here.expires_at)


@router.delete("", status_code=204, summary="Sign out", responses=documented(401, 403))
async def sign_out(here: SessionHere, office: OfficeHere, response: Response) -> None:
    await sessions.sign_out(office, here.caller, here.token)
    response.delete_cookie(COOKIE, path="/v1")


def _account(caller: Caller) -> AccountView:
    return AccountView(
        id=caller.account,
        login=caller.login,
        role=caller.role,
        unit=caller.unit,
        groups=None if caller.groups is None else list(caller.groups),
    )
