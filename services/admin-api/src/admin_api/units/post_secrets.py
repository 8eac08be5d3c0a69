"""Secrets of groups' post addresses: drawn here, known to the directory as keyed hashes only."""

import secrets
from collections.abc import Callable

from contracts.directory import SECRET_ALPHABET, SECRET_LENGTH, secret_text
from runtime.crypto.ciphers import KeyedHash


def new_post_secret() -> str:
    """The secret part of a group's post address, short enough to type on a phone: about 59 bits."""
    return "".join(secrets.choice(SECRET_ALPHABET) for _ in range(SECRET_LENGTH))


def post_secret_hasher(key: KeyedHash) -> Callable[[str, str, str], str]:
    """(unit, group, secret) -> what the directory holds of it."""
    return lambda unit, group, secret: key.hexdigest(secret_text(unit, group, secret))
