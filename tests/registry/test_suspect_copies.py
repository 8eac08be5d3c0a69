"""Which copies are suspect is looked up once for all batches of a moment, and never wrongly remembered."""

import asyncio

import pytest

from registry import suspect_copies
from registry.suspect_copies import SuspectCopies


class Database:
    """Answers with the suspect copies, and counts how often it was asked."""

    def __init__(self, *copies: int) -> None:
        self.copies = set(copies)
        self.asked = 0
        self.away = False

    async def look(self) -> set[int]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        return set(self.copies)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_all_batches_of_a_moment_ask_once_and_later_ones_anew() -> None:
    clock, database = Clock(), Database(7)
    known = SuspectCopies(clock)
    assert await asyncio.gather(*(known.of(1, database.look) for _ in range(20))) == [{7}] * 20
    database.copies.add(8)
    assert (await known.of(1, database.look), database.asked) == ({7}, 1)
    clock.now += suspect_copies.SECONDS
    assert (await known.of(1, database.look), database.asked) == ({7, 8}, 2)
    await known.of(2, database.look)
    assert database.asked == 3


async def test_what_was_just_found_out_counts_at_once() -> None:
    database = Database()
    known = SuspectCopies(Clock())
    await known.of(1, database.look)
    known.add(1, [9])
    assert (await known.of(1, database.look), database.asked) == ({9}, 1)
    known.add(2, [9])  # nothing is remembered of that message: the next look tells
    assert await known.of(2, database.look) == set()


async def test_what_is_found_out_during_a_look_is_looked_for_again() -> None:
    database = Database()
    known = SuspectCopies(Clock())
    looking = asyncio.create_task(known.of(1, database.look))
    await asyncio.sleep(0)
    known.add(1, [9])
    database.copies.add(9)
    await looking
    assert (await known.of(1, database.look), database.asked) == ({9}, 2)


async def test_a_look_that_failed_is_not_remembered() -> None:
    database = Database(7)
    known = SuspectCopies(Clock())
    database.away = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await known.of(1, database.look)
    database.away = False
    assert (await known.of(1, database.look), database.asked) == ({7}, 3)


async def test_one_who_gives_up_waiting_spoils_it_for_nobody() -> None:
    database = Database(7)
    known = SuspectCopies(Clock())
    first = asyncio.create_task(known.of(1, database.look))
    second = asyncio.create_task(known.of(1, database.look))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second, database.asked) == ({7}, 1)


async def test_old_messages_are_forgotten_when_there_are_many() -> None:
    database = Database()
    known = SuspectCopies(Clock())
    for message in range(suspect_copies.MOST + 1):
        await known.of(message, database.look)
    await known.of(0, database.look)
    assert database.asked == suspect_copies.MOST + 2
