"""Encryption and keyed hashes for single database fields.

FieldCipher: AES-256-GCM, a random nonce before the ciphertext, the key's id stored beside it, and a context (for
example `member.address:<id>`) as additional data, so that a value moved to another row or column does not decrypt.
KeyedHash: HMAC-SHA256, to look up or recognise a value again without being able to read it.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.crypto.keys import KeyRing
from runtime.errors import CipherError, UnknownKey

_NONCE = 12


class FieldCipher:
    """Encrypts with the ring's current key, decrypts with any. Keys must have 32 bytes (ValueError)."""

    def __init__(self, keys: KeyRing) -> None:
        if any(len(key) != 32 for key in keys):
            raise ValueError("field cipher keys must have 32 bytes")
        self._current = keys.current[0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def encrypt(self, text: str, *, context: str) -> tuple[str, bytes]:
        """Key id, and nonce (12 bytes) + ciphertext + tag (16 bytes)."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), context.encode())
        return self._current, nonce + sealed

    def decrypt(self, key_id: str, blob: bytes, *, context: str) -> str:
        """The text; UnknownKey when the ring lacks its key, CipherError when the context differs or it was altered."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey("encrypted_with_unknown_key")
        try:
            return cipher.decrypt(blob[:_NONCE], blob[_NONCE:], context.encode()).decode()
        except (InvalidTag, ValueError):
            raise CipherError("encrypted_field_does_not_open") from None


class KeyedHash:
    """HMAC-SHA256 with one key; equal texts give equal hashes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a hash key must have at least 16 bytes")
        self._key = key

    def digest(self, text: str) -> bytes:
        """32 bytes."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def hexdigest(self, text: str) -> str:
        """64 lower-case hexadecimal characters."""
        return self.digest(text).hex()
