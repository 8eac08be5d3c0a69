"""Settings of ingress-smtp: environment variables with the prefix `RENRAKUMO_`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PlainValidator, field_validator, model_validator
from pydantic_settings import NoDecode

from ingress_smtp.admission.bounds import AdmissionBounds
from ingress_smtp.admission.parsing import DomainsSetting, NetworksSetting, parse_networks
from mail.addresses import normalise
from runtime.dns.client import parse_servers
from runtime.settings import PublicKeysSetting, ReadingSettings, SecretKeySetting

SERVICE = "ingress-smtp"

PRIVATE = parse_networks(
    "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::1/128,fc00::/7,fe80::/10"
)


class Settings(ReadingSettings, AdmissionBounds):
    """What is set from outside; the bounds of what may come in are inherited. Sizes in octets, times in seconds.
    `helo_name` is how we greet (default: the base domain). `smtp_in_hand`: memory for mails that are being received and
    stored."""

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

    smtp_in_hand: int = Field(default=256_000_000, ge=50_000_000)
    smtp_backlog_slow: int = Field(default=10_000, ge=1)
    smtp_backlog_full: int = Field(default=100_000, ge=1)
    publish_timeout: float = Field(default=5.0, gt=0)

    authentication: bool = True
    authentication_seconds: float = Field(default=3.0, gt=0, le=30)
    trusted_relays: NetworksSetting = PRIVATE
    trusted_arc: DomainsSetting = frozenset()
    dns_servers: Annotated[tuple[tuple[str, int], ...], NoDecode, PlainValidator(parse_servers)] = ()

    proxy_protocol: bool = False

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
