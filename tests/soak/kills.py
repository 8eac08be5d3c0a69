"""A broadcast to very many while processes die: nobody may be skipped, and only copies in flight may come twice.

Flow: seed the members -> send -> each time that so many copies have arrived, and a moment after, somebody is killed
with -9 and started again (every second time the dispatcher) -> wait until the ledger says that all are delivered ->
compare what lies in the mailboxes, the ledger, and the list of members.
"""

import asyncio
import itertools
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from renrakumo_cli.local.services import SERVICES
from renrakumo_cli.local.stack import NATS, POSTGRES
from tests.support.behaviour import Behaviour, GreylistBy, canonical, greylisting, overload, slow
from tests.support.carriers import ReceivedMail
from tests.support.crowd import make_crowd
from tests.support.house import House
from tests.system import databases, seeding
from tests.system.school import open_school

UNIT = "minami"
DISPATCHER = "dispatcher"
HOLD_COPIES = frozenset({DISPATCHER, NATS})
"""At whose death a copy may be at a carrier without anybody here knowing."""

CARRIERS: dict[str, Behaviour] = {
    "docomo": greylisting(2, by=GreylistBy.RECIPIENT) | slow(0.03),
    "au": slow(0.05),
    "softbank": slow(0.03) | overload(connections=4, messages_per_session=50),
    "gmail": slow(0.05),
}


@dataclass(frozen=True)
class Outcome:
    """What came of it. `in_flight_at_kills`: sessions open at the carriers when the dispatcher or the bus was killed,
    each of which may have had one copy in hand; `kills`: how many struck before the broadcast was over."""

    seed: int
    recipients: int
    kills: int
    skipped: int
    duplicates: int
    in_flight_at_kills: int
    ledger_matches: bool
    seconds: float

    @property
    def good(self) -> bool:
        return not self.skipped and self.ledger_matches and self.duplicates <= self.in_flight_at_kills

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Mailboxes:
    """How often each copy (recipient, Message-ID) arrived."""

    copies: Counter[tuple[str, str]] = field(default_factory=Counter)

    def put(self, mail: ReceivedMail) -> None:
        self.copies[canonical(mail.recipient), mail.message_id] += 1

    @property
    def reached(self) -> set[str]:
        return {recipient for recipient, _ in self.copies}

    @property
    def duplicates(self) -> int:
        """Mails beyond one for each recipient."""
        return sum(self.copies.values()) - len(self.reached)


async def run(
    state: Path, *, recipients: int, kills: int, seed: int, within: float, say: Callable[[str], None]
) -> Outcome:
    """`within`: seconds after which who has no copy yet counts as skipped."""
    loop = asyncio.get_running_loop()
    people = make_crowd(seed, recipients)
    rng = random.Random(seed)
    async with await House.build(state, carriers=CARRIERS, say=say) as house:
        await house.parents.stop()
        mailboxes = Mailboxes()
        for carrier in house.carriers.values():
            carrier.on_mail.append(mailboxes.put)
        school = await open_school(house, UNIT, "みなみ小学校", receipts=True, groups={"all": "全校"})
        say(f"seed {seed}: seeding {recipients} members")
        members = await seeding.enter(house.stack, UNIT, "all", people)
        began = loop.time()
        message = await school.send("お知らせ", "明日は午前中で下校します。")
        struck = in_flight = 0
        for copies, name in _plan(rng, recipients, kills):
            if not await _arrived(house, mailboxes, copies, deadline=began + within):
                break
            await asyncio.sleep(rng.uniform(0, 0.3))
            reached = len(mailboxes.reached)
            if reached == recipients:
                break
            say(f"{reached:6} of {recipients} reached: killing {name}")
            in_flight += _open_sessions(house) if name in HOLD_COPIES else 0
            await house.stack.restart(name, first=signal.SIGQUIT if name == POSTGRES else signal.SIGKILL)
            struck += 1

        async def settled() -> bool:
            return bool((await school.counts(message))["delivered"] == recipients)

        await house.until("every copy is settled", settled, within=max(30.0, began + within - loop.time()))
        seconds = loop.time() - began
        wanted = {canonical(parent.address) for parent in people}
        return Outcome(
            seed=seed,
            recipients=recipients,
            kills=struck,
            skipped=len(wanted - mailboxes.reached),
            duplicates=mailboxes.duplicates,
            in_flight_at_kills=in_flight,
            ledger_matches=await _ledger_matches(house, set(members), int(message)),
            seconds=round(seconds, 1),
        )


def _plan(rng: random.Random, recipients: int, kills: int) -> Iterator[tuple[int, str]]:
    """(copies arrived, whom), in order of time."""
    moments = sorted(int(rng.uniform(0.02, 0.9) * recipients) for _ in range(kills))
    return zip(moments, _victims(rng), strict=False)


def _victims(rng: random.Random) -> Iterator[str]:
    """The dispatcher, one of the others, the dispatcher, another one...: all others before one comes again."""
    others = [NATS, POSTGRES, *(spec.name for spec in SERVICES if spec.name != DISPATCHER)]
    while True:
        for name in rng.sample(others, len(others)):
            yield from itertools.chain((DISPATCHER,), (name,))


async def _arrived(house: House, mailboxes: Mailboxes, copies: int, *, deadline: float) -> bool:
    """Wait until so many have their copy; False when the time is over."""
    loop = asyncio.get_running_loop()
    while len(mailboxes.reached) < copies:
        if loop.time() > deadline:
            house.say("gave up: too few copies arrive")
            return False
        await asyncio.sleep(0.05)
    return True


def _open_sessions(house: House) -> int:
    return sum(carrier.stats.active for carrier in house.carriers.values())


async def _ledger_matches(house: House, members: set[int], message: int) -> bool:
    """Every member stands in the ledger once, as delivered, and nobody else does."""
    query = "SELECT member, state FROM ledger.copies WHERE message = $1"
    rows = await databases.rows(house.stack, databases.GENERAL_DATABASE, query, message)
    delivered = [row["member"] for row in rows if row["state"] == "delivered"]
    return len(rows) == len(delivered) == len(members) and set(delivered) == members
