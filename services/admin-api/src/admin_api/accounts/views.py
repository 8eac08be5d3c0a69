"""Bodies and answers of /v1/session."""

from typing import Annotated

from pydantic import Field, SecretStr

from admin_api.accounts.model import LOGIN_LENGTH
from admin_api.kernel.roles import Caller, Role
from admin_api.web.types import Body, Number, Timestamp, View


class SignIn(Body):
    """What an account signs in with."""

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

    @classmethod
    def of(cls, caller: Caller) -> "AccountView":
        """The account of who is signed in."""
        return cls(
            id=caller.account,
            login=caller.login,
            role=caller.role,
            unit=caller.unit,
            groups=None if caller.groups is None else list(caller.groups),
        )


class SessionView(View):
    """The session ends at `expires_at`, or earlier when it isn't used."""

    account: AccountView
    expires_at: Timestamp


class NewSession(SessionView):
    """`token` is for programs (`Authorization: Bearer`); browsers have it as a cookie."""

    token: str
