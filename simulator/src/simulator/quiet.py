"""Waiting until nothing is under way: only then "nothing came of it" means something."""

import asyncio

from contracts.streams import consumers
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from simulator import databases
from simulator.trial import Trial

_OUTBOXES = (
    (databases.GENERAL_DATABASE, "SELECT (SELECT count(*) FROM office.outbox) + (SELECT count(*) FROM ledger.outbox)"),
    (databases.PERSONAL_DATABASE, "SELECT count(*) FROM outbox"),
)
_LOOKS = 4


async def quiet(trial: Trial, *, within: float = 60.0) -> None:
    """Every consumer has acknowledged all it was given, every outbox is empty, no parent is about to write; several
    times in a row. Raises TimeoutError."""
    stack = trial.stack
    password = stack.secrets.nats_passwords()[OPERATOR]
    async with asyncio.timeout(within), bus.connected(stack.configuration.nats_url, OPERATOR, password) as client:
        js = client.jetstream(timeout=15)
        streams = {spec.stream for spec in consumers()}
        looks = 0
        while looks < _LOOKS:
            busy = 0
            for stream in streams:
                for info in await js.consumers_info(stream):
                    busy += (info.num_pending or 0) + (info.num_ack_pending or 0)
            for database, query in _OUTBOXES:
                busy += (await databases.rows(stack, database, query))[0][0]
            looks = 0 if busy else looks + 1
            await trial.parents.idle()
            await asyncio.sleep(0.05)
