"""The service's numbers. Labels are kinds, codes and static reasons, never data."""

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("renrakumo_ingress_accepted", "Events stored for accepted mail, by kind of address", ["kind"])
MAILS = Counter("renrakumo_ingress_mails", "Mails accepted, over TLS or in the clear", ["transport"])
REFUSED = Counter("renrakumo_ingress_refused", "Replies of 400 and above, by code", ["code"])
REASONS = Counter("renrakumo_ingress_refused_reasons", "Refusals that protect the server, by reason", ["reason"])
STORING = Histogram(
    "renrakumo_ingress_storing_seconds",
    "From the end of a mail's data to the acknowledgement of all its events",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10),
)
CONNECTIONS = Gauge("renrakumo_ingress_connections", "Open SMTP connections")
RESERVED = Gauge("renrakumo_ingress_reserved_octets", "Memory reserved for mails that are being received and stored")
BACKLOG = Gauge("renrakumo_ingress_backlog", "Events on the bus that wait, by consumer", ["consumer"])
TARPITTED = Counter("renrakumo_ingress_tarpit_seconds", "Time that replies were delayed, by reason", ["reason"])
AUTHENTICATION = Counter(
    "renrakumo_ingress_authentication", "Mails by what SPF, DKIM, DMARC and ARC showed", ["method", "result"]
)
AUTHENTICATING = Histogram(
    "renrakumo_ingress_authenticating_seconds",
    "Time that a mail waited for SPF, DKIM, DMARC and ARC",
    buckets=(0.0002, 0.001, 0.005, 0.02, 0.1, 0.5, 1, 3, 10),
)
SECRET_PROBES = Counter("renrakumo_ingress_secret_probes", "Wrong tries at secret post addresses of groups that exist")
