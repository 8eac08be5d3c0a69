"""Settings come from environment variables `RENRAKUMO_*` only, are checked once, and never change.

A service subclasses ServiceSettings, adds what it needs and calls `load`. Whatever is missing or wrong is named,
all at once, without ever showing a value (it may be a secret), and the process ends with exit code 78 (EX_CONFIG).
"""

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, PlainValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runtime.crypto.keys import KeyRing, decode_key, parse_public_keys

PREFIX = "RENRAKUMO_"
EX_CONFIG = 78


def _ring(value: Any) -> KeyRing:
    return value if isinstance(value, KeyRing) else KeyRing.parse(str(value))


def _ring_32(value: Any) -> KeyRing:
    return value if isinstance(value, KeyRing) else KeyRing.parse(str(value), size=32)


def _public(value: Any) -> Mapping[str, tuple[str, bytes]]:
    return value if isinstance(value, Mapping) else parse_public_keys(str(value))


class SecretKey:
    """One secret key that does not show itself when printed."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "SecretKey(...)"


def _secret_key(value: Any) -> SecretKey:
    return value if isinstance(value, SecretKey) else SecretKey(decode_key(str(value)))


KeyRingSetting = Annotated[KeyRing, NoDecode, PlainValidator(_ring), Field(repr=False)]
"""A variable of the form `id:base64,id:base64` (tokens)."""

CipherKeysSetting = Annotated[KeyRing, NoDecode, PlainValidator(_ring_32), Field(repr=False)]
"""A variable of the form `id:base64,id:base64`, each key of 32 bytes (field ciphers, private keys for sealing)."""

PublicKeysSetting = Annotated[Mapping[str, tuple[str, bytes]], NoDecode, PlainValidator(_public)]
"""A variable of the form `service:id:base64,...`."""

SecretKeySetting = Annotated[SecretKey, NoDecode, PlainValidator(_secret_key), Field(repr=False)]
"""A variable that holds one base64 key of at least 16 bytes; `.value` gives the bytes."""


class ServiceSettings(BaseSettings):
    """Environment variables of every service; each gives `health_port` a default of its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    nats_url: str
    """The bus: `nats://host:port`, of a cluster all servers with commas between."""
    nats_user: str
    """Name of the service's account on the bus: its own name."""
    nats_password: SecretStr
    """Password of the service's account on the bus."""
    base_domain: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$")
    """Domain below which every unit has its own: `<unit>.<base domain>`."""
    health_host: str = "127.0.0.1"
    """Address on which `/healthz`, `/readyz` and `/metrics` are served."""
    health_port: int = Field(ge=0, le=65535)
    """Port on which `/healthz`, `/readyz` and `/metrics` are served; 0: any."""
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")
    """Least level that is logged."""
    nice: int = Field(default=0, ge=0, le=19)
    """How far the process stands back (nice(1)) when all processors are in use: reading replies can wait, what is to go
    out can't."""


class ReadingSettings(ServiceSettings):
    """Environment variables of every service that reads mail: how much of one mail it looks at."""

    reading_max_size: int = Field(default=10_000_000, ge=100_000)
    """Octets of one mail that are looked at; the rest is passed over, and the mail is neither refused nor lost."""
    reading_max_parts: int = Field(default=300, ge=10, le=10_000)
    """Parts of one mail that are looked at."""
    reading_max_depth: int = Field(default=150, ge=5, le=200)
    """How deep parts within parts are looked at."""
    reading_max_headers: int = Field(default=1000, ge=50)
    """Header fields of one part that are looked at."""
    reading_max_line: int = Field(default=20_000, ge=1000)
    """Characters of a line: a longer header field is cut, a longer line of text broken."""

    def reading_limits(self) -> dict[str, int]:
        """The bounds of reading, by the names that the library of mail has for them."""
        return {
            "size": self.reading_max_size,
            "parts": self.reading_max_parts,
            "depth": self.reading_max_depth,
            "headers": self.reading_max_headers,
            "line": self.reading_max_line,
        }


S = TypeVar("S", bound=BaseSettings)


def load(cls: type[S]) -> S:
    """Read the environment; on any problem print every variable concerned on stderr and raise SystemExit(78)."""
    try:
        return cls()
    except ValidationError as error:
        lines = sorted({_line(dict(problem)) for problem in error.errors(include_input=False, include_url=False)})
    sys.stderr.write("\n  ".join(["Settings are not complete:", *lines]) + "\n")
    raise SystemExit(EX_CONFIG)


def _line(problem: Mapping[str, Any]) -> str:
    where = problem["loc"][0] if problem["loc"] else ""
    name = PREFIX + str(where).upper()
    if problem["type"] == "missing":
        return f"{name} is not set"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    value = os.environ.get(name, "")
    if value and value in reason:
        reason = "is not valid"
    return f"{name}: {reason}"
