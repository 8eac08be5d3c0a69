"""JetStream's client, which here also tells what went wrong with a message that was published without waiting.

nats-py (2.16) raises what the server refuses, a full stream for example, in the place where it should hand it to who
waits for the acknowledgement; he then waits in vain until his time is over.
"""

import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext


class JetStream(JetStreamContext):
    """As `client.jetstream()` gives it, repaired."""

    async def _handle_async_reply(self, msg: Msg) -> None:
        try:
            await super()._handle_async_reply(msg)
        except nats.js.errors.APIError as error:
            waiting = [future for token, future in self._publish_async_futures.items() if msg.subject.endswith(token)]
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
