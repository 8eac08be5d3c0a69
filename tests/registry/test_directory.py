"""The directory in memory follows the bucket."""

from collections.abc import AsyncIterator

import pytest

from contracts.directory import UnitEntry, key
from registry.directory import FreshDirectory
from runtime.bus.client import KV_READY, KvChange
from runtime.errors import TransientError

SAKURA = UnitEntry(unit="sakura", name="さくら小学校", receipts=True)
MOMIJI = UnitEntry(unit="momiji", name="もみじ保育園")


def put(entry: UnitEntry) -> KvChange:
    return KvChange(key(entry.unit), entry.model_dump_json().encode())


async def stream(*changes: KvChange) -> AsyncIterator[KvChange]:
    for change in changes:
        yield change


async def nothing(_: str) -> bytes | None:
    return None


async def test_nothing_is_decided_before_the_bucket_was_read() -> None:
    directory = FreshDirectory(nothing)
    await directory.follow(stream(put(SAKURA)))
    with pytest.raises(TransientError):
        await directory.unit("sakura")
    with pytest.raises(TransientError):
        await directory.check()


async def test_changes_and_deletions_are_followed() -> None:
    directory = FreshDirectory(nothing)
    changed = SAKURA.model_copy(update={"receipts": False})
    await directory.follow(stream(put(SAKURA), put(MOMIJI), KV_READY, put(changed), KvChange(key("momiji"), None)))
    await directory.check()
    assert await directory.unit("sakura") == changed
    assert await directory.unit("momiji") is None


async def test_what_was_deleted_while_the_connection_was_away_is_forgotten() -> None:
    directory = FreshDirectory(nothing)
    await directory.follow(stream(put(SAKURA), put(MOMIJI), KV_READY, put(SAKURA), KV_READY))
    assert await directory.unit("sakura") == SAKURA
    assert await directory.unit("momiji") is None


async def test_a_unit_too_new_for_memory_is_looked_up() -> None:
    async def look(name: str) -> bytes | None:
        return MOMIJI.model_dump_json().encode() if name == key("momiji") else None

    directory = FreshDirectory(look)
    await directory.follow(stream(put(SAKURA), KV_READY))
    assert await directory.unit("momiji") == MOMIJI
    assert await directory.unit("sakura") == SAKURA
    assert await directory.unit("sakura", fresh=True) is None


async def test_an_entry_that_is_not_understood_is_passed_over() -> None:
    directory = FreshDirectory(nothing)
    await directory.follow(stream(put(SAKURA), KvChange(key("broken"), b"{"), KV_READY))
    assert await directory.unit("sakura") == SAKURA
    assert await directory.unit("broken") is None
