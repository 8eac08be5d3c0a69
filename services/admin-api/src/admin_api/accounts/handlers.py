"""Accounts are made by the operator's command line, which shows password and TOTP secret once; with them their owners
sign in and out. Whatever is wrong with a sign-in, the answer is the same, and takes the same work."""

from datetime import datetime

from admin_api.accounts import credentials, store
from admin_api.accounts.model import LOGIN_LENGTH, Credentials, NewAccount, Session, SignInAttempt, lock_after
from admin_api.kernel.context import Context, Database
from admin_api.kernel.errors import Conflict, SignedOut, SignInRefused, Unacceptable
from admin_api.kernel.roles import Caller, Role
from admin_api.kernel.text import plain_line
from admin_api.units.handlers import require, require_groups
from runtime.ids import new_id


async def create(
    database: Database, actor: str, *, login: str, role: Role, unit: str | None, groups: tuple[str, ...] | None = None
) -> Credentials:
    """A new account with a new password. NotFound for an unknown unit, Conflict for a taken login, Unacceptable for
    groups that the unit doesn't have."""
    if not login.strip() or len(login) > LOGIN_LENGTH or plain_line(login) != login:
        raise Unacceptable("login", f"A login is one line of 1 to {LOGIN_LENGTH} characters.")
    if (role == "operator") != (unit is None):
        raise Unacceptable("unit", "An operator belongs to no unit, everybody else to one.")
    if groups is not None and role != "sender":
        raise Unacceptable("groups", "Only a sender is limited to groups.")
    password, secret = credentials.new_password(), credentials.new_totp_secret()
    key_id, blob = database.cipher.encrypt(secret, context=store.SECRET_CONTEXT)
    new = NewAccount(
        id=new_id(),
        login=login,
        role=role,
        unit=unit,
        groups=groups,
        password_hash=await database.passwords.hash(password),
        totp_key_id=key_id,
        totp_secret=blob,
    )
    detail = {"role": role, "groups": None if groups is None else list(groups)}
    async with database.change(actor, "account.created", f"account/{new.id}", unit=unit, detail=detail) as connection:
        if unit is not None:
            await require(connection, unit)
            await require_groups(connection, unit, groups, "groups")
        if not await store.create(connection, new):
            raise Conflict("login-taken", "There is an account with this login already.")
    return Credentials(new.id, login, password, secret, credentials.totp_uri(secret, login))


async def sign_in(context: Context, login: str, password: str, code: str) -> Session:
    """Open a session. SignInRefused for anything wrong.

    The attempt is counted before the password is looked at; only a right password with an unused one-time password
    takes the count back."""
    database = context.database
    now = database.clock()
    async with database.engine.begin() as connection:
        attempt = await store.attempt(connection, login, now)
    right = await database.passwords.check(attempt.password_hash if attempt else None, password)
    step = None
    if attempt is not None:
        secret = database.cipher.decrypt(attempt.totp_key_id, attempt.totp_secret, context=store.SECRET_CONTEXT)
        step = credentials.totp_step(secret, code, now)
    if attempt is None or not right or step is None:
        await _refused(context, attempt, now)
        raise SignInRefused
    token, expires_at = credentials.new_session_token(), now + context.session_life
    account = attempt.caller.account
    async with database.engine.begin() as connection:
        fresh = await store.use_totp(connection, account, step)
        if fresh:
            await store.forget_sessions(connection, now)
            await store.open_session(connection, account, credentials.token_hash(token), now, expires_at)
            await database.audit(
                connection, attempt.caller.actor, "session.opened", attempt.caller.actor, unit=attempt.caller.unit
            )
    if not fresh:
        await _refused(context, attempt, now)
        raise SignInRefused
    return Session(attempt.caller, token, expires_at)


async def session(context: Context, token: str) -> Session:
    """The session with this token. SignedOut when there is none, or it has ended."""
    async with context.database.engine.begin() as connection:
        found = await store.caller_of(
            connection, credentials.token_hash(token), context.database.clock(), context.session_idle
        )
    if found is None:
        raise SignedOut
    caller, expires_at = found
    return Session(caller, token, expires_at)


async def sign_out(context: Context, who: Caller, token: str) -> None:
    """End the caller's session."""
    async with context.database.change(who.actor, "session.closed", who.actor, unit=who.unit) as connection:
        await store.close_session(connection, credentials.token_hash(token))


async def _refused(context: Context, attempt: SignInAttempt | None, now: datetime) -> None:
    pause = lock_after(attempt.failures) if attempt else None
    if attempt is None or pause is None:
        return
    who, detail = attempt.caller, {"failures": attempt.failures, "seconds": int(pause.total_seconds())}
    async with context.database.change(
        "nobody", "account.locked", who.actor, unit=who.unit, detail=detail
    ) as connection:
        await store.lock(connection, who.account, now + pause)
