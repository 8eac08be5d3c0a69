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
    """Octets and recipients of one mail. `smtp_bare_newlines`: a CR or LF that is no part of a CR LF is repaired, or
    the mail refused."""

    smtp_max_size: int = Field(default=4_000_000, ge=10_000, le=LARGEST_MAIL)
    smtp_max_recipients: int = Field(default=50, ge=1)
    smtp_bare_newlines: Literal["normalise", "refuse"] = "normalise"


class TimeBounds(BaseModel):
    """Seconds, and octets a second. `smtp_timeout`: for a whole command line, and for each piece of a mail.
    `smtp_min_rate`: a mail must come in at this rate on average, once `smtp_patience` has passed.
    `smtp_greeting_delay`: wait before the greeting, for those who talk first. `smtp_tarpit`: the longest that a reply
    is delayed."""

    smtp_timeout: float = Field(default=300.0, gt=0)
    smtp_session_seconds: float = Field(default=3600.0, gt=0)
    smtp_min_rate: float = Field(default=1_000.0, gt=0)
    smtp_patience: float = Field(default=60.0, gt=0)
    smtp_greeting_delay: float = Field(default=0.0, ge=0, le=60)
    smtp_tarpit: float = Field(default=5.0, ge=0, le=60)


class ErrorBounds(BaseModel):
    """Mistakes of one connection, and recipients that don't exist; then it ends."""

    smtp_max_errors: int = Field(default=20, ge=1)
    smtp_max_unknown_recipients: int = Field(default=20, ge=1)


class ConnectionBounds(BaseModel):
    """Connections at once, of all together and of one peer."""

    smtp_max_connections: int = Field(default=1000, ge=1)
    smtp_max_connections_per_peer: int = Field(default=200, ge=1)


class RateBounds(BaseModel):
    """What one peer, one sender from one peer, and one unit may bring: so many at once (burst), then so many a second
    (rate)."""

    smtp_connecting_rate_per_peer: float = Field(default=400.0, gt=0)
    smtp_connecting_burst_per_peer: int = Field(default=24_000, ge=1)
    smtp_rate_per_peer: float = Field(default=400.0, gt=0)
    smtp_burst_per_peer: int = Field(default=24_000, ge=1)
    smtp_unknown_rate_per_peer: float = Field(default=1.0, gt=0)
    smtp_unknown_burst_per_peer: int = Field(default=200, ge=1)
    smtp_rate_per_sender: float = Field(default=0.5, gt=0)
    smtp_burst_per_sender: int = Field(default=60, ge=1)
    smtp_unit_limits: AllowancesSetting = Field(default_factory=lambda: unit_limits({}))


class AdmissionBounds(SizeBounds, TimeBounds, ErrorBounds, ConnectionBounds, RateBounds):
    """All bounds. `smtp_tls_required_from`: domains whose mail is taken over TLS only. `proxy_from`: networks of the
    load balancers that tell each peer by the PROXY protocol; empty: there are none."""

    smtp_tls_required_from: DomainsSetting = frozenset()
    proxy_from: NetworksSetting = ()
