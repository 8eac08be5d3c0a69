"""How long a copy is worth trying, for all who decide or promise it.

    admin-api    what a sender names, else by the message's lane -> shown as `sent_until`, said in message.approved
    responder    by the occasion of an automatic mail            -> said in delivery.batch
    dispatcher   until what was said, and never beyond LONGEST   -> the copy is `expired`
The table in docs/delivery.md is compared with this by a test.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from contracts.base import Lane

LONGEST: Final = timedelta(days=2)
"""How long a copy is tried at most, whatever its sender said."""

BY_LANE: Final[Mapping[Lane, timedelta]] = {
    "urgent": timedelta(hours=6),  # what is urgent today must not arrive tomorrow morning
    "prompt": LONGEST,
    "correction": LONGEST,
    "ordinary": LONGEST,
}
"""How long a copy is worth trying where neither its sender nor its occasion says otherwise."""

NEWS: Final = timedelta(hours=12)
"""How long the latest news, asked for by an empty mail, are worth sending: after that they are not the latest."""

POST_CONFIRMATION: Final = timedelta(hours=24)
"""How long a phone post's sender can be asked to confirm it: as long as his reply would count."""


def ends_at(start: datetime, asked: datetime | None, otherwise: timedelta) -> datetime:
    """From when on a copy that was meant for `start` is not sent any more. `asked`: until when its sender wants it
    sent, which may be later or earlier than the usual time `otherwise` after `start`, but never after LONGEST."""
    return start + otherwise if asked is None else min(asked, start + LONGEST)
