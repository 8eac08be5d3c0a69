"""A ledger on a real PostgreSQL with a stand-in for the office's view, and parents who answer with real mail.

`harness` is one unit of its own: it mints tokens, seals mails as ingress-smtp does, and looks at what was written
down and said.
"""

import base64
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest
from nacl.public import PrivateKey
from sqlalchemy import text

from contracts.base import Event
from contracts.events import Authentication, Automatic, InboundBounce, InboundFeedback, InboundReply
from contracts.sealed import RawMail, ReplyText, ReportedRecipients, Sealed
from contracts.views import SENT_MESSAGES
from mail import tokens
from mail.automatic.decision import decide
from mail.mime import reading
from mail.tokens import Token, TokenKind
from receipts import store, tables
from receipts.context import Context
from receipts.model import SentMessage, TokenLifetimes
from receipts.sent_messages import SentMessages
from renrakumo_cli.local.postgres import PostgresServer
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from runtime.database.outbox import Inbox, Outbox
from runtime.ids import new_id
from simulator import servers
from simulator.servers import Databases, run_apart
from tests.support.views import stand_in

NOW = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
SENT = """\
保護者の皆様

4月8日の健康調査です。お子さまの今朝のようすを、番号か言葉でお知らせください。
このメールにそのまま返信してください。

1 良好
2 せきあり
3 発熱あり

あおば小学校 保健室
"""
CHOICES = ("良好", "せきあり", "発熱あり")
PARENT = "parent-of-hanako@docomo.example"

_numbers = itertools.count(1)


def prepare(pair: Databases) -> None:
    """The stand-in for the office's view, and the ledger's migrations."""

    async def office() -> None:
        connection = await asyncpg.connect(pair.general_url("admin_api"))
        await connection.execute(stand_in(SENT_MESSAGES))
        await connection.close()

    run_apart(office)
    upgrade(pair.general_url("receipts"), "receipts", tables.SCHEMA)


@pytest.fixture(scope="session")
def ledger_databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    """One pair of databases for all tests of the ledger; each test has a unit of its own."""
    pair = servers.new_databases(postgres_server)
    prepare(pair)
    yield pair
    postgres_server.drop(pair.personal, pair.general)


@dataclass
class Harness:
    """One unit, and everything around receipts that a test needs to play it."""

    databases: Databases
    unit: str = field(default_factory=lambda: f"u{next(_numbers)}x{secrets.token_hex(3)}")
    now: datetime = NOW
    token_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        private = {service: PrivateKey.generate() for service in ("receipts", "registry")}
        self.public = {service: ("s1", bytes(key.public_key)) for service, key in private.items()}
        self.private = KeyRing({"s1": bytes(private["receipts"])})
        self.content_keys = KeyRing({"c1": secrets.token_bytes(32)})
        self.cipher = FieldCipher(self.content_keys)
        self.sealer = Sealer(self.public)
        self._registry = Opener("registry", KeyRing({"s1": bytes(private["registry"])}))
        self.engine = create_engine(self.databases.general_url("receipts"), service="receipts")

        async def look(unit: str, message: int) -> SentMessage | None:
            async with self.engine.connect() as connection:
                return await store.sent_message(connection, self.cipher, unit=unit, message=message)

        self.context = Context(
            engine=self.engine,
            inbox=Inbox(tables.inbox),
            outbox=Outbox(tables.outbox),
            token_keys=KeyRing({"t1": self.token_key}),
            token_lifetimes=TokenLifetimes(timedelta(days=7), timedelta(hours=24), timedelta(days=400)),
            cipher=self.cipher,
            opener=Opener("receipts", self.private),
            sealer=self.sealer,
            clock=lambda: self.now,
            sent_messages=SentMessages(look),
        )

    # What comes in

    def token(
        self, kind: TokenKind = TokenKind.ANSWER, message: int = 1, recipient: int = 2, *, age: timedelta = timedelta(0)
    ) -> str:
        said = Token(kind, message, recipient, tokens.hour_of(NOW - age))
        return tokens.mint(self.token_key, self.unit, said)

    def sealed(self, raw: bytes, sender: str = PARENT) -> Sealed:
        return self.sealer.seal(RawMail(sender=sender, raw=base64.b64encode(raw).decode()), "receipts")

    def reply(
        self,
        token: str,
        raw: bytes,
        *,
        sender: str = PARENT,
        at: datetime = NOW,
        event_id: str = "",
        authentication: Authentication | None = None,
    ) -> InboundReply:
        """The event of a reply, with the decision that ingress-smtp makes."""
        decision = decide(reading.read(raw), sender)
        return InboundReply(
            id=event_id or f"reply-{secrets.token_hex(8)}",
            occurred_at=at,
            unit=self.unit,
            size=len(raw),
            token=token,
            authentication=authentication,
            sender_key="0" * 64,
            automatic=Automatic(
                reply_allowed=decision.reply_allowed,
                count_answer=decision.count_answer,
                why=decision.why,
                needs_look=decision.needs_look,
            ),
            mail=self.sealed(raw, sender),
        )

    def bounce(self, token: str | None, raw: bytes, *, at: datetime = NOW) -> InboundBounce:
        return InboundBounce(
            id=f"bounce-{secrets.token_hex(8)}",
            occurred_at=at,
            unit=self.unit,
            size=len(raw),
            token=token,
            mail=self.sealed(raw, ""),
        )

    def feedback(self, raw: bytes, *, token: str | None = None, unit: str = "") -> InboundFeedback:
        return InboundFeedback(
            id=f"feedback-{secrets.token_hex(8)}",
            occurred_at=NOW,
            unit=unit or self.unit,
            size=len(raw),
            token=token,
            mail=self.sealed(raw, "feedback@carrier.example"),
        )

    async def sent(
        self,
        asks: str = "choice",
        choices: tuple[str, ...] = CHOICES,
        body: str = SENT,
        synonyms: tuple[tuple[str, ...], ...] = (),
    ) -> int:
        """A message that went out; its number."""
        number = new_id()
        subject, text_ = (
            self.cipher.encrypt(value, context=f"office.messages.{column}")
            for value, column in (("健康調査", "subject"), (body, "sent_text"))
        )
        connection = await asyncpg.connect(self.databases.general_url("admin_api"))
        await connection.execute(
            "INSERT INTO office.sent_messages VALUES ($1, $2, $3, $4, false, $5, $6, 'approved', $7, $8, $9)",
            number, self.unit, asks, list(choices), *text_, *subject, json.dumps(synonyms),
        )  # fmt: skip
        await connection.close()
        return number

    # What was written down and said

    async def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]

    async def copy(self, copy_ref: int) -> dict[str, Any]:
        return (await self.rows("SELECT * FROM ledger.copies WHERE copy_ref = :copy", copy=copy_ref))[0]

    async def answers(self, message: int) -> list[dict[str, Any]]:
        """Answers in the order of their arrival, with their text in clear."""
        rows = await self.rows("SELECT * FROM ledger.answers WHERE message = :m ORDER BY received_at, id", m=message)
        for row in rows:
            row["text"] = self.cipher.decrypt(row["text_key_id"], row["text_blob"], context="ledger.answers.text")
        return rows

    async def said(self, model: type[Event]) -> list[Any]:
        """Events of this kind about this unit that wait for the bus."""
        rows = await self.rows("SELECT payload FROM ledger.outbox WHERE subject = :name ORDER BY id", name=model.name)
        events = (model.model_validate_json(row["payload"]) for row in rows)
        return [event for event in events if getattr(event, "unit", None) == self.unit]

    def registry_reads(self, reply: Sealed) -> str:
        return self._registry.open(reply, ReplyText).text

    def registry_learns(self, recipients: Sealed) -> tuple[str, ...]:
        return self._registry.open(recipients, ReportedRecipients).addresses


def plain_mail(body: str, *, subject: str = "Re: 健康調査", **headers: str) -> bytes:
    """A plain reply as a phone sends it."""
    message = EmailMessage()
    message["From"] = PARENT
    message["To"] = "info@aoba.example"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message.as_bytes()


@pytest.fixture
async def harness(ledger_databases: Databases) -> AsyncIterator[Harness]:
    harness = Harness(ledger_databases)
    yield harness
    await harness.engine.dispose()
