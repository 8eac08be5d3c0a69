"""kill -9 in the middle of a rush: each service in turn, and the bus, brought back as a supervisor would."""

import asyncio
import random
import signal
from collections.abc import Collection
from dataclasses import dataclass

from renrakumo_cli.local.services import NATS
from simulator.trial import Trial
from tools.load.sockets import connections_to

VICTIMS = ("ingress-smtp", "responder", "receipts", "registry", "dispatcher", "admin-api", NATS)


@dataclass
class Strikes:
    """`in_flight`: mails of ours that may have been at a mailbox without anybody knowing when their dispatcher died;
    only those may come twice."""

    seed: int
    seconds: float
    kills: int = 0
    in_flight: int = 0

    async def run(self, trial: Trial, mailboxes: Collection[int]) -> None:
        """Strike everybody once within the time; `mailboxes`: ports that our mail goes to."""
        dice = random.Random(self.seed)
        for name in dice.sample(VICTIMS, len(VICTIMS)):
            await asyncio.sleep(self.seconds / (len(VICTIMS) + 1) * dice.uniform(0.7, 1.0))
            trial.say(f"killing {name}")
            if name in ("dispatcher", NATS):
                self.in_flight += connections_to(trial.stack.pid("dispatcher"), mailboxes)
            await trial.stack.halt(name, first=signal.SIGKILL)
            await trial.stack.resume(name)
            self.kills += 1
