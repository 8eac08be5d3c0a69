"""Why a copy was not delivered, or not yet: the static words of `CopyOutcome.reason`.

The dispatcher writes them (from deploy/carriers.yaml and its own code), the office tells administrators what each
means and what to do. A reason that is not among them is no error (an operator's rules may have words of their own): it
is explained by its outcome alone. `GIVEN_UP` goes before the last reason of a copy that expired while it was tried.
"""

from typing import Final

GIVEN_UP: Final = "given up: "

DROPPED: Final = "dropped by the operator"
"""Of copies whose batch could not be processed, when the operator decided that it never will be."""

THE_ADDRESS: Final = (
    "no such user",
    "mailbox unavailable",
    "no such domain",
    "domain has no mail server",
    "domain takes no mail",
    "address literal",
    "our own domain",
    "mail would come back to us",
    "address not understood",
    "address cannot be written",
    "not a sendable address",
)
"""The address, or its domain."""

THE_RECIPIENT: Final = (
    "mailbox full",
    "mailbox suspended",
    "refused by the recipient's filter",
    "refused by the recipient's organisation",
    "recipient gets too much at once",
)
"""The recipient's mailbox and its settings."""

THE_SENDER: Final = (
    "sender not authenticated",
    "on a block list",
    "refused by policy",
    "refused by policy for now",
    "sender refused",
    "host refuses us",
    "relay refuses our login",
    "login failed",
    "too large",
    "too large for this server",
    "refused",
)
"""We, in the carrier's eyes: the operator's business."""

THE_WAY: Final = (
    "asked to slow down",
    "host is busy",
    "greylisted",
    "session was used up",
    "temporary refusal",
    "encryption required",
    "no starttls offered",
    "starttls refused",
    "starttls failed",
    "certificate not trusted",
    "no server that its mta-sts policy allows",
    "no server",
    "no connection",
    "no connection in time",
    "no reply in time",
    "connection lost",
    "session ended",
    "session dropped",
    "reset refused",
    "another copy was announced",
    "reply not understood",
    "reply out of step",
    "reply too long",
    "malformed reply",
    "no usable mail server named",
    "no mail server has an address that we may use",
    "dns gives no answer",
    "dns does not know the carriers either",
)
"""The network and the other side's servers: it passes."""

THE_MESSAGE: Final = (
    "too late to be of use",
    "stopped by its sender",
    "superseded by a correction",
    "content missing",
    "cannot be rendered",
    DROPPED,
)
"""The message itself, or our own servers."""

REASONS: Final = frozenset((*THE_ADDRESS, *THE_RECIPIENT, *THE_SENDER, *THE_WAY, *THE_MESSAGE))
