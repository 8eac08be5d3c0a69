"""The numbers of the dispatcher on /metrics. Labels are carriers, lanes and outcomes, never hosts or recipients."""

from prometheus_client import Counter, Gauge, Histogram

COPIES = Counter("renrakumo_copies", "Copies by the outcome of an attempt", ["carrier", "outcome"])
OPEN_CONNECTIONS = Gauge("renrakumo_open_connections", "SMTP connections that are open", ["carrier"])
BATCH_SECONDS = Histogram(
    "renrakumo_batch_seconds",
    "Time from taking a batch to settling it",
    ["lane", "carrier"],
    buckets=(0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
PACE_CONNECTIONS = Gauge("renrakumo_pace_connections", "Connections that may be in use now", ["carrier"])
PACE_RATE = Gauge("renrakumo_pace_rate", "Copies a second that are let through now, +Inf without a limit", ["carrier"])
PACE_PAUSED = Gauge(
    "renrakumo_pace_paused", "1 while nothing is offered (where servers stand apart: by override)", ["carrier"]
)
PACE_SLOWED = Gauge("renrakumo_pace_slowed", "Carrier or servers of it that signs of trouble hold back", ["carrier"])
SLOW_DOWNS = Counter("renrakumo_pace_slow_downs", "Signs that a carrier has enough", ["carrier", "sign"])
WAITING = Gauge("renrakumo_waiting_copies", "Copies that wait in the queues", ["carrier", "lane"])
MTA_STS = Counter("renrakumo_mta_sts", "Uses of the MTA-STS policies that recipients' domains publish", ["kind"])
