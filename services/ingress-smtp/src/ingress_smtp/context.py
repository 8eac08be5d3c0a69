"""What the handlers work with, wired in once by `app`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ingress_smtp.admission.secret_probes import SecretProbes
from ingress_smtp.authentication import Authenticator
from ingress_smtp.publisher import Publisher
from mail.mime.reading import DEFAULT_LIMITS, Limits
from runtime.bus.directory import Directory
from runtime.crypto.ciphers import KeyedHash
from runtime.crypto.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`operator_address` is the normalised address of the operator's own mailbox, None without one; `publish_timeout`
    in seconds; `reading_limits`: how much of a mail is looked at; `clock` gives the present as an aware UTC time;
    `authenticator` is None where nobody asks where mail comes from."""

    base_domain: str
    operator_address: str | None = None
    publish_timeout: float = 5.0
    reading_limits: Limits = DEFAULT_LIMITS
    directory: Directory
    publisher: Publisher
    sealer: Sealer
    sender_hash: KeyedHash
    secret_hash: KeyedHash
    clock: Callable[[], datetime]
    secret_probes: SecretProbes
    authenticator: Authenticator | None = None
