"""The route table: what decides where mail for a domain goes. Read once at start from RENRAKUMO_ROUTES, pure.

    RENRAKUMO_ROUTES=docomo.ne.jp=127.0.0.1:2601,town.example=mx?starttls=required,*=mx

Entries are separated by commas. `mx`: the servers that the domain names in DNS. `host:port`: always this server.
`smtp://user:password@host:587`: a relay (user, password and port may be left out, special characters are
percent-encoded). Behind each may stand `?starttls=required`, `opportunistic` or `none`; left out, a relay with a
password insists on encryption, another server gets it where it offers it, and with `mx` the carrier's policy decides.
An exact domain goes before `*`, of two entries for the same domain the first counts. Error texts name the entry by its
number, because it may hold a password.
"""

import re
from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from dispatcher.smtp.next_hop import SUBMISSION_PORT, Login, MailHost, NextHop, Tls

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Mx:
    """A target: DNS decides. `tls` None: the carrier's policy does."""

    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Domain -> its target: a fixed hop, or that MX decides. `default` is the entry for `*`."""

    exact: dict[str, NextHop | Mx]
    default: NextHop | Mx

    def match(self, domain: str) -> NextHop | Mx:
        """Where mail for a normalised domain goes."""
        return self.exact.get(domain, self.default)


def parse_routes(text: str) -> RouteTable:
    """Read the setting. Raises ValueError that says which entry is wrong, without showing it."""
    targets: dict[str, NextHop | Mx] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        domain, equals, target = entry.partition("=")
        domain = domain.strip().lower()
        if not equals or not (domain == "*" or _DOMAIN.fullmatch(domain)):
            raise ValueError(f"entry {number} must be written as domain=target or *=target")
        try:
            hop = _target(target.strip())
        except ValueError:
            raise ValueError(
                f"entry {number} needs mx, host:port or smtp://user:password@host:port as target, "
                "perhaps with ?starttls=required, opportunistic or none"
            ) from None
        targets.setdefault(domain, hop)
    if "*" not in targets:
        raise ValueError("an entry for * is needed, for example *=mx")
    default = targets.pop("*")
    return RouteTable(targets, default)


def _target(text: str) -> NextHop | Mx:
    if "://" in text:
        return _relay(text)
    place, _, query = text.partition("?")
    tls = _starttls(query)
    if place.lower() == "mx":
        return Mx(tls)
    name, colon, port = place.rpartition(":")
    if not colon:
        raise ValueError
    host = _host(name, port)
    tls = tls or "opportunistic"
    return NextHop(f"fixed:{host.name}:{host.port}:{tls}", (host,), tls, relayed=True)


def _relay(text: str) -> NextHop:
    url = urlsplit(text)
    if url.scheme != "smtp" or url.path not in ("", "/") or url.fragment or not url.hostname:
        raise ValueError
    tls = _starttls(url.query) or ("required" if url.username else "opportunistic")
    if tls == "none" and url.username:
        raise ValueError  # a password in clear
    host = _host(f"[{url.hostname}]" if ":" in url.hostname else url.hostname, str(url.port or SUBMISSION_PORT))
    login = None
    if url.username:
        login = Login(unquote(url.username), unquote(url.password or ""))
    return NextHop(f"relay:{host.name}:{host.port}:{tls}", (host,), tls, login, relayed=True)


def _starttls(query: str) -> Tls | None:
    if not query:
        return None
    options = parse_qs(query, strict_parsing=True)
    wanted = options.pop("starttls", [])
    if options or len(wanted) != 1 or wanted[0] not in get_args(Tls):
        raise ValueError
    return cast(Tls, wanted[0])


def _host(name: str, port: str) -> MailHost:
    name = name.strip().lower()
    if not _HOST.fullmatch(name) or not (port.isdigit() and port.isascii() and 0 < int(port) < 65536):
        raise ValueError
    return MailHost(name.strip("[]").removesuffix("."), int(port))
