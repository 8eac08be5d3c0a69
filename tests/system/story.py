"""A small story in which everything that may go wrong does, so that whatever might write an address or a name somewhere
has had its chance: registrations in many shapes, posts, answers full of personal data, dead and bouncing addresses, broken
mail, addresses typed into every wrong field, a database that is away."""

import asyncio
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
import pytest

from mail.addresses import normalise
from renrakumo_cli.local.services import SERVICES
from simulator import mailer
from simulator.behaviour import Behaviour, late_dsn, unknown_users
from simulator.bus_view import OnTheBus
from simulator.client_styles import Style
from simulator.incoming import MailKind
from simulator.people import Child, Habits, Parent, Relation
from simulator.quiet import quiet
from simulator.school import School
from simulator.trial import Trial


def parent(
    number: int, address: str, carrier: str, style: Style, names: tuple[str, ...], *, poster: bool = False
) -> Parent:
    surname, given, surname_latin, given_latin, surname_kana, given_kana = names
    child = Child(number, surname, given, surname_latin, given_latin, surname_kana, given_kana, 1, 1)
    shapes = (
        f"{number} {surname} {given} 母",
        f"{surname}{given}（父） {number}番",
        f"{number}　{surname}　{given}　祖母",
        f"{number} {surname_latin} {given_latin} mother",
        f"{number} {surname_kana} {given_kana} 母",
    )
    habits = Habits(poster=poster)
    return Parent(
        number, address, carrier, (child,), Relation.MOTHER, style, f"{surname} 家", (shapes[number % 5],), habits
    )


# Names that stand in no text of ours and no log of anybody's.
AYA = parent(
    5, "ayanokoji.k77@docomo.ne.jp", "docomo", Style.DOCOMO,
    ("綾小路", "輝之進", "Ayanokoji", "Kinoshin", "アヤノコウジ", "キノシン"), poster=True,
)  # fmt: skip
TESSY = parent(
    6, "tessy..saku@docomo.ne.jp", "docomo", Style.FEATURE_PHONE,
    ("勅使河原", "朔太郎", "Teshigawara", "Sakutaro", "テシガワラ", "サクタロウ"),
)  # fmt: skip
SUMIRE = parent(
    7, ".sumireko-0909@ezweb.ne.jp", "au", Style.AU,
    ("小鳥遊", "菫花子", "Takanashi", "Kinkako", "タカナシ", "キンカコ"),
)  # fmt: skip
TOKAI = parent(
    8, "TOKAIRIN.QZ@SOFTBANK.NE.JP", "softbank", Style.SOFTBANK,
    ("東海林", "壱與彦", "Tokairin", "Iyohiko", "トウカイリン", "イヨヒコ"),
)  # fmt: skip
ISSHIKI = parent(
    9, "isshiki_hari+school@gmail.com", "gmail", Style.THUNDERBIRD,
    ("一色辻", "玻璃丸", "Isshikitsuji", "Harimaru", "イッシキツジ", "ハリマル"),
)  # fmt: skip
IOKIBE = parent(
    10, "iokibe.mio31@gmail.com", "gmail", Style.GMAIL_ANDROID,
    ("五百旗頭", "澪標", "Iokibe", "Miotsukushi", "イオキベ", "ミオツクシ"),
)  # fmt: skip
MITARAI = parent(
    11, "mitarai.fuga404@docomo.ne.jp", "docomo", Style.IPHONE,
    ("御手洗川", "風雅丸", "Mitaraigawa", "Fugamaru", "ミタライガワ", "フウガマル"),
)  # fmt: skip
GRANDMOTHER = parent(
    12, "obaachan.kiku1931@docomo.ne.jp", "docomo", Style.DOCOMO,
    ("毛受勝部", "菊乃井", "Menjokatsube", "Kikunoi", "メンジョウ", "キクノイ"),
)  # fmt: skip

SCHOOL = (AYA, TESSY, SUMIRE, TOKAI, ISSHIKI, IOKIBE)
PEOPLE = (*SCHOOL, MITARAI, GRANDMOTHER)

INVITED = "invitee.zaru88@au.com"
MISTYPED = "warui.adoresu66@@docomo.ne.jp"
AS_LOGIN = "loginmistake.q9q9@gmail.com"
IN_A_PATH = "inthepath.w3w3@gmail.com"
IN_AN_ANSWER = "sofubo.renraku-7x7@gmail.com"
COMPLAINER = "complainer.yy55@gmail.com"
UNKNOWN_LOCAL = "nobody.yoneyama55"
BROKEN_SENDER = "kowareta.mail99@docomo.ne.jp"
SPOOFER = "spoofer.vv11@gmail.com"

SUBJECT = "朝の健康調査"
CHOICES = ("良好", "せきあり")


@dataclass
class Story:
    """What was lived. `mail`: what came in on the bus, where it doesn't stay; `said`: all that was answered over HTTP
    meanwhile, place -> text."""

    trial: Trial
    school: School
    nursery: School
    mail: list[OnTheBus]
    said: dict[str, str] = field(default_factory=dict)


async def live(story: Story) -> None:
    """All of it, until nothing is under way any more."""
    school, nursery = story.school, story.nursery
    await school.register(SCHOOL, "g1")
    await nursery.register([MITARAI], "n1")
    await _posts(story)
    await _survey(story)
    await _mistakes_by_mail(story)
    await _mistakes_at_the_screen(story)
    await _while_the_database_is_away(story)
    await story.trial.parents.leave(TESSY, school.address("leave"))
    await story.trial.parents.ask_news(GRANDMOTHER, school.address("info"))
    await quiet(story.trial)
    await _look_at_everything(story)


async def _posts(story: Story) -> None:
    """A teacher's post names a child; somebody else knows the post address, too."""
    school, parents = story.school, story.trial.parents
    (teacher,) = [one["id"] for one in await school.members() if AYA.children[0].given in (one["name"] or "")]
    address = (await school.office.post(school.path("groups/g1/post-address")))["address"]
    await school.office.post(school.path("groups/g1/posters"), {"member": teacher})
    await parents.post(AYA, address, f"{IOKIBE.children[0].name}さんの件", f"{TOKAI.children[0].name}さんは先に下校。")
    await parents.post(TESSY, address, "偽の連絡", f"{AYA.children[0].name}")
    await _send(story, SPOOFER, address, "偽物です。")
    await quiet(story.trial)
    assert parents.mails_of(TOKAI, MailKind.BROADCAST)


async def _survey(story: Story) -> None:
    """A question about each child; answers with names and addresses; one address is gone, another bounces later."""
    school, trial = story.school, story.trial
    gone = unknown_users([IOKIBE.address])
    trial.carriers["gmail"].behaviour = gone | Behaviour(
        unknown_reply=f"550 5.1.1 <{IOKIBE.address}>: Recipient address rejected: User unknown"
    )
    trial.carriers["softbank"].behaviour = late_dsn(
        "127.0.0.1", trial.stack.port("RENRAKUMO_SMTP_PORT"), addresses=[TOKAI.address]
    )
    message = await school.send(SUBJECT, "様子は？", asks="choice", choices=CHOICES, about_child=True, groups=["g1"])

    async def settled() -> bool:
        counts = await school.counts(message)
        return bool(counts["planned"]) and counts["delivered"] + counts["failed"] == counts["planned"]

    assert await trial.until("the survey is settled", settled)
    for parent_, words in (
        (AYA, f"1\n{AYA.children[0].name} の母です。連絡は {IN_AN_ANSWER} へ"),
        (TESSY, f"せきあり。{TESSY.children[0].surname}{TESSY.children[0].given}"),
        (SUMIRE, f"<{SUMIRE.address}> から書いています。2"),
        (ISSHIKI, f"（{ISSHIKI.children[0].surname_kana} {ISSHIKI.children[0].given_kana}）"),
    ):
        got = next(one for one in trial.parents.mails_of(parent_) if SUBJECT in one.mail.subject)
        assert (await trial.parents.answer(got, words)).code == 250
    await quiet(trial)
    assert len(await school.answers(message)) == 4
    member = (await school.members(state="active"))[0]["id"]
    await school.send("個別のご連絡", f"{AYA.children[0].given}ちゃんが熱発です。", members=[member])
    await school.office.post(school.path(f"messages/{message}/resend"))
    await quiet(trial)


async def _mistakes_by_mail(story: Story) -> None:
    school = story.school
    await _send(story, BROKEN_SENDER, school.address(UNKNOWN_LOCAL), "誰もいません。")
    broken = (
        f"From: =?ISO-2022-JP?B?$$$?= <{BROKEN_SENDER}>\0\r\nFrom: {BROKEN_SENDER}, {BROKEN_SENDER}\r\n"
        "Content-Type: multipart/mixed; boundary=\r\nContent-Transfer-Encoding: base64\r\n\r\n\xff\xfe==="
    ).encode("latin-1")
    token = "r-" + "a" * 48
    for recipient in (
        school.address("g1-entry"),
        school.address(token),
        school.address("leave"),
        school.address("info"),
    ):
        await _send_raw(story, BROKEN_SENDER, recipient, broken)
    for sender in (f'"{BROKEN_SENDER}', f"{BROKEN_SENDER},{AS_LOGIN}", "日本語@docomo.ne.jp"):
        await _send_raw(story, sender, school.address("g1-entry"), broken)
    await _send(story, COMPLAINER, school.address("postmaster"), f"{SUMIRE.address} gets too much mail")
    bounce = "b-" + "a" * 48
    await _send(story, "", school.address(bounce), f"<{TOKAI.address}>: user unknown")
    await quiet(story.trial)


async def _mistakes_at_the_screen(story: Story) -> None:
    """Addresses typed where they belong, and where they don't."""
    school = story.school
    await school.office.post(school.path("members"), {"group": "g1", "address": INVITED, "name": "鬼頭坂 弥栄丸"})
    await quiet(story.trial)
    for path, body in (
        ("members", {"group": "g1", "address": MISTYPED}),
        ("members", {"group": INVITED, "address": INVITED}),
        ("members", [{"address": MISTYPED}]),
        ("messages", {"subject": "x", "text": "y", "members": [AS_LOGIN]}),
        ("groups", {"code": AS_LOGIN, "name": "組"}),
    ):
        with pytest.raises(RuntimeError, match="422"):
            await school.office.post(school.path(path), body)  # type: ignore[arg-type]
    for path in (
        f"members?group={IN_A_PATH}",
        f"messages/{IN_A_PATH}",
        f"{IN_A_PATH}/x",
        f"groups/{IN_A_PATH}/posters",
    ):
        with pytest.raises(RuntimeError, match=r": 4\d\d"):
            await school.office.get(school.path(path), group=IN_A_PATH)
    web, info = (story.trial.stack.host(name) for name in ("RENRAKUMO_WEB_PORT", "RENRAKUMO_INFO_PORT"))
    async with httpx.AsyncClient() as client:
        for body in (
            {"login": AS_LOGIN, "password": AS_LOGIN, "totp": "000000"},
            {"login": AS_LOGIN, "password": [AS_LOGIN], "totp": AS_LOGIN},
        ):
            answer = await client.post(f"http://{web}/v1/session", json=body)
            assert answer.status_code in (401, 422)
            story.said[f"sign in: {answer.status_code}"] = answer.text
        for path in (f"hoshi/?q={IN_A_PATH}", IN_A_PATH, f"u/hoshi/{IN_A_PATH}", "hoshi/", "tsuki/"):
            answer = await client.get(f"http://{info}/{path}")
            story.said[f"info site {answer.status_code} {path.replace(IN_A_PATH, '...')}"] = answer.text
        answer = await client.post(f"http://{info}/u/hoshi/{IN_A_PATH}", data={"List-Unsubscribe": "One-Click"})
        story.said["unsubscribe"] = answer.text


async def _while_the_database_is_away(story: Story) -> None:
    """Mail goes on coming in while every statement fails; then all is caught up with."""
    stack = story.trial.stack
    await stack.halt("postgres", first=signal.SIGQUIT)
    await _send(story, BROKEN_SENDER, story.school.address("g1-entry"), "3 鬼頭坂 弥栄丸 母")
    got = next(one for one in story.trial.parents.mails_of(AYA) if SUBJECT in one.mail.subject)
    answering = asyncio.create_task(story.trial.parents.answer(got, f"2 {IN_AN_ANSWER}"))
    with pytest.raises(RuntimeError, match=r": 50\d"):
        await story.school.members()
    await asyncio.sleep(1)  # let a few attempts fail
    await stack.resume("postgres")
    await answering
    for name in (spec.name for spec in SERVICES):
        await stack.ready(name)
    await quiet(story.trial)


async def _look_at_everything(story: Story) -> None:
    """All that the office and the operator can be shown."""
    for school in (story.school, story.nursery):
        for path in ("members", "groups", "notices", "events", "post-attempts", "audit"):
            await school.office.all_of(school.path(path))
        for group in await school.office.all_of(school.path("groups")):
            await school.office.get(school.path(f"groups/{group['code']}/posters"))
        for message in await school.office.all_of(school.path("messages")):
            await school.office.get(school.path(f"messages/{message['id']}"))
            await school.office.all_of(school.path(f"messages/{message['id']}/copies"))
            await school.answers(message["id"])
    stack = story.trial.stack
    async with httpx.AsyncClient() as client:
        for name in (spec.name for spec in SERVICES):
            for page in ("metrics", "readyz", "healthz"):
                answer = await client.get(f"http://127.0.0.1:{stack.health_port(name)}/{page}")
                story.said[f"{page} of {name}"] = answer.text
        answer = await client.get(f"http://{stack.host('RENRAKUMO_WEB_PORT')}/openapi.json")
        assert answer.status_code == 200
        story.said["OpenAPI"] = answer.text


async def _send(story: Story, sender: str, recipient: str, text: str) -> mailer.ServerReply:
    raw = f"From: <{sender}>\r\nSubject: \r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{text}\r\n".encode()
    return await _send_raw(story, sender, recipient, raw)


async def _send_raw(story: Story, sender: str, recipient: str, raw: bytes) -> mailer.ServerReply:
    port = story.trial.stack.port("RENRAKUMO_SMTP_PORT")
    return (await mailer.send("127.0.0.1", port, sender, [recipient], raw))[recipient]


# -- what was used -----------------------------------------------------------------------------------------------


def _with_local_part(address: str) -> tuple[str, ...]:
    local = address.rpartition("@")[0].strip("@")
    return (address, local)


def addresses() -> list[str]:
    """Every address that was used, also as we write it, and its distinctive part before the sign."""
    typed = [INVITED, MISTYPED, AS_LOGIN, IN_A_PATH, IN_AN_ANSWER, COMPLAINER, BROKEN_SENDER, SPOOFER]
    found = [UNKNOWN_LOCAL, *(part for address in typed for part in _with_local_part(address))]
    for one in PEOPLE:
        found += _with_local_part(one.address) + _with_local_part(normalise(one.address))
    return list(dict.fromkeys(found))


def names(people: Iterable[Parent] = PEOPLE) -> list[str]:
    """Every name in every spelling that was used."""
    found = ["鬼頭坂 弥栄丸", "鬼頭坂", "弥栄丸"]
    for child in (child for one in people for child in one.children):
        found += [child.surname, child.given, child.surname_romaji, child.given_romaji]
        found += [child.surname_kana, child.given_kana]
    return list(dict.fromkeys(found))
