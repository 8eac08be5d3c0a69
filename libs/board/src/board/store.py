"""All SQL of the boards: the office's public views, and nothing else.

A board is read in one snapshot together with its revision, so both belong together: a change that is not in the board
yet is not in the revision either, and is found the next time. The nearest entries come first, so that the bounds cut
off what lies furthest away: notices by how long ago they were published (or how soon they will be), events by their
day; what is going on counts as today's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from board.bounds import BoardSelection, StoredBoard
from board.model import Board, CalendarEvent, Notice

E = TypeVar("E", Notice, CalendarEvent)


def _columns(kind: type[Notice] | type[CalendarEvent]) -> str:
    """Of a notice or event, by the names of its fields."""
    return ", ".join('group_code AS "group"' if field.name == "group" else field.name for field in fields(kind))


_REVISIONS = text("SELECT unit, revision FROM office.public_board_changes")
_UNITS = text("""
    SELECT unit, name, revision FROM office.public_units JOIN office.public_board_changes USING (unit)
    WHERE unit = ANY (CAST(:units AS text[]))
""")
_NOTICES = text(f"""
    SELECT unit, {_columns(Notice)},
        CASE WHEN rank = 1 THEN greatest(total - :most, 0) ELSE 0 END AS left_out
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
    SELECT unit, {_columns(CalendarEvent)},
        CASE WHEN rank = 1 THEN greatest(total - :most, 0) ELSE 0 END AS left_out
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
            return {row.unit: row.revision for row in await connection.execute(_REVISIONS)}

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
        """The boards of these units; one that is not active any more is missing."""
        common = {"units": list(units), "with_groups": self._with_groups}
        bounds = selection.bounds
        days = {"today": selection.today, "first": selection.first, "last": selection.last}
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            found = (await connection.execute(_UNITS, {"units": common["units"]})).all()
            notices = _Portion(
                await connection.execute(_NOTICES, {**common, "now": selection.now, "most": bounds.notices})
            )
            events = _Portion(await connection.execute(_EVENTS, {**common, **days, "most": bounds.events}))
        return {
            row.unit: StoredBoard(
                Board(
                    row.name,
                    tuple(_entry(Notice, each) for each in notices.rows[row.unit]),
                    tuple(_entry(CalendarEvent, each) for each in events.rows[row.unit]),
                ),
                row.revision,
                notices.left_out[row.unit],
                events.left_out[row.unit],
            )
            for row in found
        }


class _Portion:
    """Rows by unit, and how many more there are."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows: dict[str, list[Any]] = defaultdict(list)
        self.left_out: dict[str, int] = defaultdict(int)
        for row in rows:
            self.rows[row.unit].append(row)
            self.left_out[row.unit] += row.left_out


def _entry(kind: type[E], row: Any) -> E:
    """A notice or event: a column is a field, by its name."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})
