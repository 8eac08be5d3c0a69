"""Settings of ingress-smtp: environment variables with the prefix `RENRAKUMO_`."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, field_validator, model_validator
from pydantic_settings import NoDecode

from ingress_smtp.admission.bounds import UNIT_LIMITS, Network
from ingress_smtp.admission.limits import Allowance, parse_allowances
from mail.addresses import Kind, normalise, normalise_domain
from runtime.dns.client import parse_servers
from runtime.settings import PublicKeysSetting, ReadingSettings, SecretKeySetting

SERVICE = "ingress-smtp"
LARGEST_MAIL = 4_500_000
"""Octets; a larger mail, sealed and written as text, would not fit into a message on the bus (8 MB)."""


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _allowances(value: Any) -> Mapping[str, Allowance]:
    """What is named takes the place of the default of its kind."""
    given = parse_allowances(value) if isinstance(value, str) else dict(value)
    unknown = [kind for kind in given if kind not in set(Kind)]
    if unknown:
        raise ValueError("a kind of address that does not exist")
    return parse_allowances(UNIT_LIMITS) | given


def _domains(value: Any) -> frozenset[str]:
    return frozenset(normalise_domain(part) for part in (_parts(value) if isinstance(value, str) else value))


def _networks(value: Any) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in (_parts(value) if isinstance(value, str) else value))


PRIVATE = _networks("127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::1/128,fc00::/7,fe80::/10")

AllowancesSetting = Annotated[Mapping[str, Allowance], NoDecode, PlainValidator(_allowances)]
DomainsSetting = Annotated[frozenset[str], NoDecode, PlainValidator(_domains)]
NetworksSetting = Annotated[tuple[Network, ...], NoDecode, PlainValidator(_networks)]


class Settings(ReadingSettings):
    """Sizes in octets, times in seconds. `helo_name` is how we greet (default: the base domain)."""

    health_port: int = 9101
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=2525, ge=0, le=65535)
    smtp_share_port: bool = False
    helo_name: str | None = None
    operator_address: str | None = Field(default=None, repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    seal_public_keys: PublicKeysSetting
    sender_key: SecretKeySetting
    post_secret_key: SecretKeySetting

    smtp_max_size: int = Field(default=4_000_000, ge=10_000, le=LARGEST_MAIL)
    smtp_max_recipients: int = Field(default=50, ge=1)
    smtp_bare_newlines: Literal["normalise", "refuse"] = "normalise"
    smtp_in_hand: int = Field(default=256_000_000, ge=50_000_000)
    smtp_backlog_slow: int = Field(default=10_000, ge=1)
    smtp_backlog_full: int = Field(default=100_000, ge=1)

    smtp_timeout: float = Field(default=300.0, gt=0)
    smtp_session_seconds: float = Field(default=3600.0, gt=0)
    smtp_min_rate: float = Field(default=1_000.0, gt=0)
    smtp_patience: float = Field(default=60.0, gt=0)
    smtp_greeting_delay: float = Field(default=0.0, ge=0, le=60)
    smtp_tarpit: float = Field(default=5.0, ge=0, le=60)
    smtp_max_errors: int = Field(default=20, ge=1)
    smtp_max_unknown_recipients: int = Field(default=20, ge=1)
    publish_timeout: float = Field(default=5.0, gt=0)

    smtp_max_connections: int = Field(default=1000, ge=1)
    smtp_max_connections_per_peer: int = Field(default=200, ge=1)
    smtp_connecting_rate_per_peer: float = Field(default=400.0, gt=0)
    smtp_connecting_burst_per_peer: int = Field(default=24_000, ge=1)
    smtp_rate_per_peer: float = Field(default=400.0, gt=0)
    smtp_burst_per_peer: int = Field(default=24_000, ge=1)
    smtp_unknown_rate_per_peer: float = Field(default=1.0, gt=0)
    smtp_unknown_burst_per_peer: int = Field(default=200, ge=1)
    smtp_rate_per_sender: float = Field(default=0.5, gt=0)
    smtp_burst_per_sender: int = Field(default=60, ge=1)
    smtp_unit_limits: AllowancesSetting = Field(default_factory=lambda: parse_allowances(UNIT_LIMITS))

    authentication: bool = True
    authentication_seconds: float = Field(default=3.0, gt=0, le=30)
    trusted_relays: NetworksSetting = PRIVATE
    trusted_arc: DomainsSetting = frozenset()
    dns_servers: Annotated[tuple[tuple[str, int], ...], NoDecode, PlainValidator(parse_servers)] = ()

    smtp_tls_required_from: DomainsSetting = frozenset()
    proxy_protocol: bool = False
    proxy_from: NetworksSetting = ()

    @field_validator("operator_address")
    @classmethod
    def _sendable(cls, value: str | None) -> str | None:
        return normalise(value) if value else None

    @field_validator("seal_public_keys")
    @classmethod
    def _complete(cls, value: PublicKeysSetting) -> PublicKeysSetting:
        missing = [service for service in ("registry", "receipts", "dispatcher") if service not in value]
        if missing:
            raise ValueError(f"no public key of {', '.join(missing)}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS_CERTIFICATE and TLS_KEY must both be set, or neither")
        if self.proxy_protocol != bool(self.proxy_from):
            raise ValueError("PROXY_PROTOCOL=on and PROXY_FROM must both be set, or neither")
        if self.operator_address is not None:
            domain = self.operator_address.rpartition("@")[2]
            if domain == self.base_domain or domain.endswith(f".{self.base_domain}"):
                raise ValueError("OPERATOR_ADDRESS must not lie in the base domain: its mail would come back for ever")
        return self
