"""Lists in parts: which part is wanted, how its rows are selected, and where the next part begins. No web in here.

PageRequest -> newest_first/numbered (one row more than is shown) -> cut -> Slice: the rows, and the next cursor
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select

T = TypeVar("T")
C = TypeVar("C", int, str)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T, C]):
    """A part of a list. `next`: the cursor behind which the next part begins; None at the end."""

    items: list[T]
    next: C | None


@dataclass(frozen=True, slots=True)
class PageRequest(Generic[C]):
    """Which part of a list is wanted: at most `limit` rows behind the cursor `after` (None: the first ones)."""

    limit: int
    after: C | None = None

    @property
    def rows(self) -> int:
        """How many rows to fetch: one more than is shown tells whether another part follows."""
        return self.limit + 1

    def newest_first(self, query: Select[Any], number: ColumnElement[int]) -> Select[Any]:
        """The query's rows by falling number, from the cursor on."""
        query = query.order_by(number.desc()).limit(self.rows)
        return query if self.after is None else query.where(number < self.after)

    def ascending(self, query: Select[Any], code: ColumnElement[Any]) -> Select[Any]:
        """The query's rows by rising code or number, from the cursor on."""
        query = query.order_by(code).limit(self.rows)
        return query if self.after is None else query.where(code > self.after)

    def cut(self, found: Sequence[T], cursor: Callable[[T], C]) -> Slice[T, C]:
        """The part that is shown of the rows that were fetched; `cursor` tells a row's own."""
        shown = list(found[: self.limit])
        return Slice(shown, cursor(shown[-1]) if len(found) > self.limit else None)
