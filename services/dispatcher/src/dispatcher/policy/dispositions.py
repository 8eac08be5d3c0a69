"""What a server's reply means for the copy.

The rules stand in deploy/carriers.yaml: the operator's, the carrier's, those for all; the first that fits counts. The
same words mean different things at different carriers and stages, and deleting on any 550 loses living parents: `dead`
needs the recipient stage or words of which only one meaning is known, and a reply that isn't a plain no is for now.
Pure: a reply and a carrier's policy come in, a disposition goes out.
"""

from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.reply_rules import Disposition
from dispatcher.smtp.smtp_replies import SmtpError, SmtpReply

_DELIVERED = Disposition("delivered", "")
_NOT_UNDERSTOOD = Disposition("deferred", "reply not understood")


def disposition_of(reply: SmtpReply, policy: CarrierPolicy) -> Disposition:
    """What becomes of a copy by the last reply it got."""
    if reply.accepted:
        return _DELIVERED if reply.stage == "body" else _NOT_UNDERSTOOD
    return next((rule.disposition for rule in policy.rules if rule.fits(reply)), _NOT_UNDERSTOOD)


def disposition_of_error(error: SmtpError, policy: CarrierPolicy) -> Disposition:
    """What becomes of a copy whose transaction broke off: always put off for now, since nobody can know whether it was
    taken."""
    if error.reply is not None:
        disposition = disposition_of(error.reply, policy)
        if disposition.outcome == "deferred":
            return disposition
    return Disposition("deferred", str(error))
