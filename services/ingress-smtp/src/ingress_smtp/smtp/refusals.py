"""Refusals that protect the server are counted by their reason."""

from ingress_smtp import metrics
from ingress_smtp.model import Reply


def because(reason: str, reply: Reply) -> Reply:
    """This reply, counted."""
    metrics.REASONS.labels(reason).inc()
    return reply
