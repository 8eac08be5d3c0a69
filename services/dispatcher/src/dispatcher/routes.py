"""Routes: where mail for a domain goes. Read once at start from RENRAKUMO_ROUTES, pure.

    RENRAKUMO_ROUTES=docomo.ne.jp=127.0.0.1:2601,*=mx

Entries are separated by commas. `mx`: the servers that the domain names in DNS. `host:port`: always this server.
`smtp://user:password@host:587?starttls=required`: a relay (user, password and port may be left out, special
characters are percent-encoded). An exact domain goes before `*`, of two entries for the same domain the first counts.
Error texts name the entry by its number, because it may hold a password.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

SMTP_PORT = 25
SUBMISSION_PORT = 587

Tls = Literal["opportunistic", "required"]

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Host:
    """A server's name (or IP address) and port."""

    name: str
    port: int = SMTP_PORT


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a relay."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hop:
    """A next hop: servers that are as good as each other, best first. Equal `key` means connections can be shared.
    `relayed`: these are not the recipient's own servers."""

    key: str
    hosts: tuple[Host, ...]
    tls: Tls = "opportunistic"
    login: Login | None = field(default=None, repr=False)
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Domain -> fixed hop, or None where MX decides. `default` is the entry for `*`."""

    exact: dict[str, Hop | None]
    default: Hop | None

    def match(self, domain: str) -> Hop | None:
        """The fixed hop for a domain, or None: look up its MX."""
        return self.exact.get(domain, self.default)


def parse_routes(text: str) -> RouteTable:
    """Read the setting. Raises ValueError that says which entry is wrong, without showing it."""
    targets: dict[str, Hop | None] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        domain, equals, target = entry.partition("=")
        domain = domain.strip().lower()
        if not equals or not (domain == "*" or _DOMAIN.fullmatch(domain)):
            raise ValueError(f"entry {number} must be written as domain=target or *=target")
        try:
            hop = _target(target.strip())
        except ValueError:
            raise ValueError(
                f"entry {number} needs mx, host:port or smtp://user:password@host:port as target"
            ) from None
        targets.setdefault(domain, hop)
    if "*" not in targets:
        raise ValueError("an entry for * is needed, for example *=mx")
    default = targets.pop("*")
    return RouteTable(targets, default)


def _target(text: str) -> Hop | None:
    if text.lower() == "mx":
        return None
    if "://" in text:
        return _relay(text)
    name, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError
    host = _host(name, port)
    return Hop(f"fixed:{host.name}:{host.port}", (host,), relayed=True)


def _relay(text: str) -> Hop:
    url = urlsplit(text)
    if url.scheme != "smtp" or url.path not in ("", "/") or url.fragment or not url.hostname:
        raise ValueError
    options = parse_qs(url.query, strict_parsing=True) if url.query else {}
    wanted = options.pop("starttls", ["required" if url.username else "opportunistic"])
    if options or len(wanted) != 1 or wanted[0] not in ("required", "opportunistic"):
        raise ValueError
    tls: Tls = "required" if wanted[0] == "required" else "opportunistic"
    host = _host(f"[{url.hostname}]" if ":" in url.hostname else url.hostname, str(url.port or SUBMISSION_PORT))
    login = None
    if url.username:
        login = Login(unquote(url.username), unquote(url.password or ""))
    return Hop(f"relay:{host.name}:{host.port}:{tls}", (host,), tls, login, relayed=True)


def _host(name: str, port: str) -> Host:
    name = name.strip().lower()
    if not _HOST.fullmatch(name) or not (port.isdigit() and port.isascii() and 0 < int(port) < 65536):
        raise ValueError
    return Host(name.strip("[]").removesuffix("."), int(port))
