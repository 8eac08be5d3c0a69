"""Messages that were stopped or corrected: what has not been offered to a carrier yet never will be.

admin-api writes one entry a message into the bucket `stopped-messages`, before anybody hears of the correction; every
dispatcher holds all of them in memory and asks before it offers a copy. An entry ends when no copy can be on its way
any more.
"""

from pydantic import AwareDatetime

from contracts.base import Contract, Ref

BUCKET = "stopped-messages"


class StoppedMessage(Contract):
    """One message that is not sent any further. `by`: the message that corrects it, None when it was only stopped."""

    message: Ref
    by: Ref | None = None
    at: AwareDatetime


def key(message: int) -> str:
    return str(message)
