"""Health of a service over HTTP: /healthz (the process lives), /readyz (each dependency by name), /metrics.

Ready means that every check passed; otherwise 503 with the reason, which is an error's class and static text and holds
neither a password nor an address.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from runtime.process import plain_http
from runtime.process.plain_http import PlainResponse
from runtime.process.ports import listen
from runtime.redaction import reason_of

CHECK_SECONDS = 3.0
_OK = "ok"
_JSON = "application/json"


class Health:
    """Checks by name, and the server that shows them."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], Awaitable[None]]] = {}
        self.draining = False

    def add(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        """`check` raises when the dependency is away. A second check of the same name replaces the first."""
        self._checks[name] = check

    async def report(self) -> dict[str, str]:
        """Dependency -> "ok" or the reason; all are asked at once, each for at most three seconds."""
        names = list(self._checks)
        results = await asyncio.gather(*(self._ask(self._checks[name]) for name in names))
        return dict(zip(names, results, strict=True))

    async def serve(self, host: str, port: int, stop: asyncio.Event | None = None) -> None:
        """Answer until `stop` is set (or the task is cancelled). Raises PortTaken."""
        listener = listen(host, port, "RENRAKUMO_HEALTH_PORT")
        await plain_http.serve(listener, self._answer, stop or asyncio.Event())

    async def _answer(self, path: str) -> PlainResponse:
        if path == "/healthz":
            return PlainResponse(200, _JSON, b'{"status": "alive"}')
        if path == "/readyz":
            report = await self.report()
            ready = not self.draining and all(state == _OK for state in report.values())
            status = "ready" if ready else "draining" if self.draining else "unready"
            body = json.dumps({"status": status, "dependencies": report}).encode()
            return PlainResponse(200 if ready else 503, _JSON, body)
        if path == "/metrics":
            return PlainResponse(200, CONTENT_TYPE_LATEST, generate_latest())
        return PlainResponse(404, _JSON, b'{"status": "unknown path"}')

    async def _ask(self, check: Callable[[], Awaitable[None]]) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            return "no answer in time"
        except ConnectionRefusedError:
            return "refused"
        except Exception as error:
            return _plain(error)
        return _OK


def _plain(error: Exception) -> str:
    # Texts of system errors name hosts and ports, which is nobody's business here.
    return type(error).__name__ if isinstance(error, OSError) else reason_of(error)
