"""What receipts reads of the office is there, as its migration makes it, and nothing else is."""

import asyncpg
import pytest

from receipts import store
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from runtime.errors import CipherError
from simulator.servers import Databases

CIPHER = FieldCipher(KeyRing({"c1": b"k" * 32}))


@pytest.fixture
async def office(fresh_databases: Databases) -> Databases:
    """The office's own tables, with one school."""
    upgrade(fresh_databases.general_url("admin_api"), "admin_api", "office")
    upgrade(fresh_databases.general_url("receipts"), "receipts", "ledger")
    connection = await asyncpg.connect(fresh_databases.general_url("admin_api"))
    await connection.execute("INSERT INTO office.units (code, name, receipts) VALUES ('aoba', 'あおば小学校', true)")
    for number, state in ((1, "approved"), (2, "held")):
        subject, sent = (CIPHER.encrypt(word, context=f"office.messages.{word}") for word in ("subject", "sent_text"))
        await connection.execute(
            "INSERT INTO office.messages (id, unit, lane, kind, subject_key_id, subject_blob, body_key_id, body_blob, "
            "sent_key_id, sent_text, asks, choices, synonyms, about_child, publish, state) VALUES "
            "($1, 'aoba', 'ordinary', 'broadcast', $2, $3, 'c1', '', $4, $5, 'choice', '{良好,発熱}', $7, true, "
            "false, $6)",
            number, *subject, *sent, state, '[["元気"], []]',
        )  # fmt: skip
    await connection.close()
    return fresh_databases


async def test_receipts_reads_what_was_sent_and_only_that(office: Databases) -> None:
    engine = create_engine(office.general_url("receipts"), service="receipts")
    async with engine.connect() as connection:
        sent = await store.sent_message(connection, CIPHER, unit="aoba", message=1)
        assert sent is not None
        assert (sent.asks, sent.choices, sent.synonyms, sent.subject, sent.text) == (
            "choice",
            ("良好", "発熱"),
            (("元気",), ()),
            "subject",
            "sent_text",
        )
        assert await store.sent_message(connection, CIPHER, unit="midori", message=1) is None
        assert await store.sent_message(connection, CIPHER, unit="aoba", message=2) is None
        with pytest.raises(CipherError):
            await store.sent_message(connection, FieldCipher(KeyRing({"c1": b"o" * 32})), unit="aoba", message=1)
    await engine.dispose()
