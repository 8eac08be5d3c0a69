"""Settings of the dispatcher: environment variables RENRAKUMO_*, checked at start."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from dispatcher.policy.carriers_file import load_carriers
from dispatcher.routing.route_table import RouteTable, parse_routes
from dispatcher.smtp.next_hop import SMTP_PORT
from mail.outgoing.dkim_keys import DkimKeys
from runtime.dns.client import parse_servers
from runtime.settings import CipherKeysSetting, KeyRingSetting, PublicKeysSetting, ServiceSettings

SERVICE = "dispatcher"
"""This service on the bus, and in the boxes that are sealed for it."""

_MOST_SECONDS = 7 * 86_400


def _routes(value: Any) -> RouteTable:
    return value if isinstance(value, RouteTable) else parse_routes(str(value))


def _plan(value: Any) -> tuple[float, ...] | None:
    if value is None or isinstance(value, tuple):
        return value
    try:
        steps = tuple(float(part) for part in str(value).split(",") if part.strip())
    except ValueError:
        raise ValueError("must be seconds separated by commas, for example 60,300,900") from None
    if not all(0 < step <= _MOST_SECONDS for step in steps):
        raise ValueError("each step must be more than 0 and at most 7 days, in seconds")
    return steps or None


def _carriers(value: Any) -> Path | None:
    """A carriers file that can be used: its mistakes shall be told at start, with all other complaints."""
    if not value:
        return None
    try:
        load_carriers(Path(value))
    except ValueError as error:
        # A reason that repeats the variable's value would be held back as a secret.
        raise ValueError(str(error).replace(str(value), "the file")) from None
    return Path(value)


def _dkim(value: Any) -> DkimKeys:
    return value if isinstance(value, DkimKeys) else DkimKeys.parse(str(value))


class Settings(ServiceSettings):
    """Environment variables of the dispatcher."""

    health_port: int = Field(default=9103, ge=0, le=65535)
    routes: Annotated[RouteTable, NoDecode, PlainValidator(_routes), Field(repr=False)]
    """Where mail goes: `domain=host:port` or `domain=mx`, comma between, `*` for the rest. Without a default, so that
    no mail leaves the network before somebody said where to."""
    retry_plan: Annotated[tuple[float, ...] | None, NoDecode, PlainValidator(_plan)] = None
    """Seconds to wait before each further attempt, in place of the carriers' plans; for trials."""
    carriers: Annotated[Path | None, NoDecode, PlainValidator(_carriers)] = None
    """A file with what differs from the carriers as shipped."""
    dns_servers: Annotated[tuple[tuple[str, int], ...], NoDecode, PlainValidator(parse_servers)] = ()
    """Resolvers that are asked: `address:port`, IPv6 in `[ ]`; none: those of the system."""
    mta_sts: bool = True
    """Follow the policies that recipients' domains publish about encryption (RFC 8461)."""
    mx_private: Literal["refuse", "allow"] = "refuse"
    """Whether MX records may name servers on private addresses; `allow` is for trials."""
    mx_port: int = Field(default=SMTP_PORT, ge=1, le=65535)
    """Port of the mail servers that MX records name; another than 25 is for trials."""
    public_url: str | None = None
    """Base of the unsubscribe URLs: the info site's as the world reaches it."""
    helo_name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")
    """The machine's name in the SMTP greeting and in EHLO; none: the base domain."""
    sending_address: str | None = Field(default=None, max_length=253)
    """Dispatchers of the same one share what carriers allow to one address; none: the machine's name."""
    token_keys: KeyRingSetting
    """Keys that make and check the tokens in reply and bounce addresses, current first."""
    dkim_keys: Annotated[DkimKeys, NoDecode, PlainValidator(_dkim), Field(repr=False)] = DkimKeys()
    """Keys that sign outgoing mail, as `renrakumo dkim generate` makes them; without any, mail goes out unsigned."""
    seal_private_keys: CipherKeysSetting
    """The service's own private keys, with which it opens what was sealed for it, current first."""
    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""

    @field_validator("public_url")
    @classmethod
    def _a_url(cls, value: str | None) -> str | None:
        value = (value or "").rstrip("/")
        if value and not re.fullmatch(r"https?://[!-;=?-~]{1,200}", value):
            raise ValueError("must be an http or https URL")
        return value or None

    @field_validator("mta_sts", "mx_private", "mx_port", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any, info: ValidationInfo) -> Any:
        return cls.model_fields[str(info.field_name)].default if value == "" else value

    @field_validator("helo_name", "sending_address", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return value or None

    @field_validator("dkim_keys")
    @classmethod
    def _of_use(cls, value: DkimKeys, info: ValidationInfo) -> DkimKeys:
        base_domain = info.data.get("base_domain")
        if base_domain and (strangers := value.strangers(base_domain)):
            raise ValueError(f"no mail of ours is from {strangers[0].domain}: a key there can sign nothing")
        return value

    @field_validator("seal_public_keys")
    @classmethod
    def _own_key(cls, value: Mapping[str, tuple[str, bytes]]) -> Mapping[str, tuple[str, bytes]]:
        if SERVICE not in value:
            raise ValueError("needs an entry for dispatcher")
        return value
