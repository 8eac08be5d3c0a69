"""Chapters one to three: the schools open, everybody registers by mail, odd requests get a friendly answer or none."""

from simulator import mailer
from simulator.client_styles import PreparedMail
from simulator.incoming import MailKind
from simulator.parents import ParentMail
from simulator.people import Parent
from tools.demo.setting import GROUPS, PEOPLE, DemoSetting

WITHIN = 180.0


async def schools_open(town: DemoSetting) -> None:
    """The operator makes two units and their administrators; those make the groups."""
    report, trial = town.report, town.trial
    report.chapter("Two schools open")
    for unit, name, receipts in (("higashi", "ひがし小学校", True), ("nishi", "にし保育園", False)):
        account = await trial.new_school(unit, name, receipts=receipts)
        town.office[unit] = await trial.sign_in(account)
        for code, label in GROUPS[unit].items():
            await town.office[unit].post(f"/v1/units/{unit}/groups", {"code": code, "name": label})
    groups = [
        group["code"]
        for unit, office in town.office.items()
        for group in await office.all_of(f"/v1/units/{unit}/groups")
    ]
    report.check("groups in two schools", 4, len(groups))


async def everybody_registers(town: DemoSetting) -> None:
    """An empty mail (at higashi with the child's name in it), a guide, a reply, a completion."""
    report, parents = town.report, town.trial.parents
    report.chapter("Everybody registers by mail")

    async def complete(count: int) -> bool:
        return sum(_completed(got) for got in parents.mails) >= count

    await parents.all_do(lambda parent: parents.enter(parent, entry(town, *town.group_of(parent))))
    report.say(f"{PEOPLE} entry mails handed in")
    await town.trial.until("completion mails", lambda: complete(PEOPLE), WITHIN)
    report.check("parents with a guide mail", PEOPLE, _with(town, MailKind.CONFIRM_REGISTRATION))
    report.check("parents with a completion mail", PEOPLE, sum(map(_completed, parents.mails)))

    second = [parent for parent in town.of_unit("higashi") if len(parent.children) == 2]
    teachers = town.people[:2]
    await parents.all_do(lambda parent: parents.enter(parent, entry(town, *town.group_of(parent)), child=1), second)
    await parents.all_do(lambda parent: parents.enter(parent, entry(town, "higashi", "hs"), with_name=False), teachers)
    expected = PEOPLE + len(second) + len(teachers)
    await town.trial.until("second children and teachers", lambda: complete(expected), WITHIN)

    members = {unit: await town.members(unit) for unit in town.office}
    report.check("members", PEOPLE, sum(map(len, members.values())))
    report.check(
        "members with two children at higashi",
        len(second),
        sum(len(member["children"]) == 2 for member in members["higashi"]),
    )
    report.check(
        "members shown with a name at nishi (no receipts option)",
        0,
        sum(bool(member["name"] or member["children"]) for member in members["nishi"]),
    )


async def odd_requests(town: DemoSetting) -> None:
    """Asking again, asking for what isn't there, and a robot."""
    report, parents = town.report, town.trial.parents
    report.chapter("Odd requests")
    parent = town.of_unit("nishi")[0]
    await parents.enter(parent, entry(town, "nishi", "n1"))

    async def told() -> bool:
        return any("すでに登録" in got.mail.subject for got in parents.mails_of(parent))

    report.check("who is registered already is told so", True, await town.trial.until("answer", told, 30))
    act = await parents.enter(parent, entry(town, "nishi", "zz9"))
    report.check("an unknown address is refused at once", 550, act.code)
    before = len(parents.mails)
    robot = _robot(town, parent)
    answer = await mailer.send(
        "127.0.0.1", town.trial.stack.port("RENRAKUMO_SMTP_PORT"), robot.envelope_from, [robot.recipient], robot.raw
    )
    report.check("a robot's mail is accepted", 250, answer[robot.recipient].code)
    await parents.idle()
    report.check("and nobody answers it", 0, len(parents.mails) - before)
    parents.problems.clear()  # the 550 above was asked for


def entry(town: DemoSetting, unit: str, group: str) -> str:
    return town.trial.address(unit, f"{group}-entry")


def _completed(got: ParentMail) -> bool:
    return got.kind is MailKind.NOTICE and "登録が完了" in got.mail.subject and not got.repeated


def _with(town: DemoSetting, kind: MailKind) -> int:
    return len({got.parent.number for got in town.trial.parents.mails if got.kind is kind})


def _robot(town: DemoSetting, parent: Parent) -> PreparedMail:
    to = entry(town, "nishi", "n1")
    raw = (
        f"From: {parent.address}\r\nTo: {to}\r\nSubject: Re: hello\r\nMessage-ID: <robot@example>\r\n"
        "Auto-Submitted: auto-replied\r\n\r\nI am away.\r\n"
    )
    return PreparedMail(parent.address, to, raw.encode("utf-8", "surrogateescape"))
