"""The whole service as its main runs it, on a real bus and database: a registration, a broadcast, the office's questions."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts import directory, requests
from contracts.base import Event
from contracts.commands import ChangePoster, Command, InviteMember, RemoveMember, UndoCommand
from contracts.events import (
    CommandDone,
    DeliveryBatch,
    DeliveryPlanned,
    RegistrationCompleted,
    RegistrationOpened,
)
from contracts.streams import COMMANDS, DEADLETTERS, DELIVERY, DIRECTORY, EVENTS, INBOUND, OUTCOMES
from registry import tables
from registry.app import set_up
from registry.settings import SERVICE, Settings
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.crypto.keys import KeyRing
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from runtime.errors import RequestRefused
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator.servers import Databases
from tests.registry.harness import Harness, Keys, event_of

_STREAM_OF = {"inbound": INBOUND.name, "delivery": DELIVERY.name, "dead": DEADLETTERS.name}
STREAMS = (INBOUND, EVENTS, COMMANDS, DELIVERY, OUTCOMES, DEADLETTERS)


async def connected(server: NatsServer, user: str) -> Bus:
    settings = ServiceSettings(
        nats_url=server.url,
        nats_user=user,
        nats_password=server.passwords[user],  # type: ignore[arg-type]
        base_domain="example.test",
        health_port=0,
    )
    return await Bus.connect(settings, name=user, on_closed=lambda: None)


def settings_of(server: NatsServer, url: str, keys: Keys) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": server.url,
            "nats_user": SERVICE,
            "nats_password": server.passwords[SERVICE],
            "base_domain": "example.test",
            "health_port": 0,
            "personal_database_url": url,
            "address_keys": keys.address,
            "lookup_key": base64.b64encode(keys.lookup).decode(),
            "sender_key": base64.b64encode(keys.sender).decode(),
            "seal_private_keys": KeyRing({"s1": keys.private["registry"]}),
            "seal_public_keys": keys.public(),
        }
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The service until the end of the block."""
    service = Service(SERVICE, settings)
    life = asyncio.create_task(service.live(lambda each: set_up(each, settings)))
    try:
        yield service
    finally:
        service.stop.set()
        assert await life == 0


async def events(eyes: Bus, subject: str, count: int) -> list[Event]:
    """The events on a subject, oldest first, once there are so many."""
    stream = _STREAM_OF.get(subject.partition(".")[0], EVENTS.name)
    stream = OUTCOMES.name if subject in OUTCOMES.subjects else stream
    async with asyncio.timeout(30):
        while True:
            state = (await eyes.jetstream.stream_info(stream)).state
            found = []
            for sequence in range(max(1, state.first_seq), state.last_seq + 1):
                message = await eyes.jetstream.get_msg(stream, sequence)
                if (message.subject or "") == subject:
                    found.append(event_of(subject, message.data or b""))
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def everything(eyes: Bus) -> bytes:
    """All that lies on the bus."""
    parts = []
    for stream in STREAMS:
        state = (await eyes.jetstream.stream_info(stream.name)).state
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            message = await eyes.jetstream.get_msg(stream.name, sequence)
            parts.append(repr((message.subject, message.headers)).encode() + (message.data or b""))
    return b"\n".join(parts)


# Slow: the whole service is started on both servers.
async def test_a_registration_a_broadcast_and_the_offices_questions(
    fresh_nats: NatsServer, fresh_databases: Databases
) -> None:
    url = fresh_databases.personal_url()
    upgrade(url, "registry")
    engine = create_engine(url, service="registry-test")
    harness = Harness(engine)
    office, eyes = await connected(fresh_nats, "admin-api"), await connected(fresh_nats, "operator")
    door, ledger = await connected(fresh_nats, "ingress-smtp"), await connected(fresh_nats, "receipts")
    unit = harness.units.entries["sakura"]
    await office.kv_put(DIRECTORY.name, directory.key("sakura"), unit.model_dump_json().encode())

    async with running(settings_of(fresh_nats, url, harness.keys)):
        await door.publish(harness.entry_event("hanako..y@docomo.ne.jp", "15 山田 太郎 母"))
        (opened,) = await events(eyes, RegistrationOpened.name, 1)
        assert isinstance(opened, RegistrationOpened)
        assert harness.to(opened.to).fields == {"understood": "15 山田 太郎（母）"}

        harness.clock.now = opened.occurred_at
        given = harness.confirmation("registration", opened.registration, opened.registration, words="はい")
        await ledger.publish(given)
        (completed,) = await events(eyes, RegistrationCompleted.name, 1)
        assert isinstance(completed, RegistrationCompleted)

        approved = harness.approved(groups=("g1",), lane="urgent")
        await office.publish(approved)
        (batch,) = await events(eyes, "delivery.urgent.docomo", 1)
        (planned,) = await events(eyes, DeliveryPlanned.name, 1)
        assert isinstance(batch, DeliveryBatch)
        assert isinstance(planned, DeliveryPlanned)
        (card,) = harness.cards(batch)
        assert (card.address, card.fields["name"]) == ("hanako..y@docomo.ne.jp", "山田 太郎（母）")
        assert [(copy.copy_ref, copy.member) for copy in planned.copies] == [(card.copy_ref, completed.member)]

        # Approved again under another id, and after it something else, so that the first is surely handled.
        await office.publish(approved.model_copy(update={"id": "approved-again"}))
        await office.publish(harness.approved(groups=("g1",), lane="ordinary"))
        await events(eyes, "delivery.ordinary.docomo", 1)
        assert len(await events(eyes, "delivery.urgent.docomo", 1)) == 1

        ask = requests.MembersAsk(unit="sakura", actor="account-1")
        page = await office.request(requests.MEMBERS, ask, requests.MembersPage)
        assert [(each.member, each.name) for each in page.members] == [(completed.member, "山田 太郎（母）")]
        size = requests.AudienceAsk(unit="sakura", actor="account-1")
        assert (await office.request(requests.AUDIENCE, size, requests.AudienceSize)).people == 1
        with pytest.raises(RequestRefused) as refused:
            await office.request(
                requests.POST, requests.PostAsk(unit="sakura", actor="account-1", post=1), requests.PostContent
            )
        assert refused.value.code == "unknown-post"
        sent = 0

        async def give(command: Command) -> CommandDone:
            nonlocal sent
            sent += 1
            await office.publish(command)
            done = (await events(eyes, CommandDone.name, sent))[-1]
            assert isinstance(done, CommandDone)
            assert done.command == command.id
            return done

        card_sealed = harness.sealer.seal(harness.card("no address"), "registry")
        assert (await give(harness.command(InviteMember, group="g1", card=card_sealed))).reason == "bad-address"
        enrolment = harness.command(ChangePoster, group="g1", member=completed.member, enrolled=True)
        assert (await give(enrolment)).outcome == "done"
        asked = requests.PostersAsk(unit="sakura", actor="account-1", group="g1")
        found = await office.request(requests.POSTERS, asked, requests.Posters)
        assert [each.member for each in found.members] == [completed.member]
        assert (await give(harness.command(RemoveMember, member=completed.member))).outcome == "done"

        card_sealed = harness.sealer.seal(harness.card("jiro.zaru@au.com"), "registry")
        invitation = harness.command(InviteMember, group="g1", card=card_sealed)
        assert (await give(invitation)).outcome == "done"
        (_, opened) = await events(eyes, RegistrationOpened.name, 2)
        assert isinstance(opened, RegistrationOpened)
        assert harness.to(opened.to).address == "jiro.zaru@au.com"

        harness.clock.now = opened.occurred_at
        await ledger.publish(harness.confirmation("registration", opened.registration, opened.registration))
        (_, entered) = await events(eyes, RegistrationCompleted.name, 2)
        assert isinstance(entered, RegistrationCompleted)
        removal = harness.command(RemoveMember, member=entered.member)
        removed = await give(removal)
        assert (removed.outcome, removed.undoable_until is not None) == ("done", True)
        undone = await give(harness.command(UndoCommand, of=removal.id))
        assert (undone.outcome, undone.undid) == ("done", removal.id)
        enrolment = harness.command(ChangePoster, group="g1", member=completed.member, enrolled=True)
        assert (await give(enrolment)).reason == "unknown-member"
        async with asyncio.timeout(30):
            while (await eyes.jetstream.stream_info(COMMANDS.name)).state.messages:
                pass  # the last acknowledgement may be on its way still

    bus_dump, database_dump = await everything(eyes), await harness.dump()
    for word in ("hanako", "山田", "太郎", "jiro.zaru"):
        assert word.encode() not in bus_dump
        assert word.encode() not in database_dump
        assert word.encode("unicode_escape") not in bus_dump
    for bus in (office, eyes, door, ledger):
        await bus.close()
    await engine.dispose()


async def test_the_migrations_make_the_tables_that_the_code_uses(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
