"""The last chapters: addresses that die, the latest news, leaving, and a look for addresses where none may be."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx

from simulator.behaviour import canonical, late_dsn, unknown_users
from simulator.client_styles import Style
from simulator.incoming import MailKind
from simulator.people import Child, Parent, Relation
from tools.demo.broadcasts import who_got
from tools.demo.setting import DemoSetting

WITHIN = 120.0
CLOSED = "明日は休校です"
DEADLETTER_RETRIES = "休校は明日までです"
UNKNOWN_SHARE = 0.03


async def dead_addresses(town: DemoSetting) -> None:
    """Some of Gmail's users are gone (refused at once), some of SoftBank's too (reported later); all are taken out."""
    report, office = town.report, town.office["higashi"]
    report.chapter("Addresses that are no more")
    at = {name: [p for p in town.of_unit("higashi") if p.carrier == name] for name in ("gmail", "softbank")}
    gone = at["gmail"][-max(1, round(len(at["gmail"]) * UNKNOWN_SHARE)) :]
    later = at["softbank"][-2:]
    stack, carriers = town.trial.stack, town.trial.carriers
    carriers["gmail"].behaviour = unknown_users(parent.address for parent in gone)
    carriers["softbank"].behaviour |= late_dsn(
        "127.0.0.1", stack.port("RENRAKUMO_SMTP_PORT"), delay=1, addresses=[parent.address for parent in later]
    )
    dead = {parent.number for parent in (*gone, *later)}
    await _send(town, CLOSED)

    async def taken_out() -> bool:
        return len(await town.members("higashi", state="undeliverable")) >= len(dead)

    await town.trial.until("undeliverable addresses taken out", taken_out, WITHIN)
    found = await town.members("higashi", state="undeliverable")
    report.check("members now undeliverable", len(dead), len(found))
    report.check("each with a reason in words", len(dead), sum(bool(member["reason"]) for member in found))
    everybody = town.of_unit("higashi")
    report.check("all others got the message", len(everybody) - len(dead), len(who_got(town, CLOSED)))

    before = {name: len(carriers[name].attempts) for name in carriers}
    message = await _send(town, DEADLETTER_RETRIES)
    counts = (await office.get(f"/v1/units/higashi/messages/{message}"))["counts"]
    report.check("copies of the next message", len(everybody) - len(dead), counts["planned"])
    tried = {canonical(attempt.recipient) for name in carriers for attempt in carriers[name].attempts[before[name] :]}
    report.check("dead addresses tried again", 0, sum(canonical(p.address) in tried for p in (*gone, *later)))


async def _send(town: DemoSetting, subject: str) -> str:
    """A message to all of higashi; returns when every copy is settled."""
    office = town.office["higashi"]
    made = await office.post("/v1/units/higashi/messages", {"subject": subject, "text": "大雪のため。", "send": True})

    async def settled() -> bool:
        counts = (await office.get(f"/v1/units/higashi/messages/{made['id']}"))["counts"]
        return bool(counts["planned"]) and counts["delivered"] + counts["failed"] == counts["planned"]

    await town.trial.until(f"“{subject}” settled", settled, WITHIN)
    return str(made["id"])


async def latest_news(town: DemoSetting) -> None:
    """A grandmother who is registered nowhere asks by an empty mail."""
    report, office, parents = town.report, town.office["higashi"], town.trial.parents
    report.chapter("The latest news, for anybody")
    notice = "プール開きは来週です"
    sports = "運動会"
    today = datetime.now(UTC) + timedelta(hours=9)
    await office.post("/v1/units/higashi/notices", {"title": notice, "body": "水着に名前を書いてください。"})
    await office.post("/v1/units/higashi/events", {"title": sports, "starts_on": today.date().isoformat()})
    grandmother = Parent(9001, "grandma@docomo.ne.jp", "docomo", (_CHILD,), Relation.GRANDMOTHER, Style.DOCOMO)
    parents.join(grandmother)
    info = f"http://{town.trial.stack.host('RENRAKUMO_INFO_PORT')}/higashi/"

    async def shown() -> bool:
        async with httpx.AsyncClient() as client:
            page = (await client.get(info)).text
        return notice in page and sports in page

    report.check("the board shows them", True, await town.trial.until("the public page", shown, 30))
    await asyncio.sleep(1.5)  # info-site and responder look for changed boards each second, each for itself
    await parents.ask_news(grandmother, town.trial.address("higashi", "info"))

    async def answered() -> bool:
        return bool(parents.mails_of(grandmother))

    await town.trial.until("the latest news by mail", answered, 60)
    text = "".join(got.mail.text for got in parents.mails_of(grandmother))
    report.check("her answer holds the notice and today's event", (True, True), (notice in text, sports in text))


async def leaving(town: DemoSetting) -> None:
    """One parent leaves by mail, one by a single click in the mail program."""
    report, parents = town.report, town.trial.parents
    report.chapter("Leaving")
    by_mail, by_click = town.of_unit("nishi")[1:3]
    office = town.office["nishi"]
    await office.post("/v1/units/nishi/messages", {"subject": "お知らせ", "text": "明日は遠足です。", "send": True})

    async def arrived() -> bool:
        return bool(parents.mails_of(by_click, MailKind.BROADCAST))

    await town.trial.until("a mail with an unsubscribe link", arrived, 60)
    links = parents.mails_of(by_click, MailKind.BROADCAST)[-1].mail.list_unsubscribe
    url = next(part.strip(" <>") for part in links.split(",") if "http" in part)
    async with httpx.AsyncClient() as client:
        seen = await client.get(url)
        report.check("following the link changes nothing", (200, 0), (seen.status_code, await _left(town)))
        clicked = await client.post(url, data={"List-Unsubscribe": "One-Click"})
    report.check("one click is accepted", 200, clicked.status_code)
    await parents.leave(by_mail, town.trial.address("nishi", "leave"))

    async def both_left() -> bool:
        return await _left(town) >= 2

    await town.trial.until("both have left", both_left, 60)
    report.check("members who left", 2, await _left(town))
    await parents.idle()
    report.check("things that parents could not do", 0, len(parents.problems))
    for problem in parents.problems[:5]:
        report.say(problem)


async def _left(town: DemoSetting) -> int:
    return len(await town.members("nishi", state="left"))


def nobody_sees_an_address(town: DemoSetting) -> None:
    """No log and no REST answer holds any address that was used."""
    town.report.chapter("Nobody sees an address")
    needles = {parent.address.lower() for parent in town.people}
    stack = town.trial.stack
    logs = "\n".join(path.read_text(errors="replace") for path in stack.log_paths().values() if path.exists()).lower()
    said = "\n".join(text for office in town.office.values() for text in office.said).lower()
    town.report.check("addresses in the logs of all services", 0, sum(needle in logs for needle in needles))
    town.report.check("addresses in all answers of the office", 0, sum(needle in said for needle in needles))


_CHILD = Child(1, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 1, 1)
