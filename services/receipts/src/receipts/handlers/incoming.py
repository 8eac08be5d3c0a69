"""What all kinds of mail that come to receipts have in common.

check   the token is ours; if not, the mail goes to the operator, a long one only in part
unseal  envelope sender and bytes of a mail
"""

import asyncio
import base64
import binascii

from prometheus_client import Counter

from contracts.events import InboundBounce, InboundReply, InboundUnsubscribe
from contracts.sealed import RawMail, Sealed
from mail import tokens
from mail.tokens import Token, TokenError
from receipts.context import Context
from runtime.errors import PermanentError, SealError

REPLIES = Counter("renrakumo_receipts_replies", "Replies by what became of them", ["effect"])

KEPT_OCTETS = 65_536
"""Kept of a mail whose token isn't ours: anybody can send such mail, of any size."""


async def check(context: Context, event: InboundReply | InboundBounce | InboundUnsubscribe, token: str) -> Token:
    """What the token says; PermanentError when it isn't ours."""
    try:
        return tokens.check(context.token_keys, event.unit, token)
    except TokenError:
        REPLIES.labels("unknown_token").inc()
        raise PermanentError("token_not_ours", kept=await asyncio.to_thread(_shortened, context, event)) from None


def unseal(context: Context, sealed: Sealed) -> tuple[str, bytes]:
    """Envelope sender and bytes of a mail. Takes a while for a large one: not for the event loop."""
    mail = context.opener.open(sealed, RawMail)
    try:
        return mail.sender, base64.b64decode(mail.raw, validate=True)
    except binascii.Error:
        raise PermanentError("mail_is_not_base64") from None


def _shortened(context: Context, event: InboundReply | InboundBounce | InboundUnsubscribe) -> bytes | None:
    """The event with only the beginning of its mail, sealed anew; None when it is short anyhow."""
    if isinstance(event, InboundUnsubscribe) or event.size <= KEPT_OCTETS:
        return None
    try:
        sender, raw = unseal(context, event.mail)
        beginning = RawMail(sender=sender, raw=base64.b64encode(raw[:KEPT_OCTETS]).decode())
        sealed = context.sealer.seal(beginning, event.mail.recipient)
    except (SealError, PermanentError):
        return None
    return event.model_copy(update={"mail": sealed}).model_dump_json().encode()
