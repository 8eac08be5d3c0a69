"""The bus as the operator sees it: applying what contracts declare, and the accounts that follow from it."""

from renrakumo_cli.bus.change import Change, NotApplied
from renrakumo_cli.bus.cluster import in_sync
from renrakumo_cli.bus.login import connected
from renrakumo_cli.bus.nats_accounts import accounts_file
from renrakumo_cli.bus.streams import apply

__all__ = ["Change", "NotApplied", "accounts_file", "apply", "connected", "in_sync"]
