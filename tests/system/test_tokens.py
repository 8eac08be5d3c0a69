"""Tokens at the real SMTP port: forged, cut, upper-cased, of another unit, expired, replayed. Each has its friendly or
silent outcome, and a bad one changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import pytest_asyncio

from mail import tokens
from mail.tokens import Token
from simulator import bus_view, databases, mailer
from simulator.client_styles import Style
from simulator.incoming import MailKind
from simulator.parents import ParentMail
from simulator.people import Child, Habits, Parent, Relation
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

CHILD = Child(15, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 3, 2)
CHOICES = ("良好", "せきあり")
_numbers = count(1)


def person() -> Parent:
    """Somebody new who confirms nothing by himself."""
    number = next(_numbers)
    habits = Habits(confirms=False)
    return Parent(
        number, f"t{number:03}@docomo.ne.jp", "docomo", (CHILD,), Relation.MOTHER, Style.IPHONE, habits=habits
    )


PEOPLE = [person() for _ in range(20)]
_unused = iter(PEOPLE)


# Slow: a whole trial is started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trial(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trial]:
    async with await Trial.build(tmp_path_factory.mktemp("tokens"), people=PEOPLE, say=print) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def school(trial: Trial) -> School:
    await open_school(trial, "kita", "きた小学校", receipts=False, groups={"g1": "1年"})
    return await open_school(trial, "minami", "みなみ小学校", receipts=False, groups={"g1": "1年"})


# -- what people do ---------------------------------------------------------------------------------------------------


def mail_of(parent: Parent, text: str) -> bytes:
    """A plain mail; the same words from the same person make another mail each time."""
    number = next(_numbers)
    return (
        f"From: <{parent.address}>\r\nSubject: Re:\r\nMessage-ID: <{number}@docomo.ne.jp>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=UTF-8\r\n\r\n{text}\r\n"
    ).encode()


async def hand_in(school: School, parent: Parent, recipient: str, raw: bytes) -> mailer.ServerReply:
    """Send to that very address; returns when all that comes of it has happened."""
    port = school.trial.stack.port("RENRAKUMO_SMTP_PORT")
    reply = (await mailer.send("127.0.0.1", port, parent.address, [recipient], raw))[recipient]
    await quiet(school.trial)
    return reply


async def write(school: School, parent: Parent, recipient: str, text: str = "はい") -> mailer.ServerReply:
    return await hand_in(school, parent, recipient, mail_of(parent, text))


async def asks_to_enter(school: School) -> tuple[Parent, str]:
    """Somebody new asked to enter; the token that his guide mail holds."""
    parent = next(_unused)
    assert (await write(school, parent, school.address("g1-entry"), "")).code == 250
    return parent, token_of(school, parent, MailKind.CONFIRM_REGISTRATION)


async def entered(school: School) -> tuple[Parent, str]:
    """Somebody new is registered; and the token that he used."""
    parent, token = await asks_to_enter(school)
    assert (await write(school, parent, school.address(token))).code == 250
    assert notices(school, parent, "登録が完了しました") == 1
    return parent, token


def mails(school: School, parent: Parent, kind: MailKind | None = None) -> list[ParentMail]:
    return school.trial.parents.mails_of(parent, kind)


def token_of(school: School, parent: Parent, kind: MailKind) -> str:
    return mails(school, parent, kind)[-1].mail.reply_to.partition("@")[0]


def elsewhere(school: School, token: str) -> str:
    """The address with this token at the other unit."""
    return school.address(token).replace("@minami.", "@kita.")


def notices(school: School, parent: Parent, subject: str) -> int:
    return len(school.notices(parent, subject))


async def member_count(school: School) -> int:
    return len(await school.members(state="active"))


def minted(school: School, true: str, *, age: timedelta, unit: str | None = None) -> str:
    """The token that our own key would have made for the same purpose so long ago."""
    ring = bus_view.key_ring(school.trial.stack, "dispatcher", "RENRAKUMO_TOKEN_KEYS")
    said = tokens.check(ring, school.code, true)
    older = Token(said.kind, said.message_ref, said.recipient_ref, tokens.hour_of(datetime.now(UTC) - age))
    return tokens.mint(ring.current[1], unit or school.code, older)


def with_one_letter_changed(token: str, place: int) -> str:
    other = "b" if token[place] == "a" else "a"
    return token[:place] + other + token[place + 1 :]


async def reasons(school: School) -> list[str]:
    return [each.reason for each in await bus_view.dead_letters(school.trial.stack)]


async def recorded(school: School, message: str) -> list[tuple[int | None, bool]]:
    query = "SELECT choice, latest FROM ledger.answers WHERE message = $1 ORDER BY id"
    rows = await databases.rows(school.trial.stack, databases.GENERAL_DATABASE, query, int(message))
    return [(row["choice"], row["latest"]) for row in rows]


# -- registering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [5, 20, 49], ids=["who", "what", "signature"])
async def test_a_forged_token_registers_nobody_and_gets_no_mail(school: School, place: int) -> None:
    parent, token = await asks_to_enter(school)
    before, members, dead = len(mails(school, parent)), await member_count(school), len(await reasons(school))
    assert (await write(school, parent, school.address(with_one_letter_changed(token, place)))).code == 250
    assert len(mails(school, parent)) == before
    assert await member_count(school) == members
    assert "token_not_ours" in "".join((await reasons(school))[dead:])
    assert (await write(school, parent, school.address(token))).code == 250
    assert notices(school, parent, "登録が完了しました") == 1


# Slow: the server lets whoever knows no address wait longer each time.
async def test_a_token_that_was_cut_or_grew_is_refused_at_the_door(school: School) -> None:
    parent, token = await asks_to_enter(school)
    for wrong in (token[:-1], token[:30], token + "a", token.replace("-", ""), token[:-1] + "1"):
        assert (await write(school, parent, school.address(wrong))).code == 550, wrong
    assert not notices(school, parent, "登録が完了しました")


async def test_an_old_phone_that_writes_addresses_in_capitals_registers_all_the_same(school: School) -> None:
    parent, token = await asks_to_enter(school)
    assert (await write(school, parent, school.address(token).upper())).code == 250
    assert notices(school, parent, "登録が完了しました") == 1


async def test_a_token_of_one_unit_is_nothing_in_another(school: School) -> None:
    parent, token = await asks_to_enter(school)
    before = len(mails(school, parent))
    assert (await write(school, parent, elsewhere(school, token))).code == 250
    assert len(mails(school, parent)) == before
    assert (await write(school, parent, elsewhere(school, token).replace("@kita.", "@nowhere."))).code == 550
    assert (await write(school, parent, school.address(token))).code == 250
    assert notices(school, parent, "登録が完了しました") == 1


async def test_an_expired_registration_is_told_so_and_a_new_one_works(school: School) -> None:
    parent, token = await asks_to_enter(school)
    members = await member_count(school)
    old = minted(school, token, age=timedelta(days=8))
    assert (await write(school, parent, school.address(old))).code == 250
    assert notices(school, parent, "もう一度お申し込みください") == 1
    assert await member_count(school) == members
    assert (await write(school, parent, school.address("g1-ent"), "")).code == 250
    newest = token_of(school, parent, MailKind.CONFIRM_REGISTRATION)
    assert (await write(school, parent, school.address(newest))).code == 250
    assert notices(school, parent, "登録が完了しました") == 1
    assert await member_count(school) == members + 1


async def test_a_confirmation_that_comes_twice_registers_once(school: School) -> None:
    parent, token = await asks_to_enter(school)
    raw, members = mail_of(parent, "はい"), await member_count(school)
    for _ in range(2):
        assert (await hand_in(school, parent, school.address(token), raw)).code == 250
    assert notices(school, parent, "登録が完了しました") == 1
    assert notices(school, parent, "登録は完了しています") == 0
    assert (await write(school, parent, school.address(token), "登録します")).code == 250
    assert notices(school, parent, "登録は完了しています") == 1
    assert notices(school, parent, "登録が完了しました") == 1
    assert await member_count(school) == members + 1


# -- leaving ----------------------------------------------------------------------------------------------------------


# Slow: seven mails to and fro, each through all services.
async def test_old_tokens_replayed_bring_nobody_back_and_send_nobody_away(school: School) -> None:
    parent, entry_token = await entered(school)
    members = await member_count(school)
    assert (await write(school, parent, school.address("leave"), "")).code == 250
    leave_token = token_of(school, parent, MailKind.CONFIRM_LEAVE)
    expired = minted(school, leave_token, age=timedelta(days=8))
    assert (await write(school, parent, school.address(expired))).code == 250
    assert notices(school, parent, "もう一度お申し込みください") == 1
    assert await member_count(school) == members
    assert (await write(school, parent, school.address(leave_token))).code == 250
    assert await member_count(school) == members - 1
    await write(school, parent, school.address(leave_token))
    assert notices(school, parent, "解除は完了しています") == 1
    await write(school, parent, school.address(entry_token))
    assert await member_count(school) == members - 1, "an old confirmation registered somebody who had left"
    await write(school, parent, school.address("g1-entry"), "")
    await write(school, parent, school.address(token_of(school, parent, MailKind.CONFIRM_REGISTRATION)))
    assert await member_count(school) == members
    await write(school, parent, school.address(leave_token))
    assert await member_count(school) == members, "an old confirmation sent somebody away who had come back"


# -- answers and bounces ----------------------------------------------------------------------------------------------


# Slow: a parent registers and is written to, then answers, each mail through all services.
async def test_only_a_genuine_fresh_answer_token_records_an_answer(school: School) -> None:
    parent, _ = await entered(school)
    (member,) = [one["id"] for one in (await school.members(state="active"))[-1:]]
    message = await school.send("体調", "お知らせください。", members=[member], asks="choice", choices=CHOICES)
    await quiet(school.trial)
    token = token_of(school, parent, MailKind.BROADCAST)
    forged = with_one_letter_changed(token, 49)
    for wrong in (minted(school, token, age=timedelta(days=401)), forged):
        assert (await write(school, parent, school.address(wrong), "2")).code == 250
    assert (await write(school, parent, elsewhere(school, token), "2")).code == 250
    assert await recorded(school, message) == []
    raw = mail_of(parent, "1")
    for _ in range(2):
        assert (await hand_in(school, parent, school.address(token), raw)).code == 250
    assert await recorded(school, message) == [(1, True)]
    assert (await write(school, parent, school.address(token).upper(), "２")).code == 250
    assert await recorded(school, message) == [(1, False), (2, True)]


# Slow: a parent registers and is written to, then reports come.
async def test_a_forged_report_of_non_delivery_takes_nobody_off(school: School) -> None:
    parent, _ = await entered(school)
    member = (await school.members(state="active"))[-1]["id"]
    message = await school.send("お知らせ", "明日は遠足です。", members=[member])
    await quiet(school.trial)
    sender = mails(school, parent, MailKind.BROADCAST)[-1].arrived.envelope_from.partition("@")[0]
    report = (
        "From: MAILER-DAEMON@docomo.ne.jp\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n--x\r\n\r\nUnknown.\r\n'
        f"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; docomo.ne.jp\r\n\r\n"
        f"Final-Recipient: rfc822; {parent.address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--x--\r\n"
    ).encode()
    answer = token_of(school, parent, MailKind.BROADCAST)
    for wrong in (
        with_one_letter_changed(sender, 49),
        "b" + answer[1:],
        minted(school, sender, age=timedelta(days=401)),
    ):
        assert (await hand_in(school, parent, school.address(wrong), report)).code == 250
    assert (await school.counts(message))["delivered"] == 1
    assert member in [one["id"] for one in await school.members(state="active")]
    assert (await hand_in(school, parent, school.address(sender), report)).code == 250
    assert (await school.counts(message))["failed"] == 1, "the genuine token makes it a report"


# -- posts ------------------------------------------------------------------------------------------------------------


# Slow: a post goes its whole way several times.
async def test_a_post_goes_out_by_a_fresh_confirmation_and_only_once(school: School) -> None:
    poster, _ = await entered(school)
    member = (await school.members(state="active"))[-1]["id"]
    address = (await school.office.post(school.path("groups/g1/post-address")))["address"]
    await school.office.post(school.path("groups/g1/posters"), {"member": member})

    async def held(subject: str) -> str:
        await school.trial.parents.post(poster, address, subject, "下校が早まります。")
        await quiet(school.trial)
        return token_of(school, poster, MailKind.CONFIRM_POST)

    def arrived(subject: str) -> int:
        return sum(subject in got.mail.subject for got in mails(school, poster, MailKind.BROADCAST))

    late = minted(school, await held("遅い確認"), age=timedelta(hours=26))
    await write(school, poster, school.address(late))
    assert arrived("遅い確認") == 0
    assert notices(school, poster, "期限切れ") == 1

    token = await held("早い確認")
    for wrong in (school.address(with_one_letter_changed(token, 49)), elsewhere(school, token)):
        await write(school, poster, wrong)
    assert arrived("早い確認") == 0
    for words in ("はい", "送ってください"):
        await write(school, poster, school.address(token), words)
    assert arrived("早い確認") == 1
    assert notices(school, poster, "すでに送信しています") == 1
