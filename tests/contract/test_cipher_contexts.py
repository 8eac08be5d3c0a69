"""What one service encrypts another decrypts, by contexts declared once: each service's own code, on real tables."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from admin_api.kernel.paging import PageRequest
from admin_api.messages import store as messages
from admin_api.messages.model import Message
from admin_api.results import store as results
from contracts import cipher_contexts
from receipts import store
from receipts.model import Reading
from renrakumo_cli.local.services import OWNERS
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.database import migrations
from runtime.database.engine import create_engine, transaction
from simulator.servers import Databases

SERVICES = Path(__file__).parents[2] / "services"
CIPHER = FieldCipher(KeyRing({"c1": b"k" * 32}))
NOW = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
CONTEXTS = {
    "MESSAGE_SUBJECT": "office.messages.subject",
    "MESSAGE_SENT_TEXT": "office.messages.sent_text",
    "ANSWER_TEXT": "ledger.answers.text",
}


def test_contexts_never_change_because_what_is_stored_is_bound_to_them() -> None:
    assert {name: value for name, value in vars(cipher_contexts).items() if name.isupper()} == CONTEXTS


@pytest.mark.parametrize("name", CONTEXTS)
def test_both_services_use_the_declaration_and_neither_writes_the_context_itself(name: str) -> None:
    users = set()
    for path in SERVICES.glob("*/src/**/*.py"):
        source = path.read_text()
        assert not re.search(f"[\"']{re.escape(CONTEXTS[name])}[\"']", source), path
        if re.search(rf"cipher_contexts(\.| import .*\b){name}\b", source):
            users.add(path.relative_to(SERVICES).parts[0])
    assert users == {"admin-api", "receipts"}


@pytest.fixture
def general(fresh_databases: Databases) -> Databases:
    """The general database with the tables of both owners."""
    for owner in OWNERS:
        if owner.database == "general":
            migrations.upgrade(fresh_databases.general_url(owner.package), owner.package, owner.schema)
    return fresh_databases


async def test_receipts_opens_what_the_office_wrote_and_the_office_what_receipts_wrote(general: Databases) -> None:
    office = create_engine(general.general_url("admin_api"), service="admin-api")
    receipts = create_engine(general.general_url("receipts"), service="receipts")
    message = Message(1, "aoba", "健康調査", "本文", "本文と署名", "ordinary", "broadcast", NOW).sent(NOW)
    async with transaction(office) as driver:
        await driver.execute("INSERT INTO office.units (code, name, receipts) VALUES ('aoba', 'あおば小学校', true)")
    async with office.begin() as connection:
        await messages.add(connection, CIPHER, message)
    async with receipts.connect() as connection:
        sent = await store.sent_message(connection, CIPHER, unit="aoba", message=1)
    assert sent is not None
    assert (sent.subject, sent.text) == ("健康調査", "本文と署名")

    async with transaction(receipts) as driver:
        await store.add_answer(
            driver,
            answer_id=5,
            unit="aoba",
            message=1,
            copy_ref=7,
            at=NOW,
            reading=Reading(None, needs_look=False, why=""),
            encrypted=CIPHER.encrypt("行けます", context=cipher_contexts.ANSWER_TEXT),
            authentication=None,
        )
    async with office.connect() as connection:
        answers = await results.answers(connection, CIPHER, 1, latest=None, wanted=PageRequest(10))
    assert [answer.text for answer in answers.items] == ["行けます"]
    await office.dispose()
    await receipts.dispose()
