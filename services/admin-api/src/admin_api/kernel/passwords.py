"""Passwords (argon2id): hashed and checked outside the event loop, a few at a time."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Hashes and checks passwords outside the event loop, a few at a time (each takes 64 MiB).

    Somebody unknown costs as much time as somebody known: `check` with None verifies against a hash of nothing.
    `hasher`: argon2id at the second recommended cost of RFC 9106 section 4, unless another is given."""

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = 2) -> None:
        self._hasher = hasher or PasswordHasher()
        self._dummy = self._hasher.hash(secrets.token_urlsafe(16))
        self._slots = asyncio.Semaphore(at_once)

    async def hash(self, password: str) -> str:
        """What is stored of a password: an argon2id hash with its parameters and salt."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Does the password belong to this stored hash? False, after the same work, when there is none."""
        async with self._slots:
            matches = await asyncio.to_thread(self._matches, stored or self._dummy, password)
        return matches and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
