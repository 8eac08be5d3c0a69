"""An SMTP server for tests: keys of its own, a directory of two units."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from nacl.public import PrivateKey
from pydantic import BaseModel, SecretStr

from contracts import directory as contract
from contracts.base import Event
from contracts.directory import GroupEntry, UnitEntry
from contracts.sealed import Sealed
from ingress_smtp.admission.secret_probes import SecretProbes
from ingress_smtp.app import build_context, build_server
from ingress_smtp.publisher import Publisher
from ingress_smtp.settings import Settings
from ingress_smtp.smtp.server import SmtpServer
from runtime.bus.client import KV_READY, KvChange
from runtime.bus.directory import Directory
from runtime.crypto.ciphers import KeyedHash
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener
from runtime.errors import BusUnavailable
from runtime.settings import SecretKey

BASE = "mail.example"
SECRET = "k7mq2x9w"
SENDER_HASH = KeyedHash(b"s" * 32)
SECRET_HASH = KeyedHash(b"p" * 32)
NOW = datetime(2026, 4, 8, 0, 0, tzinfo=UTC)
TOKEN = "r-" + "a2" * 24
BOUNCE_TOKEN = "b-" + "c3" * 24
PRIVATE = {service: PrivateKey.generate() for service in ("registry", "receipts", "dispatcher")}

M = TypeVar("M", bound=BaseModel)
E = TypeVar("E", bound=Event)

SCHOOL = UnitEntry(
    unit="minami",
    name="みなみ小学校",
    receipts=True,
    groups={
        "1nen": GroupEntry(
            name="1年", post_secrets=(SECRET_HASH.hexdigest(contract.secret_text("minami", "1nen", SECRET)),)
        ),
        "2nen": GroupEntry(name="2年"),
    },
)
CLOSED = UnitEntry(unit="kita", name="きた小学校", active=False, groups={"1nen": GroupEntry(name="1年")})


def away() -> BusUnavailable:
    return BusUnavailable("bus_not_acknowledged")


def full_directory() -> Directory:
    directory = Directory()
    for unit in (SCHOOL, CLOSED):
        directory.apply(KvChange(contract.key(unit.unit), unit.model_dump_json().encode()))
    directory.apply(KV_READY)
    return directory


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "nats_url": "nats://127.0.0.1:1",
        "nats_user": "ingress-smtp",
        "nats_password": SecretStr("x"),
        "base_domain": BASE,
        "smtp_port": 0,
        "seal_public_keys": {service: ("k1", bytes(key.public_key)) for service, key in PRIVATE.items()},
        "sender_key": SecretKey(b"s" * 32),
        "post_secret_key": SecretKey(b"p" * 32),
        "operator_address": "ops@operator.example",
        "smtp_tarpit": 0.01,
    }
    return Settings.model_validate(values | changes)


def opened(sealed: Sealed | None, model: type[M]) -> M:
    """The content of a sealed box, opened by the service that it is for."""
    assert sealed is not None
    key = KeyRing({"k1": bytes(PRIVATE[sealed.recipient])})
    return Opener(sealed.recipient, key).open(sealed, model)


@asynccontextmanager
async def open_server(
    publisher: Publisher,
    directory: Directory | None = None,
    secret_probes: SecretProbes | None = None,
    **changes: object,
) -> AsyncIterator[SmtpServer]:
    """A server on 127.0.0.1, on a free port unless one is named."""
    chosen = settings(**changes)
    counted = secret_probes or SecretProbes(publisher, lambda: NOW)
    server = build_server(chosen, build_context(chosen, directory or full_directory(), publisher, counted))
    await server.open("127.0.0.1", chosen.smtp_port, share=chosen.smtp_share_port)
    try:
        yield server
    finally:
        await server.close(within=0.2)


def mail(text: str = "", *, subject: str = "", sender: str = "parent@docomo.ne.jp", more: str = "") -> bytes:
    """A small UTF-8 mail with CRLF line ends; `more` are further header lines, each with CRLF."""
    head = f"From: <{sender}>\r\nSubject: {subject}\r\nMessage-ID: <1@phone.example>\r\n{more}"
    kind = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    return f"{head}{kind}\r\n{text}\r\n".encode()
