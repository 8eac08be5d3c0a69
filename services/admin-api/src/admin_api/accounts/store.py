"""Accounts and their sessions. Attempts to sign in are counted before the password is looked at, so that many at once
count as many."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.accounts.model import NewAccount, SignInAttempt
from admin_api.accounts.tables import accounts, sessions
from admin_api.kernel.roles import Caller, Role

SECRET_CONTEXT = "office.accounts.totp_secret"  # noqa: S105 (the name of a column)
_SEEN_EVERY = timedelta(minutes=1)


async def create(connection: AsyncConnection, new: NewAccount) -> bool:
    """Create an account; False when the login is taken."""
    values = {
        "id": new.id,
        "login": new.login,
        "role": new.role,
        "unit": new.unit,
        "groups": None if new.groups is None else list(new.groups),
        "password_hash": new.password_hash,
        "totp_key_id": new.totp_key_id,
        "totp_secret": new.totp_secret,
    }
    result = await connection.execute(insert(accounts).values(values).on_conflict_do_nothing())
    return result.rowcount == 1


async def attempt(connection: AsyncConnection, login: str, now: datetime) -> SignInAttempt | None:
    """Count an attempt; None when there is no such account, or it takes none now."""
    open_now = or_(accounts.c.locked_until.is_(None), accounts.c.locked_until <= now)
    query = (
        update(accounts)
        .where(accounts.c.login == login, accounts.c.active, open_now)
        .values(failed_count=accounts.c.failed_count + 1)
        .returning(accounts)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return SignInAttempt(_caller(row), row.password_hash, row.totp_key_id, bytes(row.totp_secret), row.failed_count)


async def lock(connection: AsyncConnection, account: int, until: datetime) -> None:
    """Let the account take no sign-in until then."""
    await connection.execute(update(accounts).where(accounts.c.id == account).values(locked_until=until))


async def use_totp(connection: AsyncConnection, account: int, step: int) -> bool:
    """Use up a one-time password and forget the failures; False when it, or a later one, was used before."""
    query = (
        update(accounts)
        .where(accounts.c.id == account, accounts.c.totp_last_step < step)
        .values(totp_last_step=step, failed_count=0, locked_until=None)
    )
    return (await connection.execute(query)).rowcount == 1


async def open_session(
    connection: AsyncConnection, account: int, token_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Keep a session, by the hash of its token."""
    await connection.execute(
        sessions.insert().values(
            token_hash=token_hash, account=account, created_at=now, last_seen_at=now, expires_at=expires_at
        )
    )


async def caller_of(
    connection: AsyncConnection, token_hash: bytes, now: datetime, idle: timedelta
) -> tuple[Caller, datetime] | None:
    """Whose session it is and when it ends at the latest; None when it has ended."""
    query = (
        select(accounts, sessions.c.expires_at, sessions.c.last_seen_at)
        .join(sessions, sessions.c.account == accounts.c.id)
        .where(
            sessions.c.token_hash == token_hash,
            sessions.c.expires_at > now,
            sessions.c.last_seen_at > now - idle,
            accounts.c.active,
        )
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    if row.last_seen_at < now - _SEEN_EVERY:
        await connection.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(last_seen_at=now))
    return _caller(row), row.expires_at


async def close_session(connection: AsyncConnection, token_hash: bytes) -> None:
    """End the session with this token, if there is one."""
    await connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))


async def forget_sessions(connection: AsyncConnection, now: datetime) -> None:
    """Delete sessions that have ended."""
    await connection.execute(delete(sessions).where(sessions.c.expires_at < now))


def _caller(row: Any) -> Caller:
    groups = row.groups
    return Caller(
        account=row.id,
        login=row.login,
        role=cast(Role, row.role),
        unit=row.unit,
        groups=None if groups is None else tuple(groups),
    )
