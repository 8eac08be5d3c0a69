"""What receipts' handlers are given; made in `app` and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from mail.mime.reading import DEFAULT_LIMITS, Limits
from receipts.model import TokenLifetimes
from receipts.sent_messages import SentMessages
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.outbox import Inbox, Outbox


@dataclass(frozen=True, slots=True)
class Context:
    """Database, keys, clock, and the messages that are being answered. `clock` gives the present as an aware UTC time;
    `limits`: how much of a mail is looked at."""

    engine: AsyncEngine
    inbox: Inbox
    outbox: Outbox
    token_keys: KeyRing
    token_lifetimes: TokenLifetimes
    cipher: FieldCipher
    opener: Opener
    sealer: Sealer
    clock: Callable[[], datetime]
    sent_messages: SentMessages
    limits: Limits = DEFAULT_LIMITS
