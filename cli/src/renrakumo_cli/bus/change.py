"""What `renrakumo bus apply` tells of each thing on the bus."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stream", "bucket", "consumer", "subject"]
Outcome = Literal["created", "updated", "unchanged", "moved", "unknown"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one stream, bucket, consumer or subject; of one that was moved, `name` is `old -> new`."""

    kind: Kind
    name: str
    outcome: Outcome


class NotApplied(Exception):
    """The bus refused or could not be reached, before everything was done. Its text is for the operator."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"the bus refused or could not be reached: {cause or type(cause).__name__}\n"
            "Nothing is lost: run it again, what is done stays done. A cluster that has just lost a server stands "
            "still for up to ten seconds; it need not be back."
        )
