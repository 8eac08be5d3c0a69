"""A bus as an earlier release left it, made anew from what was recorded of it (tests/fixtures)."""

import json
from pathlib import Path
from typing import Any

from nats.aio.client import Client

_FIXTURES = Path(__file__).parents[1] / "fixtures"


async def build(client: Client, release: str, *, only: tuple[str, ...] = (), replicas: int = 1) -> None:
    """Create the streams, buckets and consumers of that release on empty servers, or `only` these streams."""
    recorded = json.loads((_FIXTURES / release / "bus.json").read_text())
    for name, held in recorded.items():
        if only and name not in only:
            continue
        await _ask(client, f"STREAM.CREATE.{name}", {**held["stream"], "num_replicas": replicas})
        for consumer, config in held["consumers"].items():
            await _ask(client, f"CONSUMER.DURABLE.CREATE.{name}.{consumer}", {"stream_name": name, "config": config})


async def _ask(client: Client, what: str, request: dict[str, Any]) -> None:
    reply = json.loads((await client.request(f"$JS.API.{what}", json.dumps(request).encode(), timeout=10)).data)
    assert "error" not in reply, (what, reply["error"])
