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
    """Environment variables of ingress-smtp; those that bound what may come in are inherited."""

    health_port: int = 9101
    smtp_host: str = "127.0.0.1"
    """Address on which mail is taken."""
    smtp_port: int = Field(default=2525, ge=0, le=65535)
    """Port on which mail is taken; 0: any."""
    smtp_share_port: bool = False
    """Other SMTP servers listen on the same port, and the system deals out the connections; `RENRAKUMO_INGRESSES` sets
    it."""
    helo_name: str | None = None
    """The machine's name in the SMTP greeting and in EHLO; none: the base domain."""
    operator_address: str | None = Field(default=None, repr=False)
    """Where mail to postmaster and abuse goes; outside the base domain."""
    tls_certificate: Path | None = None
    """File with the certificate for STARTTLS; with the key or not at all."""
    tls_key: Path | None = None
    """File with the certificate's private key."""

    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""
    sender_key: SecretKeySetting
    """Key of the hash by which mail of one address is counted without knowing it; the same for ingress-smtp and
    registry."""
    post_secret_key: SecretKeySetting
    """Key of the hash of a group's secret post address; the same for ingress-smtp and admin-api."""

    smtp_in_hand: int = Field(default=256_000_000, ge=50_000_000)
    """Octets of memory for mails being received and stored (eight for each octet of mail): 452; from half of it on,
    replies to DATA wait. One peer gets half of it at most, mails above 64 KiB three quarters."""
    smtp_backlog_slow: int = Field(default=10_000, ge=1)
    """Mails on the bus that wait for one service from which on replies to DATA wait, up to the tarpit's seconds."""
    smtp_backlog_full: int = Field(default=100_000, ge=1)
    """Mails on the bus that wait for one service from which on its kinds of mail are told 451."""
    publish_timeout: float = Field(default=5.0, gt=0)
    """Seconds within which the bus must have stored a mail: 451."""

    authentication: bool = True
    """Look at SPF, DKIM, DMARC and ARC of every mail; off: nobody is proven, no forgery is known."""
    authentication_seconds: float = Field(default=3.0, gt=0, le=30)
    """Seconds that a mail waits for DNS at most; then the result is `temperror`, which speaks against nobody."""
    trusted_relays: NetworksSetting = PRIVATE
    """Networks whose machines hand on what others sent; empty: none."""
    trusted_arc: DomainsSetting = frozenset()
    """Domains of forwarders and lists whose word (ARC) lifts a failed DMARC."""
    dns_servers: Annotated[tuple[tuple[str, int], ...], NoDecode, PlainValidator(parse_servers)] = ()
    """Resolvers that are asked: `address:port`, IPv6 in `[ ]`; none: those of the system."""

    proxy_protocol: bool = False
    """Each connection must begin with a PROXY header (version 1 or 2); limits then count the true peer."""

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
