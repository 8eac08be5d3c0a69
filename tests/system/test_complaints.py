"""A carrier's feedback loop: who reports a mail as spam leaves and reads how to come back; what proves nothing is kept
for the operator and has no effect. Real processes, real SMTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from simulator import bus_view, mailer
from simulator.behaviour import LateDsn
from simulator.carriers import ReceivedMail
from simulator.complaints import arf, jmrp, sent_copy
from simulator.crowd import make_crowd
from simulator.dsn import delivery_report
from simulator.incoming import MailKind
from simulator.people import Parent
from simulator.school import School, open_school
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

OPERATOR = "operator@docomo.ne.jp"
HOST = "127.0.0.1"


# Slow: a whole trial is started, and parents register.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[School]:
    people = make_crowd(20260409, 3, silent=0, vacation=0, late_answers=0, two_children=0, second_guardians=0)
    settings = {"RENRAKUMO_OPERATOR_ADDRESS": OPERATOR}
    async with await Trial.build(tmp_path_factory.mktemp("loop"), people=people, settings=settings, say=print) as trial:
        opened = await open_school(trial, "higashi", "ひがし小学校", receipts=True, groups={"g1": "1年"})
        await opened.register(people, "g1")
        yield opened


async def report(school: School, raw: bytes, *, sender: str = "", to: str = "abuse") -> None:
    base = school.trial.stack.configuration.base_domain
    address = f"{to}@{base}" if to == "abuse" else school.address(to)
    port = school.trial.stack.port("RENRAKUMO_SMTP_PORT")
    reply = (await mailer.send(HOST, port, sender, [address], raw))[address]
    assert reply.code == 250, reply


async def copy_of(school: School, parent: Parent) -> ReceivedMail:
    """The last message of the school to a parent, as it lies in his mailbox."""
    carriers = school.trial.carriers.values()
    return [mail for carrier in carriers for mail in carrier.mailbox(parent.address)][-1]


async def test_who_presses_the_spam_button_leaves_and_learns_how_to_come_back(school: School) -> None:
    parents = school.trial.parents
    pressing, outlook, staying = parents.people
    message = await school.send("遠足", "明日は遠足です。")

    async def arrived() -> bool:
        return (await school.counts(message))["delivered"] == 3

    assert await school.trial.until("every copy is delivered", arrived)
    await report(school, arf((await copy_of(school, pressing)).raw), sender="feedback@carrier.example")
    await report(school, jmrp((await copy_of(school, outlook)).raw, marked=False), sender="staff@hotmail.com")

    async def told() -> bool:
        return all(school.notices(parent, "配信を停止しました") for parent in (pressing, outlook))

    assert await school.trial.until("both are told", told)
    left = await school.members(state="left")
    assert [(member["reason"], member["state"]) for member in left] == [("complaint", "left")] * 2
    assert "迷惑メール" in left[0]["explanation"]["ja"]
    assert len(await school.members(state="active")) == 1
    assert not school.notices(staying, "配信を停止しました")
    assert not any(parents.mails_of(staying, MailKind.CONFIRM_LEAVE))


async def test_what_proves_nothing_is_kept_for_the_operator_and_changes_nothing(school: School) -> None:
    before = await school.members()
    forged = sent_copy("higashi", reply="r-" + "a2" * 24, base=school.trial.stack.configuration.base_domain)
    parent = school.trial.parents.people[2]
    genuine = (await copy_of(school, parent)).raw
    stray = delivery_report(
        carrier="docomo.example", envelope_from=school.address("info"), recipient=parent.address, raw=genuine,
        plan=LateDsn(HOST, 25), at=datetime.now(UTC), number=1,
    )  # fmt: skip
    await report(school, arf(forged))
    await report(school, arf(genuine, "fraud"))
    for local in ("info", "postmaster"):
        await report(school, stray, to=local)
    wanted = ["feedback_of_another_kind", "feedback_without_token", "report_without_token", "report_without_token"]

    async def kept() -> bool:
        letters = await bus_view.dead_letters(school.trial.stack)
        return sorted(letter.reason.rpartition(" ")[2] for letter in letters) == wanted

    assert await school.trial.until("four dead letters", kept)
    assert await school.members() == before
    assert not school.trial.carriers["docomo"].mailbox(OPERATOR), "reports are not forwarded one by one"
