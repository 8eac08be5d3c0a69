"""Two instances or two units that mail each other, robots that send everything back or answer it, with and without the
marks of a machine, absence notes: all fall silent within a few mails, and no machine's mail counts as somebody's."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from itertools import count

import pytest
import pytest_asyncio

from contracts.streams import INBOUND
from renrakumo_cli.local import ports
from simulator import bus_view, mailer
from simulator.carriers import ReceivedMail
from simulator.client_styles import vacation_reply
from simulator.crowd import make_crowd
from simulator.incoming import MailKind, read
from simulator.parents import ActKind
from simulator.people import Survey
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.trial import Trial

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
    """Two instances, each of which delivers the other's mail to the other's ingress-smtp."""

    east: School
    west: School


# Slow: two whole trials are started, side by side.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    smtp = {"east": ports.free_port(), "west": ports.free_port()}
    unit = {"east": "higashi", "west": "nishi"}
    people = make_crowd(SEED, 12, silent=0, vacation=0.5, late_answers=0, two_children=0, second_guardians=0)

    async def build(here: str, there: str) -> Trial:
        return await Trial.build(
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


# Slow: a school of its own is opened.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kita(pair: Pair) -> School:
    """A second unit of the first instance."""
    return await open_school(pair.east.trial, "kita", "きた小学校", receipts=True, groups={"g1": "1年"})


def plain(sender: str, recipient: str) -> bytes:
    """A mail as a person writes it: without any mark of a machine."""
    return (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: \r\nMessage-ID: <{next(_numbers)}@forged.example>\r\n\r\n\r\n"
    ).encode()


async def hand_in(school: School, sender: str, recipient: str, raw: bytes) -> None:
    port = school.trial.stack.port("RENRAKUMO_SMTP_PORT")
    reply = (await mailer.send("127.0.0.1", port, sender, [recipient], raw))[recipient]
    assert reply.code == 250, reply


async def taken_in(school: School) -> int:
    """Mails that ingress-smtp took in so far."""
    return await bus_view.stored_so_far(school.trial.stack, INBOUND.name)


async def both_quiet(pair: Pair) -> None:
    """Nothing is under way anywhere; once more on both sides, as a last mail may just have changed sides."""
    for _ in range(2):
        for school in (pair.east, pair.west):
            await quiet(school.trial)


# Slow: both have to have nothing in hand any more.
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
    """A mailbox at the carriers of some schools that reacts to every mail; `makes` gives which school's ingress-smtp gets
    what from it, and for which address there."""

    schools: tuple[School, ...]
    address: str
    makes: Callable[[ReceivedMail], tuple[School, str, bytes]]
    envelope: str | None = None
    got: int = 0
    sent: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def listen(self) -> None:
        for school in self.schools:
            for carrier in school.trial.carriers.values():
                carrier.on_mail.append(self._arrived)

    async def silent(self) -> None:
        """Wait until it has nothing to react to any more."""
        for _ in range(2):
            for school in self.schools:
                await quiet(school.trial)
                await asyncio.gather(*self.tasks)
        for school in self.schools:
            for carrier in school.trial.carriers.values():
                carrier.on_mail.remove(self._arrived)

    async def send(self, school: School, recipient: str, raw: bytes) -> None:
        self.sent += 1
        await hand_in(school, self.address if self.envelope is None else self.envelope, recipient, raw)

    def _arrived(self, mail: ReceivedMail) -> None:
        if mail.recipient != self.address:
            return
        self.got += 1
        self.tasks.add(asyncio.create_task(self.send(*self.makes(mail))))


MARKS = ("x-renrakumo", "auto-submitted", "message-id", "feedback-id", "list-id", "list-unsubscribe", "return-path")


def stripped(raw: bytes) -> bytes:
    """The mail without any of our marks; who it is from stays."""
    head, _, body = raw.partition(b"\r\n\r\n")
    kept = [
        field for field in re.split(rb"\r\n(?![ \t])", head) if field.partition(b":")[0].decode().lower() not in MARKS
    ]
    return b"\r\n".join(kept) + b"\r\n\r\n" + body


def without_sender(raw: bytes) -> bytes:
    """The mail without any of our marks, in the forwarder's own name and without a trace of whom it came from."""
    return re.sub(rb"(?im)^(?:from|reply-to):.*(?:\r\n[ \t].*)*\r\n", b"", stripped(raw))


@pytest.mark.parametrize("door", ["info", "g1-info", "g1-entry", "leave"])
@pytest.mark.parametrize("forwards", [stripped, without_sender])
async def test_two_units_fall_silent_whose_mail_a_forwarder_hands_on_without_its_marks(
    pair: Pair, kita: School, door: str, forwards: Callable[[bytes], bytes]
) -> None:
    here, there = pair.east, kita
    address = f"{door}.{forwards.__name__}@gmail.com"

    def onward(mail: ReceivedMail) -> tuple[School, str, bytes]:
        other = there if f"@{here.code}.".encode() in mail.raw else here
        return other, other.address(door), forwards(mail.raw)

    robot = Robot((here,), address, onward)
    robot.listen()
    await robot.send(here, here.address(door), plain(address, here.address(door)))
    await robot.silent()
    print(f"two units at {door}, {forwards.__name__}: {robot.got} mails handed on")
    assert 1 <= robot.got <= A_FEW


@pytest.mark.parametrize("door", ["info", "g1-entry"])
async def test_two_instances_fall_silent_whose_mail_a_forwarder_hands_on_without_its_marks(
    pair: Pair, door: str
) -> None:
    address = f"between.{door}@gmail.com"

    def onward(mail: ReceivedMail) -> tuple[School, str, bytes]:
        other = pair.west if b"@higashi." in mail.raw else pair.east
        return other, other.address(door), without_sender(mail.raw)

    robot = Robot((pair.east, pair.west), address, onward)
    robot.listen()
    await robot.send(pair.east, pair.east.address(door), plain(address, pair.east.address(door)))
    await robot.silent()
    print(f"two instances at {door}: {robot.got} mails handed on")
    assert 1 <= robot.got <= A_FEW


async def test_a_mailbox_that_forwards_everything_as_it_came_gets_one_answer(pair: Pair) -> None:
    info = pair.east.address("info")
    robot = Robot((pair.east,), "forwarder@gmail.com", lambda mail: (pair.east, info, mail.raw))
    robot.listen()
    await robot.send(pair.east, info, plain(robot.address, info))
    await robot.silent()
    assert (robot.got, robot.sent) == (1, 2)


@pytest.mark.parametrize("local", ["info", "g1-entry", "leave"])
async def test_a_robot_that_looks_like_a_person_gets_an_answer_an_hour(pair: Pair, local: str) -> None:
    recipient = pair.east.address(local)
    address = f"robot-{local}@gmail.com"
    robot = Robot((pair.east,), address, lambda mail: (pair.east, recipient, plain(address, recipient)))
    robot.listen()
    await robot.send(pair.east, recipient, plain(address, recipient))
    await robot.silent()
    print(f"a robot at {local}: {robot.got} answers")
    assert 1 <= robot.got <= A_FEW


MARK = "Auto-Submitted: auto-replied\r\n"
AWAY = "ただいま休暇をいただいております。8日以降に返信いたします。\r\n"
WHERE: dict[str, Callable[[ReceivedMail], str]] = {
    "Reply-To": lambda mail: read(mail.raw).answer_address,
    "From": lambda mail: read(mail.raw).sender,
    "Return-Path": lambda mail: mail.envelope_from or read(mail.raw).sender,
}


@pytest.mark.parametrize("where", list(WHERE))
@pytest.mark.parametrize(
    ("manner", "most"),
    [
        ("with a mark", 1),
        ("with a mark, from nobody", 1),
        ("without a mark, with a subject that says so", 1),
        ("without a mark, with words that say so", 1),
        ("without a mark, without a subject", A_FEW),
        ("without a mark, with our subject", A_FEW),
        ("without a mark and without references", A_FEW),
    ],
)
async def test_a_robot_that_answers_every_mail_falls_silent(pair: Pair, where: str, manner: str, most: int) -> None:
    school = pair.east
    number = next(_numbers)
    address = f"answers.{number}@gmail.com"

    def answer(mail: ReceivedMail) -> tuple[School, str, bytes]:
        told = read(mail.raw)
        recipient = WHERE[where](mail)
        subject = "自動応答: 連絡" if "a subject that says so" in manner else f"Re: {told.subject}"
        head = MARK if manner.startswith("with a mark") else ""
        if "without references" not in manner:
            head += f"In-Reply-To: {told.message_id}\r\nReferences: {told.message_id}\r\n"
        if "without a subject" not in manner:
            head += f"Subject: {Header(subject, 'utf-8').encode()}\r\n"
        text = AWAY if "words that say so" in manner or manner.startswith("with a mark") else "1\r\n"
        head += f"From: <{address}>\r\nTo: <{recipient}>\r\nMessage-ID: <{next(_numbers)}@robot.example>\r\n"
        head += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        return school, recipient, (head + text).encode()

    robot = Robot((school,), address, answer, envelope="" if "from nobody" in manner else None)
    robot.listen()
    entry = school.address("g1-entry")
    await hand_in(school, address, entry, plain(address, entry))
    await robot.silent()
    print(f"a robot that answers to {where} {manner}: {robot.got} mails")
    assert 1 <= robot.got <= most
    for member in await school.members(state="active"):
        assert most > 1, "a machine was registered"
        await school.office.delete(school.path(f"members/{member['id']}"))
    await quiet(school.trial)


async def test_an_absence_note_registers_nobody(pair: Pair) -> None:
    school = pair.east
    entry = school.address("g1-entry")
    raw = plain("away@docomo.ne.jp", entry)
    carrier = school.trial.carriers["docomo"]
    await hand_in(school, "away@docomo.ne.jp", entry, raw)
    (guide,) = await carrier.wait_for_mails("away@docomo.ne.jp")
    for envelope in ("", guide.envelope_from):
        note = vacation_reply(read(guide.raw), sender="away@docomo.ne.jp", date=datetime.now(UTC), to_envelope=envelope)
        await hand_in(school, note.envelope_from, note.recipient, note.raw)
    await quiet(school.trial)
    assert len(carrier.mailbox("away@docomo.ne.jp")) == 1
    assert not await school.members(state="active")


async def test_an_absence_note_is_not_answered_and_is_no_answer(pair: Pair) -> None:
    school, parents = pair.east, pair.east.trial.parents
    away = {parent.number for parent in parents.people if parent.habits.vacation}
    assert 0 < len(away) < len(parents.people)
    await school.register(parents.people, "g1")
    message = await school.send(SURVEY.subject, "返信で答えてください。", asks="choice", choices=SURVEY.choices)

    async def settled() -> bool:
        return (await school.counts(message))["delivered"] == len(parents.people)

    assert await school.trial.until("every copy is settled", settled)
    await quiet(school.trial)
    assert len(parents.acts_of(ActKind.VACATION)) == len(away)
    at_hand = len(parents.people) - len(away)
    counts = await school.counts(message)
    assert (counts["answered"], counts["delivered"], counts["failed"]) == (at_hand, len(parents.people), 0)
    assert len(await school.answers(message)) == at_hand
    for parent in parents.people:
        assert len(parents.mails_of(parent, MailKind.BROADCAST)) == 1
        if parent.number in away:
            assert parents.mails_of(parent)[-1].kind is MailKind.BROADCAST, "an absence note was answered"
