"""What the info site does: it shows a unit's board, from memory, and takes unsubscriptions, which are said on the bus
to receipts, who alone can check the token."""

from board.model import news_of
from contracts.events import InboundUnsubscribe
from info_site.context import Context
from info_site.model import SHOWN_NOTICES, BoardPage


async def page(context: Context, unit: str) -> BoardPage | None:
    """A unit's page as it is now, None when there is no such unit. TransientError until the boards have been read, and
    for one that is not in memory while the database is away."""
    board = await context.boards.board(unit)
    if board is None:
        return None
    return BoardPage(board.name, news_of(board, context.clock(), newest=SHOWN_NOTICES))


async def unsubscribe(context: Context, unit: str, token: str) -> None:
    """Say that the owner of this token wants out. Pressing twice is one event. Raises BusUnavailable."""
    event = InboundUnsubscribe(id=f"unsubscribe-{unit}-{token}", occurred_at=context.clock(), unit=unit, token=token)
    await context.publisher.publish(event)
