"""The front door's numbers. Labels are kinds and codes, never data."""

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("renrakumo_ingress_accepted", "Events stored for accepted mail, by kind of address", ["kind"])
REFUSED = Counter("renrakumo_ingress_refused", "Replies of 400 and above, by code", ["code"])
STORING = Histogram(
    "renrakumo_ingress_storing_seconds",
    "From the end of a mail's data to the acknowledgement of all its events",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10),
)
CONNECTIONS = Gauge("renrakumo_ingress_connections", "Open SMTP connections")
