"""A bus of three servers: everything is kept by each of them, and all goes on while one of them is missing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from contracts.streams import BUCKETS, DELIVERY, STREAMS
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.stack import LocalStack
from simulator import seeding
from simulator.crowd import make_crowd
from simulator.office import RENRAKUMO
from simulator.school import open_school
from simulator.trial import Trial

pytestmark = pytest.mark.system

PEOPLE = make_crowd(5, 12)


# Slow: a trial on three servers of the bus, of which one is killed and comes back.
async def test_a_message_reaches_everybody_and_a_parent_registers_while_a_server_of_the_bus_is_away(
    tmp_path: Path,
) -> None:
    async with await Trial.build(tmp_path, nats_servers=3, people=PEOPLE) as trial:
        stack = trial.stack
        await stack.bus_in_sync()
        assert await copies(stack) == {
            **{spec.name: 3 for spec in STREAMS},
            **{f"KV_{spec.name}": 3 for spec in BUCKETS},
        }
        school = await open_school(trial, "kita", "きた小学校", receipts=False, groups={"all": "全校"})
        await seeding.enter(stack, "kita", "all", PEOPLE[1:])
        assert "ok   bus cluster" in await doctor(trial)
        gone = await leader(stack, DELIVERY.name)
        await stack.halt(gone, first=signal.SIGKILL)

        message = await school.send("お知らせ", "明日は午前中で下校します。")

        async def delivered() -> bool:
            return (await school.counts(message))["delivered"] == len(PEOPLE) - 1

        assert await trial.until("every copy is delivered", delivered, within=60)
        await school.register(PEOPLE[:1], "all", with_name=False)

        async def noticed() -> bool:
            return "BAD  bus cluster" in await doctor(trial)

        assert await trial.until("doctor tells of the missing server", noticed, within=60)
        await stack.resume(gone)
        await stack.bus_in_sync()


async def doctor(trial: Trial) -> str:
    """What `renrakumo doctor` says."""
    environment = {"PATH": os.defpath, "RENRAKUMO_STATE_DIR": str(trial.stack.configuration.state)}
    process = await asyncio.create_subprocess_exec(
        str(RENRAKUMO), "doctor", env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode()


async def copies(stack: LocalStack) -> dict[str, int]:
    """Stream -> how many servers hold it."""
    async with bus.connected(*login(stack)) as client:
        return {str(info.config.name): info.config.num_replicas or 1 for info in await client.jsm().streams_info()}


async def leader(stack: LocalStack, stream: str) -> str:
    """The server that leads a stream."""
    async with bus.connected(*login(stack)) as client:
        cluster = (await client.jsm().stream_info(stream)).cluster
    assert cluster is not None
    return str(cluster.leader)


def login(stack: LocalStack) -> tuple[str, str, str]:
    return stack.configuration.nats_url, OPERATOR, stack.secrets.nats_passwords()[OPERATOR]
