"""Signing in and out. Whatever is wrong, the answer is the same, and takes the same work."""

from dataclasses import dataclass
from datetime import datetime

from admin_api.accounts import credentials as security
from admin_api.accounts import store as accounts
from admin_api.kernel.context import Office
from admin_api.kernel.errors import SignedOut, SignInRefused
from admin_api.kernel.roles import Caller, lock_after


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: whose, with what token, until when at the latest."""

    caller: Caller
    token: str
    expires_at: datetime


async def sign_in(office: Office, login: str, password: str, code: str) -> SignedIn:
    """Open a session. SignInRefused for anything wrong.

    The attempt is counted before the password is looked at; only a right password with an unused one-time password
    takes the count back."""
    books = office.books
    now = books.clock()
    async with books.engine.begin() as connection:
        attempt = await accounts.attempt(connection, login, now)
    right = await books.passwords.check(attempt.password_hash if attempt else None, password)
    step = None
    if attempt is not None:
        secret = books.cipher.decrypt(attempt.totp_key_id, attempt.totp_secret, context=accounts.SECRET_CONTEXT)
        step = security.totp_step(secret, code, now)
    if attempt is None or not right or step is None:
        await _refused(office, attempt, now)
        raise SignInRefused
    token, expires_at = security.new_session_token(), now + office.session_life
    account = attempt.caller.account
    async with books.engine.begin() as connection:
        fresh = await accounts.use_totp(connection, account, step)
        if fresh:
            await accounts.forget_sessions(connection, now)
            await accounts.open_session(connection, account, security.token_hash(token), now, expires_at)
            await books.audit(
                connection, attempt.caller.actor, "session.opened", attempt.caller.actor, unit=attempt.caller.unit
            )
    if not fresh:
        await _refused(office, attempt, now)
        raise SignInRefused
    return SignedIn(attempt.caller, token, expires_at)


async def caller(office: Office, token: str) -> tuple[Caller, datetime]:
    """Whose session it is, and when it ends at the latest. SignedOut when there is none."""
    async with office.books.engine.begin() as connection:
        found = await accounts.caller_of(
            connection, security.token_hash(token), office.books.clock(), office.session_idle
        )
    if found is None:
        raise SignedOut
    return found


async def sign_out(office: Office, who: Caller, token: str) -> None:
    async with office.books.change(who.actor, "session.closed", who.actor, unit=who.unit) as connection:
        await accounts.close_session(connection, security.token_hash(token))


async def _refused(office: Office, attempt: accounts.Attempt | None, now: datetime) -> None:
    pause = lock_after(attempt.failures) if attempt else None
    if attempt is None or pause is None:
        return
    who, detail = attempt.caller, {"failures": attempt.failures, "seconds": int(pause.total_seconds())}
    async with office.books.change("nobody", "account.locked", who.actor, unit=who.unit, detail=detail) as connection:
        await accounts.lock(connection, who.account, now + pause)
