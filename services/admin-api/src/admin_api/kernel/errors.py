"""What admin-api answers when it cannot do what was asked. Texts are for the person at the screen and hold no data."""

from runtime.errors import RenrakumoError


class OfficeError(RenrakumoError):
    """Root of the office's refusals. `code` is stable; `detail` explains in a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class NotFound(OfficeError):
    """There is no such thing, or not for this caller."""

    def __init__(self, detail: str = "There is nothing here.") -> None:
        super().__init__("not-found", detail)


class Forbidden(OfficeError):
    """The caller's role does not allow it."""

    def __init__(self, detail: str = "Your role does not allow this.") -> None:
        super().__init__("forbidden", detail)


class Conflict(OfficeError):
    """It does not fit to how things are."""


class Unacceptable(OfficeError):
    """What was given is well-formed, but makes no sense here. `field` names the culprit."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("not-valid", detail)
        self.field = field


class SignInRefused(OfficeError):
    """Wrong login, password or one-time password, or a locked account: on purpose one and the same."""

    def __init__(self) -> None:
        super().__init__("sign-in-refused", "Login, password or one-time password is wrong.")


class SignedOut(OfficeError):
    """No session, or it has ended."""

    def __init__(self) -> None:
        super().__init__("signed-out", "Sign in first.")
