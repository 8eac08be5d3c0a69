"""JetStream's client, repaired where it publishes without waiting.

nats-py (2.16) raises what the server refuses, a full stream for example, in the place where it should hand it to who
waits for the acknowledgement; he then waits in vain until his time is over. It keeps a place (of 4,000) for each
message until that is acknowledged, also when it could not even be sent; and while there is no place, it takes who
gives up waiting for one for an error of that message and goes on. So in time nothing was published any more.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext


class JetStream(JetStreamContext):
    """nats-py's JetStreamContext, repaired."""

    async def publish_soon(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> "asyncio.Future[Any]":
        """Send it; the future is the acknowledgement. Its place is free again when that has come, or is cancelled."""
        if not self._async_reply_prefix:
            await self._init_async_reply()
        prefix = bytes(self._async_reply_prefix or b"").decode()
        await self._publish_async_pending_semaphore.acquire()
        token = secrets.token_hex(12)
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def over(_: "asyncio.Future[Any]") -> None:
            self._publish_async_futures.pop(token, None)
            self._publish_async_pending_semaphore.release()

        waiting.add_done_callback(over)
        self._publish_async_futures[token] = waiting
        try:
            await self._nc.publish(subject, payload, reply=prefix + token, headers=dict(headers))
        except BaseException:
            waiting.cancel()
            raise
        return waiting

    async def _handle_async_reply(self, msg: Msg) -> None:
        try:
            await super()._handle_async_reply(msg)
        except nats.js.errors.APIError as error:
            waiting = self._publish_async_futures.get(msg.subject.rpartition(".")[2])
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
