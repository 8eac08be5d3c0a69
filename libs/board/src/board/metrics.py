"""The numbers of the boards in memory."""

from prometheus_client import Counter, Gauge, Summary

REFRESHED = Gauge("renrakumo_board_refreshed_timestamp_seconds", "When it was last known which boards had changed")
SECONDS = Summary("renrakumo_board_refresh_seconds", "Time for a look at what has changed and the reading of that")
READ = Counter("renrakumo_board_read", "Boards that were read: changed ones, each once a day, ones that did not fit")
UNITS = Gauge("renrakumo_board_units", "Units whose board is in memory")
BYTES = Gauge("renrakumo_board_bytes", "About how much memory the boards take")
WITHOUT = Gauge("renrakumo_board_units_left_out", "Units whose board does not fit into memory: read when asked for")
LEFT_OUT = Gauge("renrakumo_board_left_out", "Entries that the bounds left out of memory: notice, event", ["kind"])
