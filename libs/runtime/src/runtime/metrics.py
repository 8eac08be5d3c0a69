"""The numbers that every service shows on /metrics. Labels are names of consumers and tables, never data."""

from prometheus_client import Counter, Gauge, Histogram

CONSUMED = Counter("renrakumo_consumed", "Messages taken from the bus", ["consumer"])
ACKED = Counter("renrakumo_acked", "Messages handled and acknowledged", ["consumer"])
DELAYED = Counter("renrakumo_delayed", "Messages given back to be tried again later", ["consumer"])
DEAD = Counter("renrakumo_dead", "Messages given up and put into the dead letters", ["consumer"])
HANDLING = Histogram(
    "renrakumo_handling_seconds",
    "Time a handler took",
    ["consumer"],
    buckets=(0.002, 0.01, 0.05, 0.2, 1, 5, 20, 60),
)
OUTBOX_PUBLISHED = Counter("renrakumo_outbox_published", "Messages moved from an outbox to the bus", ["table"])
OUTBOX_PENDING = Gauge("renrakumo_outbox_pending", "Messages waiting in an outbox (as last seen)", ["table"])
BUS_CONNECTED = Gauge("renrakumo_bus_connected", "1 while the connection to the bus stands")
