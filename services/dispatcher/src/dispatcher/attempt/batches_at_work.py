"""The batches that this process is working on: the bus may bring one a second time before the first has come to its
end."""

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import Postponed

AT_WORK_SECONDS = 5.0


class BatchesAtWork:
    """Each batch once."""

    def __init__(self) -> None:
        self._batches: set[str] = set()

    @contextmanager
    def work_on(self, batch: str) -> Iterator[None]:
        """While this lasts the batch is ours alone in this process. Raises Postponed when somebody works on it
        already."""
        if batch in self._batches:
            raise Postponed("batch_already_at_work", AT_WORK_SECONDS)
        self._batches.add(batch)
        try:
            yield
        finally:
            self._batches.discard(batch)
