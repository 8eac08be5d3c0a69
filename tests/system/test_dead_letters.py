"""What a service cannot process is seen by the operator, and has its effect, once, when its cause is mended. Real
processes: something poisonous for each service, seen, mended, handled again; dropped; and the office killed meanwhile."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from pydantic import TypeAdapter

from contracts.base import Event
from contracts.events import (
    Automatic,
    DeliveryBatch,
    DeliveryPlanned,
    InboundReply,
    PlannedCopy,
    PostRefused,
)
from contracts.reasons import DROPPED
from contracts.sealed import RecipientCard, RecipientCards, Sealed
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from runtime.crypto.sealing import Sealer
from runtime.ids import new_id
from runtime.settings import PublicKeysSetting
from simulator import bus_view, databases, mailer
from simulator.client_styles import Style
from simulator.incoming import MailKind
from simulator.office import RENRAKUMO, Office
from simulator.people import Child, Habits, Parent, Relation
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PATH = "/v1/dead-letters"
CHILD = Child(15, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 3, 2)
PEOPLE = [
    Parent(
        n, f"held{n:03}@docomo.ne.jp", "docomo", (CHILD,), Relation.MOTHER, Style.IPHONE, habits=Habits(confirms=False)
    )
    for n in range(1, 4)
]
_numbers = count(1)


# Slow: a whole trial is started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trial(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trial]:
    async with await Trial.build(tmp_path_factory.mktemp("dead-letters"), people=PEOPLE, say=print) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def school(trial: Trial) -> School:
    return await open_school(trial, "minami", "みなみ小学校", receipts=False, groups={"g1": "1年"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(trial: Trial) -> Office:
    return await trial.sign_in(await trial.command("operator", "create", "operator-1"))


# -- what is done here ------------------------------------------------------------------------------------------------


async def write(school: School, parent: Parent, recipient: str, text: str = "はい") -> None:
    raw = (
        f"From: <{parent.address}>\r\nSubject: Re:\r\nMessage-ID: <{next(_numbers)}@docomo.ne.jp>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{text}\r\n"
    ).encode()
    port = school.trial.stack.port("RENRAKUMO_SMTP_PORT")
    assert (await mailer.send("127.0.0.1", port, parent.address, [recipient], raw))[recipient].code == 250
    await quiet(school.trial)


async def say(trial: Trial, *events: Event | tuple[str, bytes]) -> None:
    """Publish as nobody but a broken or older program would."""
    password = trial.stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(trial.stack.configuration.nats_url, OPERATOR, password) as client:
        js = client.jetstream(timeout=15)
        for each in events:
            if isinstance(each, tuple):
                await js.publish(*each)
            else:
                await js.publish(each.bus_subject(), each.model_dump_json().encode(), headers={"Nats-Msg-Id": each.id})


async def change(trial: Trial, database: str, statement: str, *arguments: Any) -> None:
    await databases.rows(trial.stack, database, statement, *arguments)


async def listed(operator: Office, reason: str, state: str = "undecided") -> list[dict[str, Any]]:
    return await operator.all_of(PATH, reason=reason, state=state)


async def the_one(operator: Office, reason: str) -> dict[str, Any]:
    (row,) = await listed(operator, reason)
    return row


async def retry(trial: Trial, operator: Office, row: dict[str, Any]) -> dict[str, Any]:
    """Handled once more; what became of it."""
    await operator.post(f"{PATH}/{row['id']}/retry")
    await quiet(trial)
    found: dict[str, Any] = await operator.get(f"{PATH}/{row['id']}")
    return found


def token_of(school: School, parent: Parent, kind: MailKind) -> str:
    return school.trial.parents.mails_of(parent, kind)[-1].mail.reply_to.partition("@")[0]


def forged_reply(name: str) -> InboundReply:
    """A reply to a message that nobody ever sent."""
    return InboundReply(
        id=name,
        occurred_at=datetime.now(UTC),
        unit="minami",
        token="r-" + "a" * 48,
        size=10,
        sender_key="a" * 64,
        automatic=Automatic(reply_allowed=True, count_answer=True, why=""),
        mail=Sealed(recipient="receipts", key_id="x", box="AAAA"),
    )


def sealer(trial: Trial) -> Sealer:
    told = trial.stack.variables("registry")["RENRAKUMO_SEAL_PUBLIC_KEYS"]
    return Sealer(TypeAdapter(PublicKeysSetting).validate_python(told))


# -- each service -----------------------------------------------------------------------------------------------------


# Slow: a mail goes its way through all services, fails there, and goes it again.
async def test_a_registration_that_was_lost_for_a_while_is_completed_once(school: School, operator: Office) -> None:
    trial, parent = school.trial, PEOPLE[0]
    await write(school, parent, school.address("g1-entry"), "")
    await change(trial, databases.PERSONAL_DATABASE, "UPDATE registrations SET unit = 'elsewhere'")
    await write(school, parent, school.address(token_of(school, parent, MailKind.CONFIRM_REGISTRATION)))
    row = await the_one(operator, "unknown_registration")
    assert (row["service"], row["unit"], row["kept"]) == ("registry", "minami", True)
    assert "登録" in row["explanation"]["ja"]

    back = await retry(trial, operator, row)
    assert (back["state"], back["times_back"]) == ("undecided", 1), "still broken, still there"

    await change(trial, databases.PERSONAL_DATABASE, "UPDATE registrations SET unit = 'minami'")
    assert (await retry(trial, operator, row))["state"] == "retried"
    await operator.post(f"{PATH}/{row['id']}/retry")  # the impatient operator
    await quiet(trial)
    assert len(await school.members(state="active")) == 1
    assert len(school.notices(parent, "登録が完了しました")) == 1


async def test_an_answer_to_a_message_that_was_lost_for_a_while_is_recorded_once(
    school: School, operator: Office
) -> None:
    trial, parent = school.trial, PEOPLE[0]
    message = await school.send("体調", "お知らせください。", asks="choice", choices=("良好", "せきあり"))
    await quiet(trial)
    set_state = "UPDATE office.messages SET state = $2 WHERE id = $1"
    await change(trial, databases.GENERAL_DATABASE, set_state, int(message), "draft")
    await write(school, parent, school.address(token_of(school, parent, MailKind.BROADCAST)), "2")
    row = await the_one(operator, "answer_to_an_unknown_message")
    assert row["service"] == "receipts"
    await change(trial, databases.GENERAL_DATABASE, set_state, int(message), "approved")
    assert (await retry(trial, operator, row))["state"] == "retried"
    assert [each["choice"] for each in await school.answers(message)] == [2]


# Slow: the command line makes a unit, and a retry goes over the bus.
async def test_a_refused_post_of_a_unit_that_the_office_learns_of_later_is_shown_once(
    school: School, operator: Office
) -> None:
    trial = school.trial
    event = PostRefused(id="refused-1", occurred_at=datetime.now(UTC), unit="nishi", group="g1", reason="not_enrolled")
    await say(trial, event)
    await quiet(trial)
    row = await the_one(operator, "unknown_unit")
    assert (row["service"], row["unit"]) == ("admin-api", "nishi")
    await trial.command("unit", "create", "nishi", "にし小学校")
    assert (await retry(trial, operator, row))["state"] == "retried"
    assert len((await operator.get("/v1/units/nishi/post-attempts"))["items"]) == 1


async def test_what_responder_cannot_read_is_seen_and_dropped(school: School, operator: Office) -> None:
    await say(school.trial, ("inbound.info", b'{"unit": "minami", "of": "another release"}'))
    await quiet(school.trial)
    row = await the_one(operator, "message_not_understood")
    assert (row["service"], row["unit"], row["subject"]) == ("responder", "minami", "inbound.info")
    assert (await retry(school.trial, operator, row))["times_back"] == 1
    await operator.post(f"{PATH}/{row['id']}/drop")
    await quiet(school.trial)
    assert (await operator.get(f"{PATH}/{row['id']}"))["kept"] is False


async def test_copies_of_a_batch_that_is_dropped_are_shown_as_not_delivered(school: School, operator: Office) -> None:
    trial, message = school.trial, await school.send("お知らせ", "明日は遠足です。")
    await quiet(trial)
    copy, member, now = new_id(), new_id(), datetime.now(UTC)
    cards = RecipientCards(cards=(RecipientCard(copy_ref=copy, address="held009@docomo.ne.jp"),))
    fields: dict[str, Any] = {"unit": "minami", "message": int(message), "lane": "ordinary", "carrier": "docomo"}
    batch = DeliveryBatch(
        id=f"{message}-1-99",
        occurred_at=now,
        batch=f"{message}-1-99",
        recipients=sealer(trial).seal(cards, "dispatcher"),
        first_planned_at=now,
        **fields,
    )
    planned = DeliveryPlanned(
        id=f"{message}-1-99/planned",
        occurred_at=now,
        wave=1,
        batch=batch.batch,
        copies=(PlannedCopy(copy_ref=copy, member=member),),
        **fields,
    )
    await say(trial, planned, batch)
    await quiet(trial)
    row = await the_one(operator, "batch_without_content")
    assert (row["service"], row["message"]) == ("dispatcher", message)

    async def state() -> tuple[str, str]:
        query = "SELECT state, reason FROM ledger.sent_copies WHERE copy_ref = $1"
        (found,) = await databases.rows(trial.stack, databases.GENERAL_DATABASE, query, copy)
        return found["state"], found["reason"]

    assert await state() == ("planned", "")
    await operator.post(f"{PATH}/{row['id']}/drop")
    await quiet(trial)
    assert await state() == ("failed", DROPPED)
    assert await listed(operator, "batch_without_content") == []


# -- a flood, a crash, and those who look -----------------------------------------------------------------------------


# Slow: what the office held when it was killed is given to it again only after the time that the bus waits.
async def test_forged_replies_are_counted_exactly_though_the_office_is_killed_meanwhile(
    school: School, operator: Office
) -> None:
    trial = school.trial
    forged = [forged_reply(f"forged-{number}") for number in range(300)]
    await say(trial, *forged[:150])
    trial.stack.kill("admin-api", signal.SIGKILL)
    await say(trial, *forged[150:])
    await trial.stack.ready("admin-api")
    await quiet(trial)
    rows = await listed(operator, "token_not_ours")
    assert len(rows) == 300
    counts = {each["reason"]: each for each in (await operator.get(f"{PATH}/counts"))["items"]}
    assert (counts["token_not_ours"]["total"], counts["token_not_ours"]["undecided"]) == (300, 300)
    done = await operator.post(f"{PATH}/drop", {"reason": "token_not_ours"})
    assert (done["done"], done["left"]) == (300, 0)


# Slow: each run of the command line is a process.
async def test_the_command_line_shows_and_decides_the_same(school: School, operator: Office) -> None:
    trial = school.trial
    await say(trial, ("inbound.info", b'{"unit": "minami"}'), forged_reply("forged-beside-it"))
    await quiet(trial)
    lines = (await renrakumo(trial, "dead-letters", "list", "--json")).splitlines()
    rows = {each["reason"]: each for each in map(json.loads, lines)}
    assert set(rows) == {"message_not_understood", "token_not_ours"}
    row = rows["message_not_understood"]
    assert row["id"] == (await the_one(operator, "message_not_understood"))["id"]
    table = await renrakumo(trial, "dead-letters", "list")
    assert "message_not_understood" in table
    assert "token_not_ours" in table
    assert row["detail"] in await renrakumo(trial, "dead-letters", "show", row["id"], "--english")
    assert "1 message_not_understood (responder)" in await renrakumo(trial, "doctor", fails=True)
    assert await renrakumo(trial, "dead-letters", "retry", row["id"]) == f"{row['id']}: retried\n"
    await quiet(trial)
    assert (await the_one(operator, "message_not_understood"))["times_back"] == 1
    for reason in rows:
        assert await renrakumo(trial, "dead-letters", "drop", "--reason", reason, "--yes") == "1 dropped\n"


async def test_only_the_operator_sees_any_of_it(school: School) -> None:
    for path in (PATH, f"{PATH}/counts"):
        with pytest.raises(RuntimeError, match="403"):
            await school.office.get(path)


async def test_no_address_lies_in_the_general_database_or_was_ever_shown(trial: Trial, operator: Office) -> None:
    await quiet(trial)
    dumped = await databases.dump(trial.stack, databases.GENERAL_DATABASE)
    said = "\n".join(operator.said).encode()
    for address in [*(parent.address for parent in PEOPLE), "held009"]:
        for text in (dumped, said):
            assert address.encode() not in text
    assert not await bus_view.messages(trial.stack, ["DEADLETTERS", "DEADLETTER_RETRIES"]), (
        "nothing lies about on the bus"
    )


async def renrakumo(trial: Trial, *arguments: str, fails: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        str(RENRAKUMO),
        *arguments,
        env={"RENRAKUMO_STATE_DIR": str(trial.stack.configuration.state), "PATH": os.environ["PATH"], "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert bool(process.returncode) is fails, err.decode()
    return out.decode()
