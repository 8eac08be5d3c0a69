"""Accounts: made by the operator's command line, which shows password and TOTP secret once."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.accounts import credentials as security
from admin_api.accounts import store as accounts
from admin_api.kernel.context import Books
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.roles import LOGIN_LENGTH, Role, plain_line
from admin_api.units import store as units
from runtime.ids import new_id


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a new account's owner needs. Shown once, kept nowhere."""

    id: int
    login: str
    password: str
    totp_secret: str
    otpauth: str


async def create(
    books: Books, actor: str, *, login: str, role: Role, unit: str | None, groups: tuple[str, ...] | None = None
) -> Credentials:
    """A new account with a new password. NotFound for an unknown unit, Conflict for a taken login, Unacceptable for
    groups that the unit doesn't have."""
    if not login.strip() or len(login) > LOGIN_LENGTH or plain_line(login) != login:
        raise Unacceptable("login", f"A login is one line of 1 to {LOGIN_LENGTH} characters.")
    if (role == "operator") != (unit is None):
        raise Unacceptable("unit", "An operator belongs to no unit, everybody else to one.")
    if groups is not None and role != "sender":
        raise Unacceptable("groups", "Only a sender is limited to groups.")
    password, secret = security.new_password(), security.new_totp_secret()
    key_id, blob = books.cipher.encrypt(secret, context=accounts.SECRET_CONTEXT)
    new = accounts.NewAccount(
        id=new_id(),
        login=login,
        role=role,
        unit=unit,
        groups=groups,
        password_hash=await books.passwords.hash(password),
        totp_key_id=key_id,
        totp_secret=blob,
    )
    detail = {"role": role, "groups": None if groups is None else list(groups)}
    async with books.change(actor, "account.created", f"account/{new.id}", unit=unit, detail=detail) as connection:
        if unit is not None:
            await _check_unit(connection, unit, groups)
        if not await accounts.create(connection, new):
            raise Conflict("login-taken", "There is an account with this login already.")
    return Credentials(new.id, login, password, secret, security.totp_uri(secret, login))


async def _check_unit(connection: AsyncConnection, unit: str, groups: tuple[str, ...] | None) -> None:
    if await units.get(connection, unit) is None:
        raise NotFound("There is no such unit.")
    known = {group.code for group in await units.groups_of(connection, unit)}
    if groups is not None and not set(groups) <= known:
        raise Unacceptable("groups", "The unit has no such group.")
