"""Around every request: a correlation id, a bound on the body, headers that keep answers out of caches, and a problem
instead of a bare error when something unexpected happens."""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin_api.web.problems import problem, unavailable
from runtime import tracing
from runtime.faults import is_outage
from runtime.logs import get_logger

MAX_BODY = 1_000_000
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
log = get_logger(__name__)


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _complete(MutableHeaders(scope=message), _HEADERS.items())
            await send(message)

        with tracing.accept(headers):
            try:
                if "transfer-encoding" in headers:
                    # Also beside a length, which then says nothing (RFC 9112 6.3).
                    await problem(411, "length-required")(scope, receive, tell)
                elif (length := headers.get("content-length")) is not None and int(length) > MAX_BODY:
                    await problem(413, "too-large", f"At most {MAX_BODY} octets.")(scope, receive, tell)
                else:
                    await self._app(scope, receive, tell)
            except Exception as error:
                away = is_outage(error)
                log.exception("request_failed", method=scope["method"], route=_route(scope), away=away)
                if started:
                    raise
                answer = unavailable("The database does not answer right now.") if away else problem(500, "internal")
                await answer(scope, receive, tell)


def _complete(headers: MutableHeaders, wanted: Iterable[tuple[str, str]]) -> None:
    for name, value in wanted:
        headers.setdefault(name, value)


def _route(scope: Scope) -> str:
    """The route's pattern, without the values in it."""
    return getattr(scope.get("route"), "path", "unknown")
