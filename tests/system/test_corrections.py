"""A mistake in a message to everybody: it is stopped in the middle, corrected, and never comes back; and what is too late
to be of use isn't delivered next morning. A trial with carriers that are slow or ask to come back later."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from simulator import databases
from simulator.behaviour import Behaviour, accept, canonical, greylisting, slow
from simulator.carriers import ReceivedMail
from simulator.crowd import make_crowd
from simulator.incoming import read
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.seeding import enter
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SEED = 20260408
PEOPLE = 200
IN_HAND = 2
"""Copies that a connection may have in flight: one whose text is under way, and the next one, already announced."""

WRONG, RIGHT = "遠足は9時集合", "【訂正】遠足は8時集合"


@dataclass(frozen=True)
class Town:
    """One school of 200 parents at many carriers."""

    school: School
    addresses: frozenset[str]

    def behave(self, behaviour: Behaviour) -> None:
        for carrier in self.school.trial.carriers.values():
            carrier.behaviour = behaviour

    def mails(self, subject: str) -> list[ReceivedMail]:
        """Copies with that subject that the carriers took, oldest first."""
        received = [mail for carrier in self.school.trial.carriers.values() for mail in carrier.received]
        return sorted((mail for mail in received if read(mail.raw).subject == subject), key=lambda mail: mail.at)

    def sessions(self) -> int:
        """Sessions open right now."""
        return sum(carrier.stats.active for carrier in self.school.trial.carriers.values())

    async def settled(self, message: str) -> dict[str, int]:
        """Its counts, once every copy has a final outcome."""
        told: dict[str, int] = {}

        async def final() -> bool:
            told.update(await self.school.counts(message))
            ended = sum(told[state] for state in ("delivered", "failed", "expired", "superseded"))
            return told["planned"] == PEOPLE == ended

        assert await self.school.trial.until(f"every copy of {message} has its outcome", final), told
        return told

    async def reasons(self, message: str, outcome: str) -> Counter[str]:
        """Why copies of a message had this outcome, as the ledger keeps it."""
        query = (
            "SELECT reason FROM ledger.attempts JOIN ledger.copies USING (copy_ref) "
            "WHERE copies.message = $1 AND attempts.outcome = $2"
        )
        found = await databases.rows(self.school.trial.stack, databases.GENERAL_DATABASE, query, int(message), outcome)
        return Counter(row["reason"] for row in found)


# Slow: a whole trial is started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    people = make_crowd(SEED, PEOPLE, silent=1, vacation=0, second_guardians=0)
    async with await Trial.build(tmp_path_factory.mktemp("corrections"), people=people, say=print) as trial:
        school = await open_school(trial, "higashi", "ひがし小学校", receipts=False, groups={"g1": "1年"})
        await enter(trial.stack, "higashi", "g1", people)
        yield Town(school, frozenset(canonical(parent.address) for parent in people))


@pytest.fixture(autouse=True)
def forgetful(town: Town) -> None:
    """Every test begins with carriers that accept at once and have received nothing."""
    town.behave(accept())
    for carrier in town.school.trial.carriers.values():
        carrier.received.clear()


# Slow: the carrier takes 0.3 seconds for each copy.
async def test_a_correction_in_the_middle_stops_the_first_and_reaches_everybody(town: Town) -> None:
    school = town.school
    town.behave(slow(0.3))
    first = await school.send(WRONG, "集合は9時です。")

    async def under_way() -> bool:
        return len(town.mails(WRONG)) >= PEOPLE // 10

    assert await school.trial.until("a part of the first has arrived", under_way)
    made = await school.office.post(
        school.path("messages"),
        {"subject": RIGHT, "text": "9時ではなく、8時に集合してください。", "supersedes": first, "send": True},
    )
    before, sessions = len(town.mails(WRONG)), town.sessions()
    counts, corrected = await town.settled(first), await town.settled(made["id"])
    wrong, right = town.mails(WRONG), town.mails(RIGHT)
    print(f"\n{before} of {PEOPLE} had arrived at the correction, {len(wrong)} in the end ({sessions} sessions)")

    # Nobody got the first any more, but for what was in flight; on no connection it came after the correction.
    assert len(wrong) < PEOPLE
    assert len(wrong) <= before + IN_HAND * sessions
    orders = defaultdict[tuple[str, int], list[ReceivedMail]](list)
    for mail in sorted(wrong + right, key=lambda mail: mail.at):
        orders[mail.carrier, mail.session].append(mail)
    for order in orders.values():
        subjects = [read(mail.raw).subject for mail in order]
        assert subjects == sorted(subjects, key=(WRONG, RIGHT).index)

    # Everybody has got the correction, once.
    assert Counter(canonical(mail.recipient) for mail in right) == Counter(town.addresses)
    assert (corrected["delivered"], corrected["superseded"]) == (PEOPLE, 0)

    # Every copy has an outcome: what arrived is delivered, what was stopped says so.
    assert (counts["delivered"], counts["superseded"]) == (len(wrong), PEOPLE - len(wrong))
    assert (counts["failed"], counts["expired"], counts["deferred"]) == (0, 0, 0)
    reasons = await town.reasons(first, "superseded")
    assert reasons == {"superseded by a correction": PEOPLE - len(wrong)}

    # And the office shows which is which.
    seen = await school.office.get(school.path(f"messages/{first}"))
    assert (seen["state"], seen["superseded_by"]) == ("stopped", made["id"])
    seen = await school.office.get(school.path(f"messages/{made['id']}"))
    assert (seen["corrects"]["id"], seen["corrects"]["counts"]["delivered"]) == (first, len(wrong))


# Slow: the carrier's retries have to be due.
async def test_what_was_stopped_does_not_come_back_with_its_retries(town: Town) -> None:
    school = town.school
    town.behave(greylisting(4))
    message = await school.send("グループをまちがえました", "取り消します。")

    async def put_off() -> bool:
        return (await school.counts(message))["deferred"] == PEOPLE

    assert await school.trial.until("every copy waits for its retry", put_off)
    stopped = await school.office.post(school.path(f"messages/{message}/stop"))
    assert (stopped["superseded_by"], stopped["counts"]["delivered"]) == (None, 0)
    counts = await town.settled(message)
    assert (counts["superseded"], counts["failed"]) == (PEOPLE, 0)
    assert await town.reasons(message, "superseded") == {"stopped by its sender": PEOPLE}
    town.behave(accept())
    await quiet(school.trial)
    assert town.mails("グループをまちがえました") == []


# Slow: the end of a message's time has to pass.
async def test_what_is_too_late_is_not_delivered_afterwards_unless_it_gets_a_new_time(town: Town) -> None:
    school, subject = town.school, "正午に下校します"
    town.behave(greylisting(3600))
    end = datetime.now(UTC) + timedelta(seconds=8)
    message = await school.send(subject, "正午に下校します。", asks="receipt", expires_at=end.isoformat())
    counts = await town.settled(message)
    assert (counts["expired"], counts["failed"], counts["delivered"]) == (PEOPLE, 0, 0)
    town.behave(accept())
    # The last try may have been a moment before the end.
    await asyncio.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()))
    await quiet(school.trial)
    assert town.mails(subject) == []

    path = school.path(f"messages/{message}/resend")
    with pytest.raises(RuntimeError, match="problem:expired"):
        await school.office.post(path)
    new = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert (await school.office.post(path, {"expires_at": new}))["copies"] == PEOPLE

    async def arrived() -> bool:
        return (await school.counts(message))["delivered"] == PEOPLE

    assert await school.trial.until("everybody has got it in its new time", arrived)
    assert Counter(canonical(mail.recipient) for mail in town.mails(subject)) == Counter(town.addresses)
