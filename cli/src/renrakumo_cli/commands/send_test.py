"""`renrakumo send-test`: one mail through the real dispatcher and its real routes, and what became of it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import nats.errors
import typer

from contracts.events import CopyOutcome, DeliveryBatch, DeliverySettled
from contracts.sealed import MessageContent, RecipientCard, RecipientCards
from mail.addresses import AddressError, carrier_of, normalise
from renrakumo_cli import bus
from renrakumo_cli.context import BusLogin, environment_of, operator_bus
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.secret_store import SecretsMissing
from runtime.crypto.keys import parse_public_keys
from runtime.crypto.sealing import Sealer
from runtime.ids import new_id

app = typer.Typer()

PUBLIC_KEYS = "RENRAKUMO_SEAL_PUBLIC_KEYS"
TEXT = """\
これは連絡網の送信テストです。
届いていれば、配信の設定は正しく動いています。

This is a test mail of Renrakumo. Delivery works.
"""


@app.command(name="send-test")
def command(
    address: str = typer.Argument(help="Where to send it."),
    unit: str = typer.Option("operator", help="In the name of this unit (its From address is used)."),
    wait: float = typer.Option(60.0, help="Seconds to wait for the outcome."),
) -> None:
    """Send one test mail and tell what the recipient's mail server said. Exit code 0 when it was accepted."""
    try:
        recipient = normalise(address)
    except AddressError:
        _fail("this is no mail address", 2)
    try:
        keys = parse_public_keys({**os.environ, **environment_of("responder")}[PUBLIC_KEYS])
        login = operator_bus()
    except (LocalError, SecretsMissing) as error:
        _fail(str(error))
    except KeyError:
        _fail(f"{PUBLIC_KEYS} is not set")
    batch = test_batch(Sealer(keys), recipient, unit, datetime.now(UTC))
    try:
        outcome = asyncio.run(_send(login, batch, wait))
    except (OSError, nats.errors.Error) as error:
        _fail(f"the bus refused or could not be reached ({type(error).__name__})")
    except TimeoutError:
        _fail(f"no outcome within {wait:.0f} seconds: is the dispatcher running?")
    said = " ".join(str(part) for part in (outcome.code, outcome.enhanced) if part)
    typer.echo(f"{outcome.outcome}: {said or outcome.reason} at {outcome.host or '-'} ({outcome.stage})")
    if outcome.outcome != "delivered":
        raise typer.Exit(1)


def test_batch(sealer: Sealer, recipient: str, unit: str, now: datetime) -> DeliveryBatch:
    """A batch of one copy, with a text that says what it is."""
    ref = new_id()
    card = RecipientCard(copy_ref=ref, address=recipient)
    content = MessageContent(from_name="連絡網 Renrakumo", subject="【連絡網】送信テスト / Test mail", text=TEXT)
    name = f"test-{ref}"
    return DeliveryBatch(
        id=f"{name}/1",
        occurred_at=now,
        batch=name,
        unit=unit,
        lane="prompt",
        carrier=carrier_of(recipient.rpartition("@")[2]),
        message=ref,
        tracked=False,
        content=sealer.seal(content, "dispatcher"),
        recipients=sealer.seal(RecipientCards(cards=(card,)), "dispatcher"),
        first_planned_at=now,
        expires_at=now + timedelta(hours=1),
    )


async def _send(login: BusLogin, batch: DeliveryBatch, wait: float) -> CopyOutcome:
    async with bus.connected(login.url, login.user, login.password) as client, asyncio.timeout(wait):
        heard = await client.subscribe(DeliverySettled.name)
        await client.jetstream().publish(batch.bus_subject(), batch.model_dump_json().encode())
        async for message in heard.messages:
            settled = DeliverySettled.model_validate_json(message.data)
            if settled.batch == batch.batch:
                return settled.outcomes[0]
    raise TimeoutError


def _fail(words: str, code: int = 1) -> NoReturn:
    typer.echo(f"renrakumo: {words}", err=True)
    raise typer.Exit(code)
