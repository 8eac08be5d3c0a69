"""Accounts and their sessions: what they are, and when to slow down who guesses a password. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from admin_api.kernel.roles import Caller, Role

LOGIN_LENGTH = 64
FREE_FAILURES: Final = 4
LONGEST_LOCK: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a new account's owner needs. Shown once, kept nowhere."""

    id: int
    login: str
    password: str
    totp_secret: str
    otpauth: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to create; the secret is encrypted already."""

    id: int
    login: str
    role: Role
    unit: str | None
    groups: tuple[str, ...] | None
    password_hash: str
    totp_key_id: str
    totp_secret: bytes


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """An account that somebody tries to enter, with this attempt counted already."""

    caller: Caller
    password_hash: str
    totp_key_id: str
    totp_secret: bytes
    failures: int


@dataclass(frozen=True, slots=True)
class Session:
    """An account that is signed in: whose, with what token, until when at the latest."""

    caller: Caller
    token: str
    expires_at: datetime


def lock_after(failures: int) -> timedelta | None:
    """How long an account takes no sign-in after so many failures in a row: from the fifth on 30 s, doubling."""
    if failures <= FREE_FAILURES:
        return None
    return min(LONGEST_LOCK, timedelta(seconds=30 << min(failures - FREE_FAILURES - 1, 12)))
