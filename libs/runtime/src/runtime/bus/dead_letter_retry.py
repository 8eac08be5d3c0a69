"""Dead letters once more: what the operator decided about a message that this service had given up.

    dead-letter-retry.<service>
        -> the dead letter in it -> the message as it was -> the handler of the consumer that gave it up
               -> done
               -> given up again: a dead letter that names the first one, so that the two are one case
        -> given up for good -> whoever waits for its outcome is told, where the service can do that
The bus loop is the usual one: outages are waited for, mistakes tried a few times. A handler that was rolled back when
it gave up has left nothing behind (its row in the inbox went with it), so this time is the first time for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from contracts.events.dead import DeadLetter, DeadLetterRetry
from contracts.retired import current_subject
from contracts.streams import ConsumerSpec
from runtime import tracing
from runtime.bus.consumer import SEQUENCE_HEADER, STREAM_HEADER, Delivery, dead_letter, dead_letter_id
from runtime.errors import PermanentError
from runtime.logs import get_logger
from runtime.redaction import reason_of

Handler = Callable[[Delivery], Awaitable[None]]
log = get_logger(__name__)


class RetryHandler:
    """Handler of the consumer `<service>-dead-letter-retry`. `handlers`: those of the service's consumers, by
    consumer name. `given_up`: what to do about a message that will never be handled; None where nobody waits for it."""

    def __init__(self, handlers: Mapping[str, Handler], given_up: Handler | None = None) -> None:
        self._handlers = handlers
        self._given_up = given_up

    async def __call__(self, delivery: Delivery) -> None:
        retry = delivery.event(DeadLetterRetry)
        with tracing.accept(retry.dead_letter.headers) as correlation:
            if retry.given_up:
                await self._give_up(retry.dead_letter, delivery.attempt, correlation)
                return
            handler = self._handlers.get(retry.dead_letter.consumer)
            if handler is None:
                raise PermanentError("consumer_is_no_more")
            await handler(as_it_was(retry.dead_letter, delivery.attempt, correlation))
        log.info("dead_letter_handled", dead_letter=retry.dead_letter.first)

    async def _give_up(self, letter: DeadLetter, attempt: int, correlation: str) -> None:
        if self._given_up is None:
            return
        try:
            await self._given_up(as_it_was(letter, attempt, correlation))
        except PermanentError as error:
            # Who decided on it shall not get it back for that: nobody can read whose outcome it would be.
            log.warning("given_up_without_outcomes", dead_letter=letter.first, reason=reason_of(error))


def as_it_was(letter: DeadLetter, attempt: int, correlation: str) -> Delivery:
    """The message as its consumer saw it. Raises PermanentError when the letter doesn't hold it."""
    if not letter.payload:
        raise PermanentError("message_not_kept")
    try:
        data = letter.message()
    except ValueError:
        raise PermanentError("message_not_understood") from None
    number = letter.headers.get(SEQUENCE_HEADER, "")
    return Delivery(
        subject=current_subject(letter.subject),  # it may have lain with the operator since an earlier release
        data=data,
        headers=letter.headers,
        attempt=attempt,
        stream=letter.headers.get(STREAM_HEADER, ""),
        sequence=int(number) if number.isascii() and number.isdigit() else 0,
        correlation=correlation,
    )


def repeated_dead_letter(spec: ConsumerSpec, delivery: Delivery, error: Exception) -> DeadLetter:
    """The dead letter of a message that was given up again: the first one's, with the reason of this time."""
    try:
        letter = delivery.event(DeadLetterRetry).dead_letter
    except PermanentError:
        return dead_letter(spec, delivery, error)
    return letter.model_copy(
        update={
            "id": dead_letter_id(spec, delivery),
            "occurred_at": datetime.now(UTC),
            "reason": reason_of(error),
            "attempts": letter.attempts + delivery.attempt,
            "retry_of": letter.first,
        }
    )
