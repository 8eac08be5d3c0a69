"""Request/reply: questions and answers as JSON of pydantic models.

A refusal travels as the header `Renrakumo-Error` with a code and no body. PermanentError of a handler gives its own
code; something away gives `unavailable`, which the asker sees as BusUnavailable and may try again; anything else gives
`internal` and no word about what happened, because an unknown error's text may hold data.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from runtime import tracing
from runtime.errors import BusUnavailable, PermanentError, RequestFailed, RequestRefused
from runtime.faults import is_outage
from runtime.logs import get_logger

ERROR_HEADER = "Renrakumo-Error"
INTERNAL = "internal"
UNAVAILABLE = "unavailable"
BAD_REQUEST = "bad_request"
_AT_ONCE = 64

Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
log = get_logger(__name__)


class RequestReply:
    """Both sides of request/reply on one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, subject: str, message: BaseModel, reply: type[R], timeout: float) -> R:
        """Send, wait, read; errors of the connection pass through."""
        answer = await self._client.request(
            subject, message.model_dump_json().encode(), timeout=timeout, headers=tracing.headers()
        )
        code = (answer.headers or {}).get(ERROR_HEADER)
        if code == INTERNAL:
            raise RequestFailed("request_failed")
        if code == UNAVAILABLE:
            raise BusUnavailable("request_unavailable")
        if code:
            raise RequestRefused(code)
        try:
            return reply.model_validate_json(answer.data)
        except ValidationError:
            raise RequestFailed("answer_not_understood") from None

    async def answer(
        self, subject: str, request: type[Q], handler: Callable[[Q], Awaitable[BaseModel]], queue: str
    ) -> None:
        """Subscribe, and answer each question in a task of its own, so many at once and no more."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def work(message: Msg) -> None:
            try:
                with tracing.accept(message.headers):
                    body, code = await self._handle(message, request, handler)
                if message.reply:
                    headers = {ERROR_HEADER: code} if code else None
                    await self._client.publish(message.reply, body, headers=headers)
            except Exception:
                log.warning("answer_not_sent", subject=subject, exc_info=True)
            finally:
                slots.release()

        async def received(message: Msg) -> None:
            await slots.acquire()
            task = asyncio.create_task(work(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        await self._client.subscribe(subject, queue=queue, cb=received)

    async def finish(self, seconds: float) -> None:
        """Wait for answers under way, at most that long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def _handle(
        self, message: Msg, request: type[Q], handler: Callable[[Q], Awaitable[BaseModel]]
    ) -> tuple[bytes, str]:
        try:
            question = request.model_validate_json(message.data)
        except ValidationError:
            return b"", BAD_REQUEST
        try:
            return (await handler(question)).model_dump_json().encode(), ""
        except PermanentError as refusal:
            return b"", str(refusal) or INTERNAL
        except Exception as error:
            away = is_outage(error)
            log.warning("answer_failed", subject=message.subject, exc_info=True)
            return b"", UNAVAILABLE if away else INTERNAL
