"""What one mail, one connection, one peer, one sender, one unit and everybody together may take.

Each bound stands here once: its name is that of its environment variable (prefix `RENRAKUMO_`), beside it are its
default and what values it may have. The service's settings inherit AdmissionBounds; a module takes the class that holds
what it needs, and sees no secret by that. What nobody has to change is a constant."""

from typing import Literal

from pydantic import BaseModel, Field

from ingress_smtp.admission.parsing import AllowancesSetting, DomainsSetting, NetworksSetting, unit_limits

LARGEST_MAIL = 4_500_000
"""Octets; a larger mail, sealed and written as text, would not fit into a message on the bus (8 MB)."""
MAX_WHOLE = 5
"""Recipients of one mail that each get all of it. Anybody can make up tokens, and a copy is sealed for each; a sender's
server hands the mail in again for those that come after."""
FREE_ERRORS = 5
"""Mistakes of one connection that cost nothing; each further one makes the next reply wait longer."""
MAX_JUNK = 100
"""Commands that bring no mail nearer, in a row; then the connection ends."""
MAX_LOGINS = 3
"""Tries to log in; then the connection ends."""


class SizeBounds(BaseModel):
    """What one mail may be."""

    smtp_max_size: int = Field(default=4_000_000, ge=10_000, le=LARGEST_MAIL)
    """Octets of a mail: 552. SIZE is offered."""
    smtp_max_recipients: int = Field(default=50, ge=1)
    """Recipients of one mail, of them at most 5 reply, bounce or info addresses: 452 for the rest, which the sender's
    server hands in again; 421 after forty times as many."""
    smtp_bare_newlines: Literal["normalise", "refuse"] = "normalise"
    """A CR or LF of its own in a mail is repaired, or the mail is refused (550). It never ends a mail."""


class TimeBounds(BaseModel):
    """How long a connection and a mail may take."""

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


class ErrorBounds(BaseModel):
    """Mistakes of one connection, and recipients that don't exist; then it ends."""

    smtp_max_errors: int = Field(default=20, ge=1)
    """5xx replies on a connection, then 421; from the sixth on they come late."""
    smtp_max_unknown_recipients: int = Field(default=20, ge=1)
    """Unknown recipients on a connection: 421."""


class ConnectionBounds(BaseModel):
    """Connections at once, of all together and of one peer."""

    smtp_max_connections: int = Field(default=1000, ge=1)
    """Connections at once: 421, unless one has been idle for five seconds and goes. Each is an open file: the process
    takes as many as the system's hard limit (`ulimit -Hn`) allows."""
    smtp_max_connections_per_peer: int = Field(default=200, ge=1)
    """Connections at once of one peer (an IPv4 address, an IPv6 /64): 421."""


class RateBounds(BaseModel):
    """What one peer, one sender from one peer, and one unit may bring: so many at once (burst), then so many a second
    (rate)."""

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
    smtp_unit_limits: AllowancesSetting = Field(default_factory=lambda: unit_limits({}))
    """Mails that one unit may receive, by kind, a second and at once: 451. A kind that is not named keeps its default;
    one peer may bring half of it."""


class AdmissionBounds(SizeBounds, TimeBounds, ErrorBounds, ConnectionBounds, RateBounds):
    """All bounds of what may come in."""

    smtp_tls_required_from: DomainsSetting = frozenset()
    """Domains whose mail is taken over TLS only: 530."""
    proxy_from: NetworksSetting = ()
    """Networks of the load balancers from which a PROXY header is believed; all other connections are closed."""
