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
