"""Work counted in steps. A test that says that something takes no longer than it may counts them: seconds depend on the
machine, and on what else it does."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec

P = ParamSpec("P")


def count_calls(work: Callable[P, object], *arguments: P.args, **named: P.kwargs) -> int:
    """How many functions `work` calls with these arguments, those written in C included."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work(*arguments, **named)
    finally:
        sys.setprofile(before)
    return calls
