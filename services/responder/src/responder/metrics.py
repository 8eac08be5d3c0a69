"""The numbers of responder."""

from prometheus_client import Counter

COMPOSED = Counter("renrakumo_responder_composed", "Automatic mails given to dispatcher, by occasion", ["occasion"])
WITHHELD = Counter("renrakumo_responder_withheld", "Automatic mails that were not written, by reason", ["reason"])
