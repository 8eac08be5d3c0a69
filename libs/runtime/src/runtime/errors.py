"""The small tree of errors that the bus loop and the services decide by.

Permanent: trying again cannot help, so the message goes to the dead letters. Transient: something is away, so the
message is tried again for as long as it takes. Anything else is a surprise, tried a limited number of times.
The texts are static codes: they end up in logs and dead letters and never hold personal data.
"""


class RenrakumoError(Exception):
    """Root of all errors of our own. Its text is a static code, never data."""


class PermanentError(RenrakumoError):
    """Trying again cannot help. `kept` is what the dead letter shall hold in place of the message, where anybody could
    cause messages of any size; None for the message itself."""

    def __init__(self, *texts: object, kept: bytes | None = None) -> None:
        super().__init__(*texts)
        self.kept = kept


class TransientError(RenrakumoError):
    """Something that we depend on is away; trying again later can help."""


class Postponed(TransientError):
    """Not now: the message shall come again after `delay` seconds, which the handler knows better than the bus loop."""

    def __init__(self, code: str, delay: float) -> None:
        super().__init__(code)
        self.delay = delay


class SealError(PermanentError):
    """A sealed box that is not for us, was made with an unknown key, or was altered."""


class CipherError(PermanentError):
    """A stored field that cannot be decrypted: unknown key, other context, or altered."""


class UnknownKey(CipherError):
    """The field's key is not in the ring: nothing is wrong with the field, the settings lack a key."""


class BusUnavailable(TransientError):
    """The bus did not take or answer a message in time."""


class BusFull(BusUnavailable):
    """The stream holds as much as it may; there is room again when what waits in it has been handled."""


class BusRefused(PermanentError):
    """The bus refuses this message whatever happens, for example because it is too large."""


class WrongRevision(RenrakumoError):
    """A key-value entry was changed by somebody else since it was read."""


class RequestRefused(PermanentError):
    """The other service understood the request and refuses it. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RequestFailed(RenrakumoError):
    """The other service broke while it handled the request (a surprise there: neither permanent nor transient)."""
