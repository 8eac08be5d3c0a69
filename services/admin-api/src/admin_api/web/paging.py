"""Pages of lists: the query parameters that ask for one, and the form of the answer.

    ?after=…&limit=… -> PageQuery (a PageRequest) -> a handler's Slice -> Page.of
"""

from collections.abc import Callable
from typing import Annotated, Generic, Self, TypeVar

from fastapi import Depends, Query

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.web.types import Number, View

T = TypeVar("T")
R = TypeVar("R")

AfterQuery = Annotated[Number | None, Query(description="The `next` of the page before.")]
LimitQuery = Annotated[int, Query(ge=1, le=200, description="Entries of a page at most.")]
LongLimitQuery = Annotated[int, Query(ge=1, le=500, description="Entries of a page at most.")]


def page_request(after: AfterQuery = None, limit: LimitQuery = 50) -> PageRequest[int]:
    """The page that a request asks for."""
    return PageRequest(limit, after)


def long_page_request(after: AfterQuery = None, limit: LongLimitQuery = 100) -> PageRequest[int]:
    """The page that a request asks for, of a list that has an entry for each member."""
    return PageRequest(limit, after)


PageQuery = Annotated[PageRequest[int], Depends(page_request)]
LongPageQuery = Annotated[PageRequest[int], Depends(long_page_request)]


class Page(View, Generic[T]):
    """A part of a list. `next` is the `after` of the part that follows, null at the end."""

    items: list[T]
    next: Number | None = None

    @classmethod
    def of(cls, found: Slice[R, int], view: Callable[[R], T]) -> Self:
        """The part of a list that a handler found, each row shown by `view`."""
        return cls(items=[view(row) for row in found.items], next=found.next)
