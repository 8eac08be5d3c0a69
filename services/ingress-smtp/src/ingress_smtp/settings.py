"""Settings of ingress-smtp: environment variables with the prefix `RENRAKUMO_`."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, field_validator, model_validator
from pydantic_settings import NoDecode

from ingress_smtp.bounds import UNIT_LIMITS, Network
from ingress_smtp.limits import Allowance, parse_allowances
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

    smtp_max_size: int = Field(default=4_000_000, ge=10_000, le=LARGEST_MAIL)
    """Octets of a mail: 552. SIZE is offered."""
    smtp_max_recipients: int = Field(default=50, ge=1)
    """Recipients of one mail, of them at most 5 reply, bounce or info addresses: 452 for the rest, which the sender's
    server hands in again; 421 after forty times as many."""
    smtp_bare_newlines: Literal["normalise", "refuse"] = "normalise"
    """A CR or LF of its own in a mail is repaired, or the mail is refused (550). It never ends a mail."""
    smtp_in_hand: int = Field(default=256_000_000, ge=50_000_000)
    """Octets of memory for mails being received and stored (eight for each octet of mail): 452; from half of it on,
    replies to DATA wait. One peer gets half of it at most, mails above 64 KiB three quarters."""
    smtp_backlog_slow: int = Field(default=10_000, ge=1)
    """Mails on the bus that wait for one service from which on replies to DATA wait, up to the tarpit's seconds."""
    smtp_backlog_full: int = Field(default=100_000, ge=1)
    """Mails on the bus that wait for one service from which on its kinds of mail are told 451."""

    smtp_timeout: float = Field(default=300.0, gt=0)
    """Seconds for a whole command line, and for each piece of a mail: 421. 20 while three quarters of the connections
    are in use."""
    smtp_session_seconds: float = Field(default=3600.0, gt=0)
    """Seconds of one connection: 421, after the mail under way."""
    smtp_min_rate: float = Field(default=1_000.0, gt=0)
    """Octets a second at which a mail must come in on average, once the seconds of `RENRAKUMO_SMTP_PATIENCE` have
    passed: 421. What came faster buys no more than `RENRAKUMO_SMTP_TIMEOUT` of silence."""
    smtp_patience: float = Field(default=60.0, gt=0)
    """Seconds after which the least rate of a mail counts."""
    smtp_greeting_delay: float = Field(default=0.0, ge=0, le=60)
    """Seconds before the greeting; who speaks first is told 554."""
    smtp_tarpit: float = Field(default=5.0, ge=0, le=60)
    """Seconds by which a reply is delayed at most."""
    smtp_max_errors: int = Field(default=20, ge=1)
    """5xx replies on a connection, then 421; from the sixth on they come late."""
    smtp_max_unknown_recipients: int = Field(default=20, ge=1)
    """Unknown recipients on a connection: 421."""
    publish_timeout: float = Field(default=5.0, gt=0)
    """Seconds within which the bus must have stored a mail: 451."""

    smtp_max_connections: int = Field(default=1000, ge=1)
    """Connections at once: 421, unless one has been idle for five seconds and goes. Each is an open file: the process
    takes as many as the system's hard limit (`ulimit -Hn`) allows."""
    smtp_max_connections_per_peer: int = Field(default=200, ge=1)
    """Connections at once of one peer (an IPv4 address, an IPv6 /64): 421."""
    smtp_connecting_rate_per_peer: float = Field(default=400.0, gt=0)
    """New connections a second of one peer: 421."""
    smtp_connecting_burst_per_peer: int = Field(default=24_000, ge=1)
    """New connections at once of one peer: 421."""
    smtp_rate_per_peer: float = Field(default=400.0, gt=0)
    """Mails a second of one peer: 451."""
    smtp_burst_per_peer: int = Field(default=24_000, ge=1)
    """Mails at once of one peer: 451."""
    smtp_unknown_rate_per_peer: float = Field(default=1.0, gt=0)
    """Unknown recipients a second of one peer: 421; a wrong try at a secret post address counts for ten."""
    smtp_unknown_burst_per_peer: int = Field(default=200, ge=1)
    """Unknown recipients at once of one peer: 421."""
    smtp_rate_per_sender: float = Field(default=0.5, gt=0)
    """Mails a second of one envelope sender, not the empty one, from one peer: 451."""
    smtp_burst_per_sender: int = Field(default=60, ge=1)
    """Mails at once of one envelope sender, not the empty one, from one peer: 451."""
    smtp_unit_limits: AllowancesSetting = Field(default_factory=lambda: parse_allowances(UNIT_LIMITS))
    """Mails that one unit may receive, by kind, a second and at once: 451. A kind that is not named keeps its default;
    one peer may bring half of it."""

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

    smtp_tls_required_from: DomainsSetting = frozenset()
    """Domains whose mail is taken over TLS only: 530."""
    proxy_protocol: bool = False
    """Each connection must begin with a PROXY header (version 1 or 2); limits then count the true peer."""
    proxy_from: NetworksSetting = ()
    """Networks of the load balancers from which a PROXY header is believed; all other connections are closed."""

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
