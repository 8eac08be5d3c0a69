"""Where an SMTP connection goes: the servers of a next hop, and how much encryption it asks for."""

from dataclasses import dataclass, field
from typing import Literal

SMTP_PORT = 25
SUBMISSION_PORT = 587

Tls = Literal["none", "opportunistic", "required"]
"""`none`: never. `opportunistic`: where it is offered, whatever the certificate. `required`: with a certificate that is
valid for the server's name, or no mail."""


@dataclass(frozen=True, slots=True)
class MailHost:
    """A server's name (or IP address) and port. `addresses` are to be tried in this order; empty: connect by name.
    Certificates are checked against `name`."""

    name: str
    port: int = SMTP_PORT
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a relay."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NextHop:
    """A next hop: servers of which one is enough, best first. Equal `key` means connections can be shared.
    `relayed`: these are not the recipient's own servers. `mta_sts`: the domain's own published policy asks for
    encryption (then `tls` is `required`) and has named these servers."""

    key: str
    hosts: tuple[MailHost, ...]
    tls: Tls = "opportunistic"
    login: Login | None = field(default=None, repr=False)
    relayed: bool = False
    mta_sts: bool = False
