"""Key rings: several keys of one purpose, each with an id, the first of them current.

A ring comes from an environment variable as `id:base64,id:base64`. New things are made with the current key; things
made with any key of the ring are still understood, which is what makes rotation possible without a pause.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class KeyRing:
    """An ordered, immutable set of keys. Never shows a key in its repr."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("a key ring needs at least one key")
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str, *, size: int | None = None) -> "KeyRing":
        """Read `id:base64,id:base64`; with `size`, every key must have that many bytes. ValueError says what is
        wrong without showing the key."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, colon, encoded = part.partition(":")
            if not colon or not _ID.fullmatch(key_id):
                raise ValueError("each key must be written as id:base64")
            if key_id in keys:
                raise ValueError("a key id appears twice")
            keys[key_id] = decode_key(encoded, size=size)
        return cls(keys)

    @property
    def current(self) -> tuple[str, bytes]:
        """Id and bytes of the key that new things are made with."""
        return next(iter(self._keys.items()))

    def get(self, key_id: str) -> bytes | None:
        """The key of that id, or None."""
        return self._keys.get(key_id)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All ids and keys, current first."""
        return iter(self._keys.items())

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def decode_key(encoded: str, *, size: int | None = None) -> bytes:
    """Bytes of a base64 key (standard or URL alphabet, padding optional); ValueError without the value."""
    text = encoded.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a key is not valid base64") from None
    if size is not None and len(key) != size:
        raise ValueError(f"a key must have {size} bytes")
    if len(key) < 16:
        raise ValueError("a key must have at least 16 bytes")
    return key


def parse_public_keys(text: str) -> Mapping[str, tuple[str, bytes]]:
    """Read `service:id:base64,...` into service -> (key id, X25519 public key of 32 bytes)."""
    keys: dict[str, tuple[str, bytes]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        fields = part.split(":")
        if len(fields) != 3 or not _ID.fullmatch(fields[0]) or not _ID.fullmatch(fields[1]):
            raise ValueError("each public key must be written as service:id:base64")
        if fields[0] in keys:
            raise ValueError("a service appears twice")
        keys[fields[0]] = (fields[1], decode_key(fields[2], size=32))
    return MappingProxyType(keys)
