"""What an account signs in with: first passwords, one-time passwords (TOTP, RFC 6238), session tokens."""

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp

TOTP_SECONDS = 30
ISSUER = "Renrakumo"
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def new_totp_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def totp_uri(secret: str, login: str) -> str:
    """`otpauth://` address for an authenticator app."""
    return pyotp.TOTP(secret, interval=TOTP_SECONDS).provisioning_uri(name=login, issuer_name=ISSUER)


def totp_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step for which `code` is right: this one or a neighbour (clocks differ); None when for none."""
    totp = pyotp.TOTP(secret, interval=TOTP_SECONDS)
    digits = "".join(code.split())
    current = int(now.timestamp()) // TOTP_SECONDS
    found = None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode("utf-8", "replace")):
            found = step
    return found


def new_session_token() -> str:
    """A session's token: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a session token: it is random enough for a plain hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_password() -> str:
    """A first password that can be read out on the phone: about 99 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(4))
