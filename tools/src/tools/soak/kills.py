"""A broadcast to very many while processes die: nobody may be skipped, and only copies in flight may come twice.

Flow: seed the members -> send -> each time that so many copies have arrived, and a moment after, somebody is killed
with -9 and started again (every second time one of the dispatchers; or each server of a cluster of the bus in turn)
-> wait until the ledger says that all are delivered -> compare what lies in the mailboxes with the ledger, copy by
copy, and with the list of members.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mail import tokens
from renrakumo_cli.local.services import CLUSTER_OF, NATS, nats_names
from renrakumo_cli.local.stack import POSTGRES
from runtime.crypto.keys import KeyRing
from simulator import databases, seeding
from simulator.behaviour import Behaviour, GreylistBy, canonical, greylisting, overload, slow
from simulator.carriers import ReceivedMail
from simulator.crowd import make_crowd
from simulator.school import open_school
from simulator.trial import Trial
from tools.load.sockets import connections_to

UNIT = "minami"
DISPATCHER = "dispatcher"
DISPATCHERS = 3
AWAY_SECONDS = 3.0
"""How long a server of a cluster is missing."""
OTHERS = ("registry", "receipts", NATS, POSTGRES)

CARRIERS: dict[str, Behaviour] = {
    "docomo": greylisting(2, by=GreylistBy.RECIPIENT) | slow(0.03),
    "au": slow(0.05),
    "softbank": slow(0.03) | overload(connections=4, messages_per_session=50),
    "gmail": slow(0.05),
}

PATIENT_CARRIERS: dict[str, Behaviour] = {
    "docomo": greylisting(2, by=GreylistBy.RECIPIENT) | slow(0.1),
    "au": slow(0.12),
    "softbank": slow(0.1),
    "gmail": slow(0.12),
}
"""Slower, so that a small broadcast is still under way when the last server of a cluster is killed; and without
refused sessions, after which a carrier is left alone for long."""


@dataclass(frozen=True)
class SoakResult:
    """What came of it. `kills`: how many struck before the broadcast was over; `in_flight_at_kills`: sessions of the
    dispatcher that was killed (of all, when it was the bus), each of which may have had one copy at the carrier without
    anybody knowing; `ledger_matches`: every member has one copy, every copy that the ledger calls delivered lies in a
    mailbox and every one in a mailbox is called delivered, each with the attempt that brought it."""

    seed: int
    dispatchers: int
    nats_servers: int
    recipients: int
    kills: int
    skipped: int
    duplicates: int
    in_flight_at_kills: int
    ledger_matches: bool
    seconds: float

    @property
    def good(self) -> bool:
        well = not self.skipped and self.ledger_matches and self.duplicates <= self.in_flight_at_kills
        return well and (self.nats_servers == 1 or self.kills == self.nats_servers)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Mailboxes:
    """How often each copy (recipient, Message-ID) arrived."""

    copies: Counter[tuple[str, str]] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)

    def put(self, mail: ReceivedMail) -> None:
        recipient = canonical(mail.recipient)
        self.reached.add(recipient)
        self.copies[recipient, mail.message_id] += 1

    @property
    def duplicates(self) -> int:
        """Mails beyond one for each recipient."""
        return sum(self.copies.values()) - len(self.reached)

    def copy_refs(self, keys: KeyRing) -> set[int]:
        """Numbers of the copies that arrived, out of the tokens in their Message-IDs."""
        found = [tokens.find([message_id]) for _, message_id in self.copies]
        return {tokens.check(keys, UNIT, token).recipient_ref for token in found if token is not None}


async def run(
    state: Path,
    *,
    recipients: int,
    kills: int,
    seed: int,
    within: float,
    say: Callable[[str], None],
    dispatchers: int = DISPATCHERS,
    cluster: bool = False,
) -> SoakResult:
    """`within`: seconds after which who has no copy yet counts as skipped; `cluster`: a bus of three servers, each of
    which is killed once (whatever `kills` says)."""
    loop = asyncio.get_running_loop()
    people = make_crowd(seed, recipients)
    rng = random.Random(seed)
    async with await Trial.build(
        state,
        carriers=PATIENT_CARRIERS if cluster else CARRIERS,
        dispatchers=dispatchers,
        nats_servers=CLUSTER_OF if cluster else 1,
        say=say,
    ) as trial:
        await trial.parents.stop()
        mailboxes = Mailboxes()
        for carrier in trial.carriers.values():
            carrier.on_mail.append(mailboxes.put)
        school = await open_school(trial, UNIT, "みなみ小学校", receipts=True, groups={"all": "全校"})
        say(f"seed {seed}: seeding {recipients} members")
        members = await seeding.enter(trial.stack, UNIT, "all", people)
        began = loop.time()
        message = await school.send("お知らせ", "明日は午前中で下校します。")
        struck = in_flight = 0
        plan = (
            _apart(rng, recipients, trial.stack.configuration.nats_names)
            if cluster
            else _plan(rng, recipients, kills, _names(dispatchers))
        )
        for copies, name in plan:
            if not await _arrived(trial, mailboxes, copies, deadline=began + within):
                break
            await asyncio.sleep(rng.uniform(0, 0.3))
            if len(mailboxes.reached) == recipients:
                break
            say(f"{len(mailboxes.reached):6} of {recipients} reached: killing {name}")
            in_flight += _in_flight(trial, name, dispatchers)
            await trial.stack.halt(name, first=signal.SIGQUIT if name == POSTGRES else signal.SIGKILL)
            if cluster:
                await asyncio.sleep(AWAY_SECONDS)
            await trial.stack.resume(name)
            if cluster:
                await trial.stack.bus_in_sync()
            struck += 1

        async def settled() -> bool:
            return bool((await school.counts(message))["delivered"] == recipients)

        await trial.until("every copy is settled", settled, within=max(30.0, began + within - loop.time()))
        seconds = loop.time() - began
        wanted = {canonical(parent.address) for parent in people}
        return SoakResult(
            seed=seed,
            dispatchers=dispatchers,
            nats_servers=trial.stack.configuration.nats_servers,
            recipients=recipients,
            kills=struck,
            skipped=len(wanted - mailboxes.reached),
            duplicates=mailboxes.duplicates,
            in_flight_at_kills=in_flight,
            ledger_matches=await _ledger_matches(trial, mailboxes, set(members), int(message)),
            seconds=round(seconds, 1),
        )


def _names(dispatchers: int) -> list[str]:
    return [DISPATCHER, *(f"{DISPATCHER}-{number}" for number in range(2, dispatchers + 1))]


def _plan(rng: random.Random, recipients: int, kills: int, dispatchers: list[str]) -> Iterator[tuple[int, str]]:
    """(copies arrived, whom), in order of time."""
    moments = sorted(int(rng.uniform(0.02, 0.9) * recipients) for _ in range(kills))
    return zip(moments, _victims(rng, dispatchers), strict=False)


def _apart(rng: random.Random, recipients: int, servers: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(copies arrived, whom) for a cluster: each server once, with time in between for the one before to come back."""
    order = rng.sample(servers, len(servers))
    return ((int((0.05 + 0.25 * place + rng.uniform(0, 0.05)) * recipients), name) for place, name in enumerate(order))


def _victims(rng: random.Random, dispatchers: list[str]) -> Iterator[str]:
    """A dispatcher, one of the others, a dispatcher, another one...: all others before one comes again."""
    while True:
        for name in rng.sample(OTHERS, len(OTHERS)):
            yield rng.choice(dispatchers)
            yield name


async def _arrived(trial: Trial, mailboxes: Mailboxes, copies: int, *, deadline: float) -> bool:
    """Wait until so many have their copy; False when the time is over."""
    loop = asyncio.get_running_loop()
    while len(mailboxes.reached) < copies:
        if loop.time() > deadline:
            trial.say("gave up: too few copies arrive")
            return False
        await asyncio.sleep(0.05)
    return True


def _in_flight(trial: Trial, victim: str, dispatchers: int) -> int:
    """Sessions on which a copy may be at a carrier without anybody knowing, should this process die now."""
    names = _names(dispatchers)
    if victim not in (*names, *nats_names(CLUSTER_OF)):
        return 0
    ports = {carrier.port for carrier in trial.carriers.values()}
    return sum(connections_to(trial.stack.pid(name), ports) for name in ([victim] if victim in names else names))


async def _ledger_matches(trial: Trial, mailboxes: Mailboxes, members: set[int], message: int) -> bool:
    query = """
        SELECT copies.copy_ref, copies.member, copies.state,
               count(*) FILTER (WHERE attempts.outcome = 'delivered' AND attempts.host IS NOT NULL) AS brought
        FROM ledger.copies LEFT JOIN ledger.attempts USING (copy_ref)
        WHERE copies.message = $1
        GROUP BY copies.copy_ref, copies.member, copies.state
    """
    rows = await databases.rows(trial.stack, databases.GENERAL_DATABASE, query, message)
    delivered = {row["copy_ref"] for row in rows if row["state"] == "delivered" and row["brought"] == 1}
    keys = KeyRing.parse(trial.stack.variables(DISPATCHER)["RENRAKUMO_TOKEN_KEYS"])
    return (
        len(rows) == len(members)
        and {row["member"] for row in rows} == members
        and delivered == mailboxes.copy_refs(keys)
        and len(delivered) == len(rows)
    )
