"""Passwords (argon2id), one-time passwords (TOTP, RFC 6238), session tokens and post secrets."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.directory import SECRET_ALPHABET, SECRET_LENGTH, secret_text
from runtime.crypto.ciphers import KeyedHash

TOTP_SECONDS = 30
ISSUER = "Renrakumo"
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords:
    """Hashes and checks passwords outside the event loop, a few at a time (each takes 64 MiB).

    Somebody unknown costs as much time as somebody known: `check` with None verifies against a hash of nothing."""

    def __init__(self, *, at_once: int = 2) -> None:
        self._hasher = PasswordHasher()
        self._dummy = self._hasher.hash(secrets.token_urlsafe(16))
        self._slots = asyncio.Semaphore(at_once)

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        async with self._slots:
            matches = await asyncio.to_thread(self._matches, stored or self._dummy, password)
        return matches and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def new_totp_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def totp_uri(secret: str, login: str) -> str:
    """`otpauth://` address for an authenticator app."""
    return pyotp.TOTP(secret, interval=TOTP_SECONDS).provisioning_uri(name=login, issuer_name=ISSUER)


def totp_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step for which `code` is right: this one or a neighbour (clocks differ); None when for none."""
    totp = pyotp.TOTP(secret, interval=TOTP_SECONDS)
    digits = "".join(code.split())
    current = int(now.timestamp()) // TOTP_SECONDS
    found = None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode("utf-8", "replace")):
            found = step
    return found


def new_session_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a session token: it is random enough for a plain hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_password() -> str:
    """A first password that can be read out on the phone: about 99 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(4))


def new_post_secret() -> str:
    """The secret part of a group's post address, short enough to type on a phone: about 59 bits."""
    return "".join(secrets.choice(SECRET_ALPHABET) for _ in range(SECRET_LENGTH))


def post_secret_hasher(key: KeyedHash) -> Callable[[str, str, str], str]:
    """(unit, group, secret) -> what the directory holds of it."""
    return lambda unit, group, secret: key.hexdigest(secret_text(unit, group, secret))


def fingerprinter(key: KeyedHash) -> Callable[[str], bytes]:
    """text -> 32 bytes. The prefix keeps it apart from post secrets, which are hashed with the same key."""
    return lambda text: key.digest(f"request\0{text}")
