"""Settings of ingress-smtp: environment variables with the prefix `RENRAKUMO_`."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from mail.addresses import normalise
from runtime.settings import PublicKeysSetting, SecretKeySetting, ServiceSettings

SERVICE = "ingress-smtp"
LARGEST_MAIL = 4_500_000
"""Octets; a larger mail, sealed and written as text, would not fit into a message on the bus (8 MB)."""


class Settings(ServiceSettings):
    """Sizes in octets, times in seconds. `helo_name` is how we greet (default: the base domain)."""

    health_port: int = 9101
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=2525, ge=0, le=65535)
    helo_name: str | None = None
    operator_address: str | None = Field(default=None, repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    seal_public_keys: PublicKeysSetting
    sender_key: SecretKeySetting
    post_secret_key: SecretKeySetting

    smtp_max_size: int = Field(default=4_000_000, ge=10_000, le=LARGEST_MAIL)
    smtp_max_recipients: int = Field(default=50, ge=1)
    smtp_max_unknown_recipients: int = Field(default=30, ge=1)
    smtp_timeout: float = Field(default=300.0, gt=0)
    smtp_session_seconds: float = Field(default=3600.0, gt=0)
    smtp_max_connections: int = Field(default=1000, ge=1)
    smtp_max_connections_per_peer: int = Field(default=100, ge=1)
    smtp_rate_per_peer: float = Field(default=50.0, gt=0)
    smtp_burst_per_peer: int = Field(default=2000, ge=1)
    smtp_unknown_rate_per_peer: float = Field(default=1.0, gt=0)
    smtp_unknown_burst_per_peer: int = Field(default=200, ge=1)
    publish_timeout: float = Field(default=5.0, gt=0)

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
        if self.operator_address is not None:
            domain = self.operator_address.rpartition("@")[2]
            if domain == self.base_domain or domain.endswith(f".{self.base_domain}"):
                raise ValueError("OPERATOR_ADDRESS must not lie in the base domain: its mail would come back for ever")
        return self
