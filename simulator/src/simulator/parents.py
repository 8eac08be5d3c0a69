"""Parents who live at simulated carriers: they read what arrives and act, by mail alone.

Flow: a carrier tells of a mail -> `Parents` finds whose it is, reads it, keeps it -> a habit decides (confirm a guide,
answer a survey, an absence robot, nothing) -> the answer is written in the style of the parent's program and handed
in at the product's SMTP port. What was done stands in `acts`, what could not be done in `problems`. A mail that
arrives twice (same Message-ID) is acted on once, as people do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from . import mailer
from .behaviour import canonical
from .carriers import CarrierSimulator, ReceivedMail
from .client_styles import PreparedMail, new_mail, reply, vacation_reply
from .crowd import make_crowd
from .incoming import Incoming, MailKind, kind_of, read
from .people import AnswerForm, Child, Habits, Parent, Relation, Survey

__all__ = ["Act", "ActKind", "AnswerForm", "Child", "Habits", "Parent", "Parents", "Relation", "Survey", "make_crowd"]

SEND_ATTEMPTS = 40
RETRY_SECONDS = (0.5, 1.0, 1.5, 2.0)
CONNECTIONS = 20


class ActKind(StrEnum):
    """What a parent did."""

    ENTER = "enter"
    LEAVE = "leave"
    POST = "post"
    ASK_NEWS = "ask-news"
    CONFIRM = "confirm"
    ANSWER = "answer"
    VACATION = "vacation"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Act:
    """One mail that a parent handed in, with the last reply of the server; `words` is what the person typed."""

    kind: ActKind
    parent: Parent
    words: str
    recipient: str
    code: int
    reply: str
    child: Child | None = None
    survey: Survey | None = None


@dataclass(frozen=True, slots=True)
class ParentMail:
    """A mail in a parent's hands."""

    parent: Parent
    kind: MailKind
    mail: Incoming
    arrived: ReceivedMail
    repeated: bool


class Parents:
    """A crowd at its carriers. `host`, `port`: where it hands in mail. `kind_of` may be replaced for other systems."""

    def __init__(
        self,
        people: Iterable[Parent],
        host: str,
        port: int,
        *,
        surveys: Sequence[Survey] = (),
        kind: Callable[[Incoming], MailKind] = kind_of,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.people = list(people)
        self.surveys = list(surveys)
        self.mails: list[ParentMail] = []
        self.acts: list[Act] = []
        self.problems: list[str] = []
        self._host = host
        self._port = port
        self._kind = kind
        self._clock = clock
        self._by_address = {canonical(parent.address): parent for parent in self.people}
        self._seen: set[tuple[str, str]] = set()
        self._copies: Counter[tuple[int, str, str]] = Counter()
        self._carriers: list[CarrierSimulator] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._changed = asyncio.Event()
        self._mail_number = 0

    # -- life

    def listen(self, carriers: Iterable[CarrierSimulator]) -> None:
        """Read whatever these carriers put into the mailboxes of this crowd, from now on."""
        for carrier in carriers:
            carrier.on_mail.append(self._arrived)
            self._carriers.append(carrier)

    async def stop(self) -> None:
        """Stop reading, drop what was going to be done."""
        for carrier in self._carriers:
            carrier.on_mail.remove(self._arrived)
        self._carriers.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def idle(self, timeout: float = 30.0) -> None:
        """Wait until nobody is about to do anything. Raises TimeoutError."""
        await self.wait_until(lambda: not self._tasks, timeout)

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait for a condition about this crowd; looked at whenever a mail came or was sent. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def join(self, parent: Parent) -> None:
        """One more person, whose mail is read from now on."""
        self.people.append(parent)
        self._by_address[canonical(parent.address)] = parent

    # -- what tests look at

    def mails_of(self, parent: Parent, kind: MailKind | None = None) -> list[ParentMail]:
        """What this parent got, oldest first."""
        return [one for one in self.mails if one.parent is parent and kind in (None, one.kind)]

    def count(self, kind: MailKind, subject: str = "") -> int:
        """Mails of a kind whose subject holds `subject`, repeated ones not counted."""
        return sum(1 for one in self.mails if one.kind is kind and not one.repeated and subject in one.mail.subject)

    def acts_of(self, kind: ActKind) -> list[Act]:
        return [act for act in self.acts if act.kind is kind]

    # -- what people begin by themselves

    async def enter(self, parent: Parent, entry_address: str, *, with_name: bool = True, child: int = 0) -> Act:
        """The entry mail: empty, or with the name line of one child in its body."""
        text = parent.name_lines[child] if with_name and parent.name_lines else ""
        return await self._write(ActKind.ENTER, parent, entry_address, "", text)

    async def leave(self, parent: Parent, leave_address: str) -> Act:
        return await self._write(ActKind.LEAVE, parent, leave_address, "", "")

    async def ask_news(self, parent: Parent, info_address: str) -> Act:
        return await self._write(ActKind.ASK_NEWS, parent, info_address, "", "")

    async def post(self, parent: Parent, post_address: str, subject: str, text: str) -> Act:
        return await self._write(ActKind.POST, parent, post_address, subject, text)

    async def all_do(
        self, deed: Callable[[Parent], Awaitable[Act]], people: Iterable[Parent] | None = None
    ) -> list[Act]:
        """Everybody (or `people`) does it at the same time, over a bounded number of connections."""
        return list(await asyncio.gather(*(deed(parent) for parent in (self.people if people is None else people))))

    async def answer(self, got: ParentMail, words: str, kind: ActKind = ActKind.ANSWER) -> Act:
        """Press reply on any mail and type `words`, whatever the habits say."""
        return await self._reply(kind, got, words)

    # -- what people do when a mail comes

    def _arrived(self, received: ReceivedMail) -> None:
        parent = self._by_address.get(canonical(received.recipient))
        if parent is None:
            return
        try:
            mail = read(received.raw)
        except (ValueError, LookupError, TypeError, AttributeError, IndexError) as error:
            self.problems.append(f"parent {parent.number} cannot read a mail: {error!r}")
            self._changed.set()
            return
        key = (canonical(parent.address), mail.message_id)
        repeated = bool(mail.message_id) and key in self._seen
        self._seen.add(key)
        got = ParentMail(parent, self._kind(mail), mail, received, repeated)
        self.mails.append(got)
        if not repeated:
            self._react(got)
        self._changed.set()

    def _react(self, got: ParentMail) -> None:
        habits, kind = got.parent.habits, got.kind
        if kind is MailKind.CONFIRM_POST:
            if habits.poster:
                self._spawn(lambda: self._reply(ActKind.CONFIRM, got, "はい"), habits.delay)
        elif kind in (MailKind.CONFIRM_REGISTRATION, MailKind.CONFIRM_LEAVE):
            if habits.confirms:
                self._spawn(lambda: self._reply(ActKind.CONFIRM, got, habits.confirmation_text), habits.delay)
        elif kind is MailKind.BROADCAST:
            if habits.vacation:
                self._spawn(lambda: self._be_absent(got), habits.delay)
            self._maybe_answer(got)

    def _maybe_answer(self, got: ParentMail) -> None:
        parent = got.parent
        survey = next((one for one in self.surveys if one.subject in got.mail.subject), None)
        if survey is None or parent.habits.silent or parent.habits.vacation:
            return
        child = parent.child_named_in(got.mail) if survey.per_child else None
        copy = (parent.number, survey.subject, child.given if child else "")
        self._copies[copy] += 1
        if self._copies[copy] == parent.habits.answers_on_copy:
            words = survey.words_of(parent, child)
            self._spawn(lambda: self._reply(ActKind.ANSWER, got, words, child, survey), parent.habits.delay)

    # -- writing

    async def _write(self, kind: ActKind, parent: Parent, recipient: str, subject: str, text: str) -> Act:
        mail = new_mail(
            parent.style,
            sender=parent.address,
            recipient=recipient,
            subject=subject,
            text=text,
            name=parent.display_name,
            date=self._clock(),
            seed=self._next_seed(),
        )
        return await self._hand_in(kind, parent, text, mail)

    async def _reply(
        self, kind: ActKind, got: ParentMail, words: str, child: Child | None = None, survey: Survey | None = None
    ) -> Act:
        parent = got.parent
        mail = reply(
            parent.style,
            got.mail,
            words,
            sender=parent.address,
            name=parent.display_name,
            date=self._clock(),
            seed=self._next_seed(),
        )
        return await self._hand_in(kind, parent, words, mail, child, survey)

    async def _be_absent(self, got: ParentMail) -> Act:
        parent = got.parent
        to = "" if parent.habits.vacation_to_reply_to else got.arrived.envelope_from
        mail = vacation_reply(
            got.mail, sender=parent.address, date=self._clock(), to_envelope=to, seed=self._next_seed()
        )
        return await self._hand_in(ActKind.VACATION, parent, "", mail)

    async def _hand_in(
        self,
        kind: ActKind,
        parent: Parent,
        words: str,
        mail: PreparedMail,
        child: Child | None = None,
        survey: Survey | None = None,
    ) -> Act:
        """Send; try again after 4xx and broken connections, as the parent's own provider would."""
        answer = mailer.ServerReply(0, "not tried")
        for attempt in range(1, SEND_ATTEMPTS + 1):
            try:
                async with self._slots:
                    replies = await mailer.send(
                        self._host,
                        self._port,
                        mail.envelope_from,
                        [mail.recipient],
                        mail.raw,
                        helo="mx.carrier.example",
                    )
                answer = replies[mail.recipient]
            except (OSError, TimeoutError) as error:
                answer = mailer.ServerReply(0, type(error).__name__)
            if answer.accepted or answer.code >= 500:
                break
            if attempt < SEND_ATTEMPTS:
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS)) - 1])
        act = Act(kind, parent, words, mail.recipient, answer.code, answer.text, child, survey)
        self.acts.append(act)
        if not answer.accepted:
            self.problems.append(f"parent {parent.number} {kind}: {answer.code} {answer.text}")
        self._changed.set()
        return act

    def _next_seed(self) -> str:
        self._mail_number += 1
        return str(self._mail_number)

    def _spawn(self, deed: Callable[[], Awaitable[Act]], delay: float) -> None:
        task = asyncio.get_running_loop().create_task(self._after(deed, delay))
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    async def _after(self, deed: Callable[[], Awaitable[Act]], delay: float) -> None:
        await asyncio.sleep(delay)
        await deed()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.problems.append(f"a parent stumbled: {task.exception()!r}")
        self._changed.set()
