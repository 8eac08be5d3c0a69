"""The audience of a large message, frozen, sealed and put on the bus by registry alone.

Members are copied straight into the personal database, encrypted with the stack's own keys: half a million rows take seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.events import MessageApproved
from contracts.streams import DELIVERY
from registry.store.addresses import COLUMN
from registry.store.members import NAME
from renrakumo_cli.local.stack import LocalStack
from runtime.ids import new_id
from simulator import seeding

SERVICE = "registry"
WARMING = 200
SHARES = (("docomo", "docomo.ne.jp"), ("au", "ezweb.ne.jp"), ("softbank", "softbank.ne.jp"), ("gmail", "gmail.com"))
_CHUNK = 20_000


async def prepare(
    stack: LocalStack, client: Client, unit: str, recipients: int
) -> Callable[[], Awaitable[tuple[float, float]]]:
    """Fill the personal database, send a small message first; gives what is to be measured."""
    await _fill(stack, unit, recipients)
    await _send(client, unit, ("few",), WARMING)

    async def work() -> tuple[float, float]:
        return await _send(client, unit, ("all",), recipients)

    return work


async def _fill(stack: LocalStack, unit: str, recipients: int) -> None:
    crypto = seeding.crypto(stack)
    connection = await asyncpg.connect(stack.database_url("registry"))
    since = datetime.now(UTC)
    base = new_id()
    try:
        for begin in range(0, recipients, _CHUNK):
            addresses, members, memberships = [], [], []
            for number in range(begin, min(begin + _CHUNK, recipients)):
                carrier, domain = SHARES[number % len(SHARES)]
                # Members in another order than their addresses, as years of comings and goings leave them.
                member = base + (number * 7919) % (1 << 21)
                address = f"parent.{number}@{domain}"
                sealed = crypto.encrypt(address, COLUMN, base + number)
                addresses.append((base + number, *sealed, crypto.address_lookup(address), carrier))
                members.append(
                    (member, unit, base + number, *crypto.encrypt(f"{number} 山田 太郎 母", NAME, member), since)
                )
                memberships += [(member, group, since) for group in ("all", *(("few",) if number < WARMING else ()))]
            async with connection.transaction():
                await connection.copy_records_to_table(
                    "addresses", records=addresses, columns=("id", "key_id", "ciphertext", "lookup", "carrier")
                )
                await connection.copy_records_to_table(
                    "members", records=members, columns=("id", "unit", "address_id", "name_key_id", "name", "since")
                )
                await connection.copy_records_to_table(
                    "memberships", records=memberships, columns=("member", "group_code", "since")
                )
        # As the server does by itself within a minute: whoever reads rows first after that finds them tidy.
        await connection.execute("VACUUM (ANALYZE) addresses, members, memberships")
    finally:
        await connection.close()


async def _send(client: Client, unit: str, groups: tuple[str, ...], copies: int) -> tuple[float, float]:
    """Approve and wait: seconds until the first batch was on the bus, and until all were."""
    js = client.jetstream()
    first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def heard(_: Msg) -> None:
        if not first.done():
            first.set_result(time.perf_counter())

    subscription = await client.subscribe("delivery.ordinary.*", cb=heard)
    await subscription.unsubscribe(limit=1)
    await client.flush()
    before = (await js.stream_info(DELIVERY.name)).state.messages
    event = MessageApproved(
        id=f"approved-{new_id()}",
        occurred_at=datetime.now(UTC),
        unit=unit,
        message=new_id(),
        lane="ordinary",
        groups=groups,
        content_key=f"{unit}.content",
    )
    began = time.perf_counter()
    await js.publish(event.name, event.model_dump_json().encode())
    parts = [len(range(number, copies, len(SHARES))) for number in range(len(SHARES))]
    wanted = before + sum(-(-part // 100) for part in parts)
    while (await js.stream_info(DELIVERY.name)).state.messages < wanted:  # noqa: ASYNC110  only the bus knows
        await asyncio.sleep(0.05)
    ended = time.perf_counter()
    return await first - began, ended - began
