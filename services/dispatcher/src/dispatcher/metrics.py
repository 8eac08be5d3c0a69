"""The numbers of the dispatcher on /metrics. Labels are carriers, lanes and outcomes, never hosts or recipients."""

from prometheus_client import Counter, Gauge, Histogram

COPIES = Counter("renrakumo_copies", "Copies by the outcome of an attempt", ["carrier", "outcome"])
OPEN_SESSIONS = Gauge("renrakumo_open_sessions", "SMTP sessions that are open", ["carrier"])
BATCH_SECONDS = Histogram(
    "renrakumo_batch_seconds",
    "Time from taking a batch to settling it",
    ["lane", "carrier"],
    buckets=(0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
