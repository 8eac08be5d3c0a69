"""All rates that are counted at one server, by peer, by sender and by unit, as the bounds ask for them."""

from ingress_smtp.admission.bounds import RateBounds
from ingress_smtp.admission.limits import RateLimit, UnitLimits


class RateLimits:
    """What was used up: new connections and mails of a peer (`connecting`, `mails`), recipients that don't exist
    (`unknown_recipients`: whoever tries out post secrets or group codes must not get far), mails of a sender
    (`mails_of_sender`), and what a unit received (`units`)."""

    def __init__(self, bounds: RateBounds) -> None:
        self.connecting = RateLimit(
            rate=bounds.smtp_connecting_rate_per_peer, burst=bounds.smtp_connecting_burst_per_peer
        )
        self.mails = RateLimit(rate=bounds.smtp_rate_per_peer, burst=bounds.smtp_burst_per_peer)
        self.unknown_recipients = RateLimit(
            rate=bounds.smtp_unknown_rate_per_peer, burst=bounds.smtp_unknown_burst_per_peer
        )
        self.mails_of_sender = RateLimit(rate=bounds.smtp_rate_per_sender, burst=bounds.smtp_burst_per_sender)
        self.units = UnitLimits(bounds.smtp_unit_limits)
