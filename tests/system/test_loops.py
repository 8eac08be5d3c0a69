"""Two instances that mail each other, robots that send everything back, absence notes: all fall silent within a few
mails, and no machine's mail counts as somebody's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import pytest
import pytest_asyncio

from contracts.streams import INBOUND
from renrakumo_cli.local import ports
from tests.support import mailer
from tests.support.carriers import ReceivedMail
from tests.support.client_styles import vacation_reply
from tests.support.crowd import make_crowd
from tests.support.house import House
from tests.support.incoming import LetterKind, read
from tests.support.parents import ActKind
from tests.support.people import Survey
from tests.system import bus_view
from tests.system.quiet import quiet
from tests.system.school import School, open_school

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SEED = 20260408
A_FEW = 4
PER_HOUR = 6
"""Automatic answers that one address gets in an hour at most; a test may see the end of one hour and the next."""

DOORS = ("info", "g1-info", "g1-entry", "leave", "g1-leave")
SURVEY = Survey("登校できますか", ("はい", "いいえ"), seed=str(SEED))
_numbers = count(1)


@dataclass
class Pair:
    """Two instances, each of which delivers the other's mail to the other's front door."""

    east: School
    west: School


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    smtp = {"east": ports.free_port(), "west": ports.free_port()}
    unit = {"east": "higashi", "west": "nishi"}
    people = make_crowd(SEED, 12, silent=0, vacation=0.5, late_answers=0, two_children=0, second_guardians=0)

    async def build(here: str, there: str) -> House:
        return await House.build(
            tmp_path_factory.mktemp(here),
            people=people if here == "east" else (),
            settings={
                "RENRAKUMO_BASE_DOMAIN": f"{here}.example",
                "RENRAKUMO_ANSWERS_PER_HOUR": str(PER_HOUR),
                "RENRAKUMO_OPERATOR_ADDRESS": f"postmaster@{unit[there]}.{there}.example",
            },
            ports={"RENRAKUMO_SMTP_PORT": smtp[here]},
            routes={f"{unit[there]}.{there}.example": f"127.0.0.1:{smtp[there]}"},
            say=print,
        )

    async with await build("east", "west") as east, await build("west", "east") as west:
        east.parents.surveys.append(SURVEY)
        yield Pair(
            await open_school(east, "higashi", "ひがし小学校", receipts=True, groups={"g1": "1年"}),
            await open_school(west, "nishi", "にし小学校", receipts=True, groups={"g1": "1年"}),
        )


def plain(sender: str, recipient: str) -> bytes:
    """A mail as a person writes it: without any mark of a machine."""
    return (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: \r\nMessage-ID: <{next(_numbers)}@forged.example>\r\n\r\n\r\n"
    ).encode()


async def hand_in(school: School, sender: str, recipient: str, raw: bytes) -> None:
    port = school.house.stack.port("RENRAKUMO_SMTP_PORT")
    reply = (await mailer.send("127.0.0.1", port, sender, [recipient], raw))[recipient]
    assert reply.code == 250, reply


async def taken_in(school: School) -> int:
    """Mails that came in at the front door so far."""
    return len(await bus_view.messages(school.house.stack, [INBOUND.name]))


async def both_quiet(pair: Pair) -> None:
    """Nothing is under way anywhere; once more on both sides, as a last mail may just have changed sides."""
    for _ in range(2):
        for school in (pair.east, pair.west):
            await quiet(school.house)


async def test_two_instances_that_mail_each_other_fall_silent(pair: Pair) -> None:
    before = {school.code: await taken_in(school) for school in (pair.east, pair.west)}
    talks = [(pair.west.address(theirs), pair.east.address(ours)) for theirs in DOORS for ours in DOORS]
    for sender, recipient in talks:
        await hand_in(pair.east, sender, recipient, plain(sender, recipient))
    await both_quiet(pair)
    mails = {school.code: await taken_in(school) - before[school.code] for school in (pair.east, pair.west)}
    print(f"\n{len(talks)} mails from one instance to the other: {mails} came in until both were silent")
    assert mails["higashi"] == len(talks), "an answer was answered"
    assert 0 < mails["nishi"] <= len(talks)
    for school in (pair.east, pair.west):
        assert not await school.members()


async def test_operators_who_name_each_others_postmaster_fall_silent_too(pair: Pair) -> None:
    before = await taken_in(pair.east) + await taken_in(pair.west)
    recipient = pair.east.address("postmaster")
    await hand_in(pair.east, "somebody@gmail.com", recipient, plain("somebody@gmail.com", recipient))
    await both_quiet(pair)
    assert await taken_in(pair.east) + await taken_in(pair.west) - before <= A_FEW


@dataclass
class Robot:
    """A mailbox at a carrier that reacts to every mail; `makes` gives what it sends, and where to, for a mail."""

    school: School
    address: str
    makes: Callable[[ReceivedMail], tuple[str, bytes]]
    got: int = 0
    sent: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def listen(self) -> None:
        for carrier in self.school.house.carriers.values():
            carrier.on_mail.append(self._arrived)

    async def silent(self) -> None:
        """Wait until it has nothing to react to any more."""
        for _ in range(2):
            await quiet(self.school.house)
            await asyncio.gather(*self.tasks)
        for carrier in self.school.house.carriers.values():
            carrier.on_mail.remove(self._arrived)

    async def send(self, recipient: str, raw: bytes) -> None:
        self.sent += 1
        await hand_in(self.school, self.address, recipient, raw)

    def _arrived(self, mail: ReceivedMail) -> None:
        if mail.recipient != self.address:
            return
        self.got += 1
        recipient, raw = self.makes(mail)
        self.tasks.add(asyncio.create_task(self.send(recipient, raw)))


async def test_a_mailbox_that_forwards_everything_as_it_came_gets_one_answer(pair: Pair) -> None:
    info = pair.east.address("info")
    robot = Robot(pair.east, "forwarder@gmail.com", lambda mail: (info, mail.raw))
    robot.listen()
    await robot.send(info, plain(robot.address, info))
    await robot.silent()
    assert (robot.got, robot.sent) == (1, 2)


@pytest.mark.parametrize("local", ["info", "g1-entry", "leave"])
async def test_a_robot_that_looks_like_a_person_is_answered_a_few_times_an_hour(pair: Pair, local: str) -> None:
    recipient = pair.east.address(local)
    address = f"robot-{local}@gmail.com"
    robot = Robot(pair.east, address, lambda mail: (recipient, plain(address, recipient)))
    robot.listen()
    await robot.send(recipient, plain(address, recipient))
    await robot.silent()
    print(f"a robot at {local}: {robot.got} answers")
    assert 1 <= robot.got <= 2 * PER_HOUR


async def test_a_robot_that_replies_to_every_mail_is_silent_in_the_end(pair: Pair) -> None:
    address = "replier@gmail.com"

    def reply(mail: ReceivedMail) -> tuple[str, bytes]:
        told = read(mail.raw)
        head = f"In-Reply-To: {told.message_id}\r\nReferences: {told.message_id}\r\n".encode()
        return told.answer_address, head + plain(address, told.answer_address)

    robot = Robot(pair.east, address, reply)
    robot.listen()
    entry = pair.east.address("g1-entry")
    await robot.send(entry, plain(address, entry))
    await robot.silent()
    print(f"a replying robot: {robot.got} mails")
    assert 2 <= robot.got <= 2 * PER_HOUR + 2
    for member in await pair.east.members():
        await pair.east.office.delete(pair.east.path(f"members/{member['id']}"))
    await quiet(pair.east.house)


async def test_an_absence_note_registers_nobody(pair: Pair) -> None:
    school = pair.east
    entry = school.address("g1-entry")
    raw = plain("away@docomo.ne.jp", entry)
    carrier = school.house.carriers["docomo"]
    await hand_in(school, "away@docomo.ne.jp", entry, raw)
    (guide,) = await carrier.wait_for_mails("away@docomo.ne.jp")
    for envelope in ("", guide.envelope_from):
        note = vacation_reply(read(guide.raw), sender="away@docomo.ne.jp", date=datetime.now(UTC), to_envelope=envelope)
        await hand_in(school, note.envelope_from, note.recipient, note.raw)
    await quiet(school.house)
    assert len(carrier.mailbox("away@docomo.ne.jp")) == 1
    assert not await school.members(state="active")


async def test_an_absence_note_is_not_answered_and_is_no_answer(pair: Pair) -> None:
    school, parents = pair.east, pair.east.house.parents
    away = {parent.number for parent in parents.people if parent.habits.vacation}
    assert 0 < len(away) < len(parents.people)
    await school.register(parents.people, "g1")
    message = await school.send(SURVEY.subject, "返信で答えてください。", asks="choice", choices=SURVEY.choices)

    async def settled() -> bool:
        return (await school.counts(message))["delivered"] == len(parents.people)

    assert await school.house.until("every copy is settled", settled)
    await quiet(school.house)
    assert len(parents.acts_of(ActKind.VACATION)) == len(away)
    at_hand = len(parents.people) - len(away)
    counts = await school.counts(message)
    assert (counts["answered"], counts["delivered"], counts["failed"]) == (at_hand, len(parents.people), 0)
    assert len(await school.answers(message)) == at_hand
    for parent in parents.people:
        assert len(parents.letters_of(parent, LetterKind.BROADCAST)) == 1
        if parent.number in away:
            assert parents.letters_of(parent)[-1].kind is LetterKind.BROADCAST, "an absence note was answered"
