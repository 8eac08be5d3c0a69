"""What a dispatcher does with a batch, seen from outside: the bus on one side, a carrier's server on the other."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.request import urlopen

import pytest

from contracts.sealed import CardFields, MessageContent, Sealed
from mail import tokens
from simulator.behaviour import (
    Behaviour,
    ResetMoment,
    filtering,
    greylisting,
    overload,
    resetting,
    slow,
    unknown_users,
)
from simulator.carriers import CarrierSimulator
from tests.dispatcher.harness import BASE, CONTENT, TOKEN_KEY, UNIT, Harness, Office, kinds, people

DOCOMO, AU, SOFTBANK, GMAIL, OTHER, FAMILY = (
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "softbank.ne.jp",
    "gmail.com",
    "parents.example",
    "family.example",
)
Opens = Callable[..., CarrierSimulator]


@pytest.fixture
def carrier(harness: Harness) -> Iterator[Opens]:
    """`carrier(domain, behaviour)`: a simulator on the port where that domain's mail goes."""

    def make(domain: str, behaviour: Behaviour | None = None) -> CarrierSimulator:
        return CarrierSimulator(domain, harness.carrier_ports[domain], behaviour)

    yield make
    assert "@" not in re.sub(r"\S+\.py", "", harness.logged()), "an address in a log"


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


async def test_every_parent_gets_a_copy_of_their_own(office: Office, carrier: Opens) -> None:
    async with carrier(GMAIL) as gmail:
        parents = people(30, GMAIL)
        batch = await office.send(parents)
        outcomes = await office.ends(batch)
        assert kinds(outcomes) == {"delivered": 30}
        assert all((item.stage, item.code, item.host) == ("body", 250, "127.0.0.1") for item in outcomes.values())
        assert [len(gmail.mailbox(parent)) for parent in parents] == [1] * 30
        senders = {gmail.mailbox(parent)[0].envelope_from for parent in parents}
        assert len(senders) == 30
        assert gmail.stats.connections < 10, "as many connections as the carrier bears, shared by all copies"


async def test_a_copy_says_who_wrote_and_how_to_answer_and_to_leave(office: Office, carrier: Opens) -> None:
    async with carrier(GMAIL) as gmail:
        batch = await office.send(people(2, GMAIL, 100), wave=2)
        await office.ends(batch)
        received = gmail.mailbox(f"parent101@{GMAIL}")[0]
    mail = parsed(received.raw)
    domain = f"{UNIT}.{BASE}"
    assert mail["From"].addresses[0].display_name == "さくら小学校"
    assert mail["From"].addresses[0].addr_spec == f"info@{domain}"
    assert mail["To"].addresses[0].addr_spec == f"parent101@{GMAIL}"
    assert mail["Subject"] == "臨時休校のお知らせ"
    assert mail.get_content().splitlines()[0] == "保護者1 様"
    assert mail["Date"].datetime == batch.first_planned_at.replace(microsecond=0)
    assert f"<{domain}>" in mail["List-Id"]
    assert "Auto-Submitted" not in mail

    reply = mail["Reply-To"].addresses[0].username
    token = tokens.check([TOKEN_KEY], UNIT, reply)
    assert (token.kind, token.message_ref, token.recipient_ref) == (tokens.TokenKind.ANSWER, batch.message, 1001)
    assert mail["Message-ID"] == f"<{reply}.2@{domain}>"
    bounce = tokens.check([TOKEN_KEY], UNIT, received.envelope_from.removesuffix(f"@{domain}"))
    assert (bounce.kind, bounce.recipient_ref) == (tokens.TokenKind.BOUNCE, 1001)
    ways = re.findall(r"<([^<>]+)>", str(mail["List-Unsubscribe"]))
    leave = ways[0].removeprefix("mailto:").removesuffix(f"@{domain}")
    assert tokens.check([TOKEN_KEY], UNIT, leave).kind is tokens.TokenKind.UNSUBSCRIBE
    assert ways[1] == f"https://info.renraku.example/u/{UNIT}/{leave}"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_an_automatic_answer_says_that_it_is_one_and_cannot_bounce(office: Office, carrier: Opens) -> None:
    content = MessageContent(from_name="学校", subject="{{topic}}", text="{{name}}さん\n", automatic=True)
    async with carrier(GMAIL) as gmail:
        batch = await office.send(
            people(1, GMAIL, 200),
            content=content,
            reply_kind=None,
            null_sender=True,
            lane="prompt",
            extra=office.seal(CardFields(fields={"topic": "最新のお知らせ", "name": "?"})),
        )
        await office.ends(batch)
        received = gmail.mailbox(f"parent200@{GMAIL}")[0]
    mail = parsed(received.raw)
    assert received.envelope_from == ""
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["Subject"] == "最新のお知らせ"
    assert mail.get_content().strip() == "保護者0さん"
    assert mail["Reply-To"] is None
    assert mail["List-Unsubscribe"] is None
    assert tokens.find([str(mail["Message-ID"])]) is None


async def test_content_of_a_broadcast_comes_from_its_bucket(office: Office, carrier: Opens) -> None:
    key = f"{UNIT}.4711"
    await office.bus.kv_put("content", key, office.seal(CONTENT).model_dump_json().encode())
    async with carrier(GMAIL) as gmail:
        batch = await office.send(people(3, GMAIL, 300), content=None, content_key=key)
        assert kinds(await office.ends(batch)) == {"delivered": 3}
        assert parsed(gmail.mailbox(f"parent300@{GMAIL}")[0].raw)["Subject"] == CONTENT.subject


async def test_the_carriers_own_words_decide_what_became_of_whom(office: Office, carrier: Opens) -> None:
    gone, filtering_parent = f"parent3@{DOCOMO}", f"parent7@{DOCOMO}"
    behaviour = unknown_users([gone]) | Behaviour(unknown_reply="550 Unknown user") | filtering([filtering_parent])
    async with carrier(DOCOMO, behaviour):
        outcomes = await office.ends(await office.send(people(10, DOCOMO)))
    assert outcomes[1003].outcome == "dead"
    assert (outcomes[1003].stage, outcomes[1003].code) == ("rcpt", 550)
    assert (outcomes[1007].outcome, outcomes[1007].stage) == ("filtered", "body")
    assert kinds(outcomes) == {"delivered": 8, "dead": 1, "filtered": 1}


async def test_dots_where_they_do_not_belong_are_no_obstacle(office: Office, carrier: Opens) -> None:
    odd = ["foo..bar@docomo.ne.jp", ".foo@docomo.ne.jp", "foo.@docomo.ne.jp"]
    async with carrier(DOCOMO) as docomo:
        assert kinds(await office.ends(await office.send(odd))) == {"delivered": 3}
        assert [len(docomo.mailbox(address)) for address in odd] == [1, 1, 1]


async def test_an_address_nobody_can_write_to_spoils_nothing_for_the_others(office: Office, carrier: Opens) -> None:
    bad = ["たろう@docomo.ne.jp", "a b@docomo.ne.jp", "taro@docomo,ne,jp", "x\r\nRCPT TO:<y>@docomo.ne.jp", "nobody"]
    async with carrier(DOCOMO):
        outcomes = await office.ends(await office.send([f"first@{DOCOMO}", *bad, f"last@{DOCOMO}"]))
    assert [outcomes[1000 + n].outcome for n in range(7)] == ["delivered", *["failed"] * 5, "delivered"]
    assert outcomes[1001].stage == "plan"


async def test_a_greylisted_copy_comes_again_and_is_the_same_copy(office: Office, carrier: Opens) -> None:
    async with carrier(AU, greylisting(0.5)) as au:
        batch = await office.send(people(5, AU))
        first = await office.attempt(batch, 1)
        assert kinds(first) == {"deferred": 5}
        assert {(item.stage, item.code, item.enhanced, item.reason) for item in first.values()} == {
            ("rcpt", 450, "4.7.1", "greylisted")
        }
        assert all(item.next_attempt_at is not None for item in first.values())
        assert kinds(await office.attempt(batch, 2)) == {"delivered": 5}
        assert {attempt.sender for attempt in au.attempts if attempt.recipient == f"parent0@{AU}"} == {
            au.mailbox(f"parent0@{AU}")[0].envelope_from
        }
        assert not au.duplicates()


# Slow: a second attempt has to become due.
async def test_only_what_is_left_is_tried_again(office: Office, carrier: Opens) -> None:
    async with carrier(AU, resetting(every=4, moment=ResetMoment.BEFORE_RECORDING)) as au:
        batch = await office.send(people(10, AU, 50))
        first = await office.attempt(batch, 1)
        assert kinds(first) == {"delivered": 8, "deferred": 2}
        lost = next(item for item in first.values() if item.outcome == "deferred")
        assert (lost.stage, lost.code, lost.reason) == ("body", None, "connection lost")
        assert kinds(await office.ends(batch)) == {"delivered": 10}
        assert not au.duplicates()


async def test_a_connection_that_may_carry_few_copies_is_followed_by_another(office: Office, carrier: Opens) -> None:
    async with carrier(SOFTBANK, overload(messages_per_session=3)) as softbank:
        batch = await office.send(people(10, SOFTBANK))
        assert kinds(await office.attempt(batch, 1)) == {"delivered": 10}
        assert softbank.stats.connections >= 4


async def test_a_carrier_that_says_421_is_left_alone_and_still_gets_everything(office: Office, carrier: Opens) -> None:
    async with carrier(FAMILY, overload(connections=1) | slow(0.01)) as crowded:
        batches = [await office.send(people(10, FAMILY, first)) for first in (0, 10, 20)]
        for batch in batches:
            assert kinds(await office.ends(batch)) == {"delivered": 10}
        assert crowded.stats.connections_refused > 0
        assert not crowded.duplicates()


async def test_what_is_no_longer_of_use_is_not_sent(office: Office, carrier: Opens) -> None:
    async with carrier(GMAIL) as gmail:
        past = datetime.now(UTC) - timedelta(seconds=1)
        outcomes = await office.ends(await office.send(people(2, GMAIL, 400), expires_at=past))
        assert kinds(outcomes) == {"expired": 2}
        assert {item.stage for item in outcomes.values()} == {"plan"}
        assert gmail.stats.connections == 0


# Slow: the mail is of use for some seconds, in which nobody is there.
async def test_nobody_home_is_tried_again_until_it_is_too_late(office: Office) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=4)
    batch = await office.send(people(3, "nobody-listens.example"), expires_at=soon)
    first = await office.attempt(batch, 1)
    assert {(item.outcome, item.stage, item.reason) for item in first.values()} == {
        ("deferred", "connect", "no connection")
    }
    assert kinds(await office.ends(batch)) == {"expired": 3}
    assert office.attempts(batch) > 1


async def test_missing_content_ends_as_failed_and_not_in_silence(office: Office) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    batch = await office.send(people(2, GMAIL), content=None, content_key="sakura.none", first_planned_at=long_ago)
    outcomes = await office.ends(batch)
    assert {(item.outcome, item.reason) for item in outcomes.values()} == {("failed", "content missing")}


async def test_a_batch_published_twice_is_sent_once(office: Office, carrier: Opens) -> None:
    async with carrier(GMAIL) as gmail:
        batch = office.batch(people(5, GMAIL, 500))
        await office.bus.publish(batch, msg_id="first")
        await office.bus.publish(batch, msg_id="second")
        other = await office.send(people(1, GMAIL, 510))
        await office.ends(batch)
        await office.ends(other)
        assert gmail.stats.messages == 6


async def test_a_batch_that_cannot_be_opened_is_kept_for_the_operator(office: Office) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: object) -> None:
        heard.put_nowait(message.data)  # type: ignore[attr-defined]

    await office.bus.client.subscribe("dead.dispatcher", cb=hear)
    await office.bus.client.flush()
    foreign = Sealed(recipient="dispatcher", key_id="old", box="AAAA")
    await office.send(people(1, GMAIL), recipients=foreign)
    async with asyncio.timeout(20):
        assert b"sealed_with_unknown_key" in await heard.get()


async def test_the_numbers_tell_carriers_and_outcomes_but_nobody(
    office: Office, harness: Harness, carrier: Opens
) -> None:
    async with carrier(GMAIL):
        await office.ends(await office.send(people(2, GMAIL, 600)))
    port = harness.health_port
    text = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode())
    assert 'renrakumo_copies_total{carrier="gmail",outcome="delivered"}' in text
    assert "@" not in text
