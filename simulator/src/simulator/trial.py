"""A trial: all services on free ports, simulated carriers and parents, and the REST API to sign in to.

    async with await Trial.build(state, carriers={"docomo": greylisting(2)}, people=make_crowd(7)) as trial:
        account = await trial.new_school("higashi", "ひがし小学校", receipts=True)
        office = await trial.sign_in(account)

The demo and the system tests live in it. Everything listens on 127.0.0.1; the domains are real carriers' names, but
every route leads to a simulator.
"""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.stack import LocalStack
from simulator.behaviour import Behaviour
from simulator.carriers import CarrierSimulator
from simulator.crowd import DOMAINS
from simulator.office import Office, command
from simulator.parents import Parents
from simulator.people import Parent

BASE_DOMAIN = "renrakumo.example"
NOBODY = "127.0.0.1:9"
SETTINGS = {
    "RENRAKUMO_BASE_DOMAIN": BASE_DOMAIN,
    "RENRAKUMO_RETRY_PLAN": "1,1,2,2,3,3,5,5,5,10",
    "RENRAKUMO_OPERATOR_ADDRESS": "operator@gmail.com",
    "RENRAKUMO_NEWS_REFRESH": "1",
    "RENRAKUMO_CARRIERS": str(Path(__file__).with_name("trial_carriers.yaml")),
    "RENRAKUMO_SMTP_RATE_PER_PEER": "100000",
    "RENRAKUMO_SMTP_BURST_PER_PEER": "100000",
    "RENRAKUMO_SMTP_MAX_CONNECTIONS_PER_PEER": "1000",
}
"""Quick retries, short pauses, and no limits on the one peer from which a whole town's mail comes here."""


@dataclass
class Trial:
    """The running trial. `accounts`: what the command line printed for each account, by login."""

    stack: LocalStack
    carriers: dict[str, CarrierSimulator]
    parents: Parents
    say: Callable[[str], None]
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    offices: list[Office] = field(default_factory=list)
    _exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    async def build(
        cls,
        state: Path,
        *,
        carriers: Mapping[str, Behaviour] | None = None,
        people: Sequence[Parent] = (),
        settings: Mapping[str, str] | None = None,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        ports: Mapping[str, int] | None = None,
        routes: Mapping[str, str] | None = None,
        dispatchers: int = 1,
        nats_servers: int = 1,
        say: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """Start everything and wait until it is ready. `carriers`: behaviour by name, default accepts; `extra`: more
        variables for one service; `ports`: chosen beforehand, by variable; `routes`: more domains with their host:port;
        `dispatchers`: how many share the work; `nats_servers`: 3 for a cluster.
        Mail to any other domain finds nobody."""
        exits = AsyncExitStack()
        try:
            simulators = {}
            for name, domains in DOMAINS.items():
                simulator = CarrierSimulator(name, behaviour=(carriers or {}).get(name), domains=domains)
                simulators[name] = await exits.enter_async_context(simulator)
            hosts = {
                domain: f"127.0.0.1:{simulators[name].port}" for name, domains in DOMAINS.items() for domain in domains
            } | {"*": NOBODY, **(routes or {})}
            told = ",".join(f"{domain}={host}" for domain, host in hosts.items())
            chosen = {**SETTINGS, "RENRAKUMO_ROUTES": told, **(settings or {})}
            configuration = Configuration.for_trial(state, chosen, dispatchers=dispatchers, nats_servers=nats_servers)
            configuration = dataclasses.replace(configuration, ports={**configuration.ports, **(ports or {})})
            stack = LocalStack(configuration, extra=extra, say=say)
            await stack.start()
            exits.push_async_callback(stack.stop)
            parents = Parents(people, "127.0.0.1", stack.port("RENRAKUMO_SMTP_PORT"))
            parents.listen(simulators.values())
            exits.push_async_callback(parents.stop)
            return cls(stack, simulators, parents, say, _exits=exits)
        except BaseException:
            await exits.aclose()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Sign out, then stop everything that was started."""
        for office in self.offices:
            await office.close()
        await self._exits.aclose()

    # -- the operator ------------------------------------------------------------------------------------------------

    async def command(self, *arguments: str) -> dict[str, Any]:
        """The operator's command line with --json, against this trial."""
        return await command(self.operator_environment(), *arguments)

    def operator_environment(self) -> dict[str, str]:
        return {**self.stack.variables("admin-api"), "RENRAKUMO_STATE_DIR": str(self.stack.configuration.state)}

    async def new_school(self, code: str, name: str, *, receipts: bool) -> dict[str, Any]:
        """A unit and its administrator `<code>-admin`; gives the administrator's credentials."""
        await self.command("unit", "create", code, name, *(["--receipts"] if receipts else []))
        login = f"{code}-admin"
        self.accounts[login] = await self.command("administrator", "create", code, login)
        return self.accounts[login]

    async def sign_in(self, account: Mapping[str, Any]) -> Office:
        office = Office(f"http://{self.stack.host('RENRAKUMO_WEB_PORT')}")
        self.offices.append(office)
        return await office.sign_in(account["login"], account["password"], account["totp_secret"])

    # -- looking -----------------------------------------------------------------------------------------------------

    @staticmethod
    def address(unit: str, local: str) -> str:
        return f"{local}@{unit}.{BASE_DOMAIN}"

    async def until(self, what: str, done: Callable[[], Awaitable[bool]], within: float = 120.0) -> bool:
        """Look every quarter second until it is done; False, and a line of progress, when it isn't in time."""
        deadline = time.monotonic() + within
        said = time.monotonic()
        while time.monotonic() < deadline:
            if await done():
                return True
            if time.monotonic() - said > 5:
                said = time.monotonic()
                self.say(f"waiting: {what}")
            await asyncio.sleep(0.25)
        self.say(f"gave up waiting: {what}")
        return False
