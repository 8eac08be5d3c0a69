"""The bus as the operator sees it: every message of every stream, and each service's sealed boxes opened with the
stack's own keys."""

import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from contracts.events.dead import DeadLetter
from contracts.streams import DEADLETTERS
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.stack import LocalStack
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener
from simulator import databases


@dataclass(frozen=True, slots=True)
class OnTheBus:
    """One stored message. `subject` of a bucket's message begins with `$KV.`."""

    stream: str
    sequence: int
    subject: str
    headers: dict[str, str]
    data: bytes

    def raw(self) -> bytes:
        """Everything about it as bytes."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{self.stream} {self.subject}\n{headers}\n".encode() + self.data


async def messages(stack: LocalStack, streams: Iterable[str] | None = None) -> list[OnTheBus]:
    """All that lies in these streams (default: all streams and buckets), in order."""
    password = stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(stack.configuration.nats_url, OPERATOR, password) as client:
        names = list(streams) if streams is not None else await _all_streams(client)
        return [message for name in names for message in await _stream(client, name)]


async def stored_so_far(stack: LocalStack, stream: str) -> int:
    """How many messages a stream has taken, also where it doesn't keep what was handled."""
    password = stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(stack.configuration.nats_url, OPERATOR, password) as client:
        return (await client.jetstream(timeout=15).stream_info(stream)).state.last_seq


@asynccontextmanager
async def listening(stack: LocalStack, subject: str) -> AsyncIterator[list[OnTheBus]]:
    """All that is said under a subject meanwhile, for streams that don't keep what was handled."""
    heard: list[OnTheBus] = []

    async def note(message: Msg) -> None:
        headers = {key: str(value) for key, value in (message.headers or {}).items()}
        heard.append(OnTheBus("heard", len(heard) + 1, message.subject, headers, message.data))

    password = stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(stack.configuration.nats_url, OPERATOR, password) as client:
        await client.subscribe(subject, cb=note)
        await client.flush()
        yield heard


@dataclass(frozen=True, slots=True)
class DeadLetterCause:
    """What a service could not process."""

    service: str
    reason: str


async def dead_letters(stack: LocalStack) -> list[DeadLetterCause]:
    """What services gave up on: what the office holds, and what is on its way there."""
    query = "SELECT service, detail FROM office.dead_letters ORDER BY id"
    rows = await databases.rows(stack, databases.GENERAL_DATABASE, query)
    letters = [DeadLetter.model_validate_json(each.data) for each in await messages(stack, [DEADLETTERS.name])]
    return [
        *(DeadLetterCause(row["service"], row["detail"]) for row in rows),
        *(DeadLetterCause(letter.service, letter.reason) for letter in letters),
    ]


def opener(stack: LocalStack, service: str) -> Opener:
    """Opens what is sealed for that service."""
    ring = KeyRing.parse(stack.secrets.environment(service)["RENRAKUMO_SEAL_PRIVATE_KEYS"])
    return Opener(service, ring)


def single_key(stack: LocalStack, service: str, variable: str) -> bytes:
    """A key of a service that stands alone, for example RENRAKUMO_LOOKUP_KEY."""
    return base64.b64decode(stack.secrets.environment(service)[variable])


def key_ring(stack: LocalStack, service: str, variable: str) -> KeyRing:
    return KeyRing.parse(stack.secrets.environment(service)[variable])


async def _all_streams(client: Client) -> list[str]:
    infos = await client.jetstream(timeout=15).streams_info()
    return [info.config.name for info in infos if info.config.name is not None]


async def _stream(client: Client, name: str) -> list[OnTheBus]:
    js = client.jetstream(timeout=15)
    state = (await js.stream_info(name)).state
    found: list[OnTheBus] = []
    for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
        try:
            message = await js.get_msg(name, sequence)
        except NotFoundError:
            continue  # worked off, or replaced by a newer one on its subject
        headers = {key: str(value) for key, value in (message.headers or {}).items()}
        found.append(OnTheBus(name, sequence, message.subject or "", headers, message.data or b""))
    return found
