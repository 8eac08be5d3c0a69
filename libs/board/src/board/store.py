"""All SQL of the boards: the office's public views, and nothing else.

A board is read in one snapshot together with its revision, so both belong together: a change that is not in the board
yet is not in the revision either, and is found the next time. The nearest entries come first, so that the bounds cut
off what lies furthest away: notices by how long ago they were published (or how soon they will be), events by their
day; what is going on counts as today's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from board.bounds import BoardSelection, StoredBoard
from board.model import Board, CalendarEvent, Notice

Entry = TypeVar("Entry", Notice, CalendarEvent)


def _columns(kind: type[Notice] | type[CalendarEvent]) -> str:
    """Of a notice or event, by the names of its fields and in their order."""
    return ", ".join("group_code" if field.name == "group" else field.name for field in fields(kind))


_REVISIONS = text("SELECT unit, revision FROM office.public_board_changes")
_UNITS = text("""
    SELECT unit, name, revision FROM office.public_units JOIN office.public_board_changes USING (unit)
    WHERE unit = ANY (CAST(:units AS text[]))
""")
_NOTICES = text(f"""
    SELECT unit, CASE WHEN rank = 1 THEN greatest(total - :most, 0) ELSE 0 END AS left_out, {_columns(Notice)}
    FROM (
        SELECT *, count(*) OVER same AS total, row_number() OVER (
            same ORDER BY abs(extract(epoch FROM published_at - CAST(:now AS timestamptz))), id DESC
        ) AS rank
        FROM office.public_notices
        WHERE unit = ANY (CAST(:units AS text[])) AND (expires_at IS NULL OR expires_at > :now)
            AND (:with_groups OR group_code IS NULL)
        WINDOW same AS (PARTITION BY unit, group_code, published_at > :now)
    ) AS ranked
    WHERE rank <= :most
""")  # noqa: S608 (names of our own fields)
_EVENTS = text(f"""
    SELECT unit, CASE WHEN rank = 1 THEN greatest(total - :most, 0) ELSE 0 END AS left_out, {_columns(CalendarEvent)}
    FROM (
        SELECT *, count(*) OVER same AS total, row_number() OVER (
            same ORDER BY greatest(starts_on, CAST(:today AS date)), starts_at NULLS FIRST, id
        ) AS rank
        FROM office.public_events
        WHERE unit = ANY (CAST(:units AS text[])) AND coalesce(ends_on, starts_on) >= :first AND starts_on <= :last
            AND (:with_groups OR group_code IS NULL)
        WINDOW same AS (PARTITION BY unit)
    ) AS ranked
    WHERE rank <= :most
""")  # noqa: S608 (names of our own fields)


class BoardStore:
    """Reads boards. `with_groups`: also what is public of a unit's groups; without it only what is the whole unit's."""

    def __init__(self, engine: AsyncEngine, *, with_groups: bool) -> None:
        self._engine = engine
        self._with_groups = with_groups

    async def revisions(self) -> Mapping[str, int]:
        """Of every active unit: a number that differs whenever something of its board has changed."""
        async with self._engine.connect() as connection:
            return {row[0]: row[1] for row in (await connection.execute(_REVISIONS)).all()}

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
        """The boards of these units; one that is not active any more is missing."""
        common = {"units": list(units), "with_groups": self._with_groups}
        bounds = selection.bounds
        days = {"today": selection.today, "first": selection.first, "last": selection.last}
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            found = (await connection.execute(_UNITS, {"units": common["units"]})).all()
            rows = await connection.execute(_NOTICES, {**common, "now": selection.now, "most": bounds.notices})
            notices = _Portion(Notice, rows.all())
            rows = await connection.execute(_EVENTS, {**common, **days, "most": bounds.events})
            events = _Portion(CalendarEvent, rows.all())
        return {
            row.unit: StoredBoard(
                Board(
                    row.name,
                    tuple(notices.entries[row.unit]),
                    tuple(events.entries[row.unit]),
                ),
                row.revision,
                notices.left_out[row.unit],
                events.left_out[row.unit],
            )
            for row in found
        }


class _Portion(Generic[Entry]):
    """Entries by unit, and how many more there are. Rows have the unit, the number left out, then what `make` takes: by
    position, since names cost more than the database does when a thousand boards are read."""

    def __init__(self, make: Callable[..., Entry], rows: Iterable[Any]) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.left_out: dict[str, int] = defaultdict(int)
        for unit, left_out, *values in rows:
            self.entries[unit].append(make(*values))
            if left_out:
                self.left_out[unit] += left_out
