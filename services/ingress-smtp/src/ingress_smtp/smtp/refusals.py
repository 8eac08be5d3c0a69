"""Refusals that protect the server are counted by their reason."""

from ingress_smtp import metrics
from ingress_smtp.model import SmtpReply


def because(reason: str, reply: SmtpReply) -> SmtpReply:
    """This reply, counted."""
    metrics.REASONS.labels(reason).inc()
    return reply
