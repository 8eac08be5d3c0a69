"""Boards to read from lists: what the database holds, and a record of what was read of it."""

from collections.abc import Iterable, Mapping

from board.bounds import BoardSelection, StoredBoard
from board.model import Board


class FakeSource:
    """A source whose boards a test sets. `away`: it can't be reached. `reads`: the units of each reading."""

    def __init__(self, **boards: Board) -> None:
        self.away = False
        self.reads: list[list[str]] = []
        self._stored: dict[str, StoredBoard] = {}
        self._revision = 0
        self.put(**boards)

    def put(self, **boards: Board) -> None:
        """These boards are what the database holds of these units now."""
        for unit, board in boards.items():
            self._revision += 1
            self._stored[unit] = StoredBoard(board, self._revision)

    def remove(self, unit: str) -> None:
        """This unit is not active any more."""
        del self._stored[unit]

    async def revisions(self) -> Mapping[str, int]:
        self._reach()
        return {unit: stored.revision for unit, stored in self._stored.items()}

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
        self._reach()
        self.reads.append(list(units))
        return {unit: self._cut(self._stored[unit], selection) for unit in units if unit in self._stored}

    def _cut(self, stored: StoredBoard, selection: BoardSelection) -> StoredBoard:
        board, bounds = stored.board, selection.bounds
        kept = Board(board.name, board.notices[: bounds.notices], board.events[: bounds.events])
        return StoredBoard(
            kept,
            stored.revision,
            len(board.notices) - len(kept.notices),
            len(board.events) - len(kept.events),
        )

    def _reach(self) -> None:
        if self.away:
            raise ConnectionRefusedError
