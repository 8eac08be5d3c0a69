"""A forged post never reaches the poster whom it names; the office reads why. What only says little is asked, and shown.

Here every mail comes from 127.0.0.1, which no carrier names in its SPF record: what is genuine proves it by signature."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio

from simulator import mailer
from simulator.client_styles import Style
from simulator.dns_server import DnsServer, Zone
from simulator.incoming import MailKind
from simulator.parents import ParentMail
from simulator.people import Child, Habits, Parent, Relation
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.signing import key_zone, new_key, signed
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

CHILD = Child(15, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 3, 2)
KEY = new_key("docomo.ne.jp")
ZONE: Zone = {
    "docomo.ne.jp": {"TXT": ['"v=spf1 ip4:192.0.2.0/24 -all"']},
    "_dmarc.docomo.ne.jp": {"TXT": ['"v=DMARC1; p=reject"']},
    "gmail.com": {"TXT": ['"v=spf1 ip4:192.0.2.0/24 ~all"']},
    "_dmarc.gmail.com": {"TXT": ['"v=DMARC1; p=none"']},
    **key_zone(KEY),
}
_numbers = count(1)


def teacher(number: int, address: str, carrier: str) -> Parent:
    return Parent(number, address, carrier, (CHILD,), Relation.MOTHER, Style.IPHONE, habits=Habits(poster=True))


STRICT = teacher(1, "sensei@docomo.ne.jp", "docomo")
LENIENT = teacher(2, "sensei@gmail.com", "gmail")


# Slow: a whole trial is started, with DNS of its own, and parents register.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[School]:
    async with DnsServer(ZONE) as dns:
        door = {"RENRAKUMO_TRUSTED_RELAYS": "", "RENRAKUMO_DNS_SERVERS": f"127.0.0.1:{dns.port}"}
        async with await Trial.build(
            tmp_path_factory.mktemp("authentication"),
            people=[STRICT, LENIENT],
            extra={"ingress-smtp": door},
            say=print,
        ) as trial:
            school = await open_school(trial, "minami", "みなみ小学校", receipts=False, groups={"g1": "1年"})
            # Unsigned and from elsewhere: whoever replies to the guide has shown that the address is his, all the same.
            await school.register([STRICT, LENIENT], "g1", with_name=False)
            for member in await school.members(state="active"):
                await school.office.post(school.path("groups/g1/posters"), {"member": member["id"]})
            yield school


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post_address(school: School) -> str:
    address: str = (await school.office.post(school.path("groups/g1/post-address")))["address"]
    return address


def written_by(poster: Parent, subject: str) -> bytes:
    return (
        f"From: <{poster.address}>\r\nSubject: {subject}\r\nMessage-ID: <{next(_numbers)}@phone.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nGo home at noon.\r\n"
    ).encode()


async def post(school: School, poster: Parent, address: str, raw: bytes) -> None:
    port = school.trial.stack.port("RENRAKUMO_SMTP_PORT")
    assert (await mailer.send("127.0.0.1", port, poster.address, [address], raw))[address].code == 250
    await quiet(school.trial)


def asked(school: School, poster: Parent, subject: str) -> list[ParentMail]:
    """Confirmation mails about a post."""
    mails = school.trial.parents.mails_of(poster, MailKind.CONFIRM_POST)
    return [got for got in mails if subject in got.mail.subject + got.mail.text]


async def test_a_forged_post_is_neither_asked_about_nor_sent_and_the_office_reads_why(
    school: School, post_address: str
) -> None:
    await post(school, STRICT, post_address, written_by(STRICT, "Forged"))
    assert not asked(school, STRICT, "Forged")
    (attempt,) = (await school.office.get(school.path("post-attempts")))["items"]
    assert (attempt["group"], attempt["reason"]) == ("g1", "not_authentic")
    assert "DMARC: fail、ポリシー: reject" in attempt["explanation"]["ja"]
    assert (attempt["authentication"]["spf"], attempt["authentication"]["dmarc"]) == ("fail", "fail")
    assert STRICT.address not in str(attempt)


async def test_a_genuine_post_is_asked_about_shown_as_proven_and_sent(school: School, post_address: str) -> None:
    await post(school, STRICT, post_address, signed(written_by(STRICT, "Genuine"), KEY))
    assert asked(school, STRICT, "Genuine")
    (message,) = [each for each in await school.office.all_of(school.path("messages")) if each["subject"] == "Genuine"]
    shown = message["authentication"]
    assert (shown["spf"], shown["dkim"], shown["dmarc"], shown["sender_proven"]) == ("fail", "pass", "pass", True)
    assert "DKIM 合格" in shown["explanation"]["ja"]
    # The poster's reply was not signed: it had the token.
    assert message["state"] == "approved"


async def test_a_post_of_a_domain_that_asks_for_nothing_is_left_to_its_poster(
    school: School, post_address: str
) -> None:
    await post(school, LENIENT, post_address, written_by(LENIENT, "Perhaps"))
    assert asked(school, LENIENT, "Perhaps")
    (message,) = [each for each in await school.office.all_of(school.path("messages")) if each["subject"] == "Perhaps"]
    shown = message["authentication"]
    assert (shown["spf"], shown["dmarc"], shown["policy"]) == ("softfail", "fail", "none")
    assert shown["sender_proven"] is False
    assert "確かめられていません" in shown["explanation"]["ja"]


async def test_an_answer_counts_and_shows_what_its_carrier_proved(school: School) -> None:
    message = await school.send("Survey", "Well?", asks="choice", choices=["Yes", "No"])
    await quiet(school.trial)
    for poster in (STRICT, LENIENT):
        mails = school.trial.parents.mails_of(poster, MailKind.BROADCAST)
        (got,) = [each for each in mails if "Survey" in each.mail.subject]
        await school.trial.parents.answer(got, "1")
    await quiet(school.trial)
    answers = await school.answers(message)
    assert [answer["choice"] for answer in answers] == [1, 1]
    assert {answer["authentication"]["dmarc"] for answer in answers} == {"fail"}
