"""What a server's reply means for the copy.

The rules stand in deploy/carriers.yaml: the operator's, the carrier's, those for all; the first that fits counts. The
same words mean different things at different carriers and stages, and deleting on any 550 loses living parents: `dead`
needs the recipient stage or words of which only one meaning is known, and a reply that isn't a plain no is for now.
Pure: a reply and a carrier's policy come in, a verdict goes out.
"""

from dispatcher.policy.carriers_file import CarrierPolicy
from dispatcher.policy.reply_rules import Pace, Verdict
from dispatcher.smtp.replies import Reply, SmtpError

__all__ = ["Pace", "Verdict", "judge", "judge_error"]

_DELIVERED = Verdict("delivered", "")
_NOT_UNDERSTOOD = Verdict("deferred", "reply not understood")


def judge(reply: Reply, policy: CarrierPolicy) -> Verdict:
    """The verdict on a copy from the last reply it got."""
    if reply.accepted:
        return _DELIVERED if reply.stage == "body" else _NOT_UNDERSTOOD
    return next((rule.verdict for rule in policy.rules if rule.fits(reply)), _NOT_UNDERSTOOD)


def judge_error(error: SmtpError, policy: CarrierPolicy) -> Verdict:
    """The verdict on a copy whose talk broke off: always for now, since nobody can know what became of it."""
    if error.reply is not None:
        verdict = judge(error.reply, policy)
        if verdict.outcome == "deferred":
            return verdict
    return Verdict("deferred", str(error))
