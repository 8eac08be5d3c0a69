"""Applying streams: everything declared is there, a second time changes nothing, a changed one is brought back."""

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from typer.testing import CliRunner

from contracts.streams import BUCKETS, STREAMS, consumers
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.ports import free_port
from renrakumo_cli.main import app


async def apply(server: NatsServer) -> dict[tuple[str, str], str]:
    changes = await bus.apply(server.url, OPERATOR, server.passwords[OPERATOR])
    return {(change.kind, change.name): change.outcome for change in changes}


async def as_operator(server: NatsServer) -> tuple[Client, JetStreamContext]:
    client = await nats.connect(server.url, user=OPERATOR, password=server.passwords[OPERATOR])
    return client, client.jetstream()


async def test_everything_declared_is_there_and_a_second_time_changes_nothing(fresh_nats: NatsServer) -> None:
    outcomes = await apply(fresh_nats)
    assert set(outcomes.values()) == {"unchanged"}
    assert len(outcomes) == len(STREAMS) + len(BUCKETS) + len(consumers())


async def test_what_was_changed_by_hand_is_brought_back_and_what_is_unknown_is_left(fresh_nats: NatsServer) -> None:
    client, js = await as_operator(fresh_nats)
    kept = await js.publish("inbound.entry", b"a mail")
    inbound = (await js.stream_info("INBOUND")).config
    await js.update_stream(inbound.evolve(max_age=3600.0))
    directory = (await js.stream_info("KV_directory")).config
    await js.update_stream(directory.evolve(max_age=3600.0))
    await js.delete_consumer("EVENTS", "responder-events")
    await js.add_stream(StreamConfig(name="FOREIGN", subjects=["foreign"]))
    await js.add_consumer("EVENTS", ConsumerConfig(durable_name="foreign", filter_subject="leave.opened"))

    outcomes = await apply(fresh_nats)

    assert {name: outcome for name, outcome in outcomes.items() if outcome != "unchanged"} == {
        ("stream", "INBOUND"): "updated",
        ("bucket", "directory"): "updated",
        ("consumer", "EVENTS/responder-events"): "created",
        ("stream", "FOREIGN"): "unknown",
        ("consumer", "EVENTS/foreign"): "unknown",
    }
    assert (await js.get_msg("INBOUND", kept.seq)).data == b"a mail"
    await client.close()


def test_a_bus_that_does_not_answer_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENRAKUMO_NATS_URL", f"nats://127.0.0.1:{free_port()}")
    monkeypatch.setenv("RENRAKUMO_NATS_PASSWORD_OPERATOR", "secret")
    done = CliRunner().invoke(app, ["bus", "apply"])
    assert done.exit_code == 1
    assert "could not be reached" in done.stderr
    assert "run it again" in done.stderr
    assert "secret" not in done.output


async def test_a_message_survives_a_kill_of_the_server(fresh_nats: NatsServer) -> None:
    client, js = await as_operator(fresh_nats)
    kept = await js.publish("inbound.entry", b"a mail")
    await client.close()
    fresh_nats.kill()
    fresh_nats.stop()
    fresh_nats.start()
    client, js = await as_operator(fresh_nats)
    assert (await js.get_msg("INBOUND", kept.seq)).data == b"a mail"
    await client.close()


async def test_the_number_of_copies_stays_unless_another_is_asked_for(fresh_nats: NatsServer) -> None:
    assert set((await apply(fresh_nats)).values()) == {"unchanged"}
    changes = await bus.apply(fresh_nats.url, OPERATOR, fresh_nats.passwords[OPERATOR], replicas=1)
    assert {change.outcome for change in changes} == {"unchanged"}


async def test_dead_letters_of_an_earlier_release_reach_the_office_and_then_go(fresh_nats: NatsServer) -> None:
    client, js = await as_operator(fresh_nats)
    await js.delete_stream("DEADLETTERS")
    await js.add_stream(StreamConfig(name="DEADLETTERS", subjects=["dead.>"]))
    await js.publish("dead.receipts", b"of an earlier release")

    outcomes = await apply(fresh_nats)

    assert outcomes["stream", "DEADLETTERS"] == "updated"
    assert outcomes["consumer", "DEADLETTERS/admin-api-deadletters"] == "created"
    reader = await js.pull_subscribe_bind("admin-api-deadletters", "DEADLETTERS")
    (message,) = await reader.fetch(1)
    assert message.data == b"of an earlier release"
    await message.ack_sync()
    assert (await js.stream_info("DEADLETTERS")).state.messages == 0
    await client.close()
