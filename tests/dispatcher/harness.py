"""A dispatcher as a real process on a real bus, with carriers of our own to send to.

The carriers' ports are chosen before the dispatcher starts (routes are read once); a test lets a simulator listen on
one of them. Everything the dispatcher tells is collected from `delivery.settled`.
"""

import asyncio
import base64
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey
from nats.aio.msg import Msg

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliverySettled
from contracts.sealed import CardFields, MessageContent, RecipientCard, RecipientCards, Sealed
from mail.addresses import carrier_of
from renrakumo_cli.local import ports
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.paths import repository_root
from renrakumo_cli.local.process import ChildProcess
from runtime.bus.client import Bus
from runtime.crypto.sealing import Sealer
from runtime.ids import new_id
from runtime.settings import ServiceSettings

BASE = "renraku.example"
UNIT = "sakura"
DOMAINS = ("docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "gmail.com", "parents.example", "family.example")
TOKEN_KEY = b"k" * 32
CONTENT = MessageContent(
    from_name="さくら小学校",
    subject="臨時休校のお知らせ",
    text="{{name}} 様\n\n本日は臨時休校です。\n",
    list_name="さくら小学校",
)

_numbers = itertools.count(1)


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


@dataclass(slots=True)
class Harness:
    """One bus, the dispatcher's environment, and the ports on which its carriers are expected."""

    nats: NatsServer
    folder: Path
    carrier_ports: dict[str, int]
    environment: dict[str, str]
    sealer: Sealer
    health_port: int = 0

    @classmethod
    def build(cls, nats: NatsServer, folder: Path, *, retry_plan: str = "1", **more: str) -> "Harness":
        """More variables by their names without the prefix."""
        private = PrivateKey.generate()
        carrier_ports = {domain: ports.free_port() for domain in DOMAINS}
        nobody = ports.free_port()
        routes = ",".join(f"{domain}=127.0.0.1:{port}" for domain, port in carrier_ports.items())
        public = bytes(private.public_key)
        variables = {
            "NATS_URL": nats.url,
            "NATS_USER": "dispatcher",
            "NATS_PASSWORD": nats.passwords["dispatcher"],
            "BASE_DOMAIN": BASE,
            "ROUTES": f"{routes},*=127.0.0.1:{nobody}",
            "RETRY_PLAN": retry_plan,
            "CARRIERS": str(repository_root() / "simulator" / "src" / "simulator" / "trial_carriers.yaml"),
            "PUBLIC_URL": "https://info.renraku.example/",
            "TOKEN_KEYS": f"t1:{encoded(TOKEN_KEY)}",
            "SEAL_PRIVATE_KEYS": f"d1:{encoded(bytes(private))}",
            "SEAL_PUBLIC_KEYS": f"dispatcher:d1:{encoded(public)}",
            **more,
        }
        environment = {f"RENRAKUMO_{name}": value for name, value in variables.items()}
        environment["PATH"] = os.environ.get("PATH", os.defpath)
        return cls(nats, folder, carrier_ports, environment, Sealer({"dispatcher": ("d1", public)}))

    def new_process(self) -> "Process":
        """A dispatcher, not yet started; several may run side by side."""
        number = next(_numbers)
        self.health_port = ports.free_port()
        environment = {**self.environment, "RENRAKUMO_HEALTH_PORT": str(self.health_port)}
        return Process(environment, self.folder / f"dispatcher-{number}.log")

    @asynccontextmanager
    async def office(self) -> AsyncIterator["Office"]:
        """The other side of the bus."""
        settings = ServiceSettings(
            nats_url=self.nats.url,
            nats_user="operator",
            nats_password=self.nats.passwords["operator"],  # type: ignore[arg-type]  # pydantic seals it
            base_domain=BASE,
            health_port=0,
        )
        bus = await Bus.connect(settings, name="operator", on_closed=lambda: None)
        office = Office(self, bus)
        await bus.client.subscribe("delivery.settled", cb=office.hear)
        await bus.client.flush()
        try:
            yield office
        finally:
            await bus.close()

    def logged(self) -> str:
        """All that the dispatchers of this harness wrote."""
        return "".join(path.read_text() for path in self.folder.glob("dispatcher-*.log"))


class Process:
    """A dispatcher process."""

    def __init__(self, environment: dict[str, str], log_path: Path) -> None:
        self.child = ChildProcess(
            "dispatcher",
            [sys.executable, "-m", "dispatcher.main"],
            environment=environment,
            log_path=log_path,
        )

    async def start(self) -> None:
        await asyncio.to_thread(self.start_now)

    def start_now(self) -> None:
        self.child.start()
        self.child.await_condition(lambda: '"service_started"' in self.child.log_path.read_text(), within=60)

    async def stop(self) -> int | None:
        return await self.child.stop_soon(within=30)

    async def kill(self) -> None:
        """As a power cut would."""
        self.child.send(signal.SIGKILL)
        await self.child.wait_gone()


class Office:
    """Publishes batches as registry would and collects what is settled."""

    def __init__(self, harness: Harness, bus: Bus) -> None:
        self.bus = bus
        self._harness = harness
        self._settled: dict[str, dict[int, DeliverySettled]] = {}
        self._news = asyncio.Event()

    async def hear(self, message: Msg) -> None:
        settled = DeliverySettled.model_validate_json(message.data)
        self._settled.setdefault(settled.batch, {})[settled.attempt] = settled
        self._news.set()

    def batch(
        self, addresses: Sequence[str], *, content: MessageContent | None = CONTENT, **fields: Any
    ) -> DeliveryBatch:
        """A batch for these addresses; the n-th has copy number 1000 + n and the name 保護者n."""
        number = next(_numbers)
        cards = RecipientCards(
            cards=tuple(
                RecipientCard(copy_ref=1000 + position, address=address, fields={"name": f"保護者{position}"})
                for position, address in enumerate(addresses)
            )
        )
        now = datetime.now(UTC)
        name = f"{new_id()}-1-{number}"
        values: dict[str, Any] = {
            "id": name,
            "occurred_at": now,
            "batch": name,
            "unit": UNIT,
            "lane": "ordinary",
            "carrier": carrier_of(addresses[0].rpartition("@")[2]),
            "message": new_id(),
            "reply_kind": "answer",
            "content": None if content is None else self.seal(content),
            "recipients": self.seal(cards),
            "first_planned_at": now,
            **fields,
        }
        return DeliveryBatch(**values)

    def seal(self, model: MessageContent | RecipientCards | CardFields) -> Sealed:
        return self._harness.sealer.seal(model, "dispatcher")

    async def send(self, addresses: Sequence[str], **fields: Any) -> DeliveryBatch:
        """Build and publish."""
        batch = self.batch(addresses, **fields)
        await self.bus.publish(batch)
        return batch

    async def attempt(self, batch: DeliveryBatch, number: int = 1, *, timeout: float = 30) -> dict[int, CopyOutcome]:
        """Outcomes by copy of one attempt, as soon as it is settled."""
        async with asyncio.timeout(timeout):
            while number not in self._settled.get(batch.batch, {}):
                self._news.clear()
                await self._news.wait()
        return {outcome.copy_ref: outcome for outcome in self._settled[batch.batch][number].outcomes}

    async def ends(self, batch: DeliveryBatch, *, timeout: float = 60) -> dict[int, CopyOutcome]:
        """The last outcome of every copy, as soon as none is deferred."""
        last: dict[int, CopyOutcome] = {}
        async with asyncio.timeout(timeout):
            for number in itertools.count(1):
                last |= await self.attempt(batch, number, timeout=timeout)
                if all(outcome.outcome != "deferred" for outcome in last.values()):
                    return last
        raise AssertionError

    def attempts(self, batch: DeliveryBatch) -> int:
        return max(self._settled.get(batch.batch, {0: None}))


def kinds(outcomes: dict[int, CopyOutcome]) -> Counter[str]:
    """How often each outcome."""
    return Counter(outcome.outcome for outcome in outcomes.values())


def people(number: int, domain: str, first: int = 0) -> list[str]:
    """Invented addresses."""
    return [f"parent{first + position}@{domain}" for position in range(number)]
