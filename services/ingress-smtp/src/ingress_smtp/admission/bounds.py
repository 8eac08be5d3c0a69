"""What one session, one peer, one sender, one unit and everybody together may take.

What has no value here has its default in settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from ingress_smtp.admission.limits import Allowance

Network = IPv4Network | IPv6Network

UNIT_LIMITS = "entry=50/5000,leave=50/5000,post=1/60,info=400/24000,reply=1000/60000,bounce=1000/60000,operator=1/200"
"""A whole school of 2,000 registers, and the parents of all schools of a town answer, within a minute; nobody posts so
much. Replies and bounces concern mails that we sent, so theirs are the widest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBounds:
    """Octets and counts of one mail.

    `max_whole`: recipients of one mail that each get all of it. Anybody can make up tokens, and a copy is sealed for
    each; a sender's server hands the mail in again for those that come after. `refuse_bare_ends`: of a mail with a CR
    or LF that is no part of a CR LF; else they are repaired."""

    max_size: int
    max_recipients: int
    max_whole: int = 5
    refuse_bare_ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBounds:
    """Seconds, and octets a second. `timeout`: for a whole command line, and for each piece of a mail. `slowest`: a
    mail must come in at this rate on average, once `patience` has passed. `greeting`: wait before the greeting, for
    those who talk first. `tarpit`: the longest that a reply is held back."""

    timeout: float
    session: float
    slowest: float
    patience: float
    greeting: float
    tarpit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBounds:
    """Mistakes of one session: the first `soft` are free, then each makes the next reply wait longer, and after `hard`
    the session ends. `unknown`: recipients that don't exist; `junk`: commands that bring no mail nearer, in a row."""

    soft: int = 5
    hard: int
    unknown: int
    junk: int = 100
    logins: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerBounds:
    """Connections, and what one peer, one sender and one unit may bring; `connections` of all together."""

    connections: int
    connections_per_peer: int
    connecting: Allowance
    mails: Allowance
    unknown: Allowance
    mails_of_sender: Allowance
    of_unit: Mapping[str, Allowance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """All of it. `tls_required_from`: domains whose mail is taken over TLS only. `proxy_from`: networks of the load
    balancers that tell each peer by the PROXY protocol; empty: there are none."""

    sizes: SizeBounds
    times: TimeBounds
    errors: ErrorBounds
    peers: PeerBounds
    tls_required_from: frozenset[str]
    proxy_from: tuple[Network, ...]
