"""Chapters four to seven: a phone post, forged ones, a health survey, and the resend to those who have not answered."""

from collections import Counter
from typing import Any

from simulator.incoming import MailKind
from simulator.parents import ActKind
from simulator.people import Parent, Survey
from tools.demo.setting import DemoSetting

WITHIN = 120.0
TRIP = "遠足：学校へ向かっています"
HELD = "確認の返信をしない連絡"
SURVEY = Survey("今朝の健康調査", ("良好", "せきあり", "発熱あり"), (0.7, 0.2, 0.1), per_child=True)


async def phone_post(town: DemoSetting) -> None:
    """A teacher in the bus posts by mail; only the reply to the confirmation sends it."""
    report, parents, office = town.report, town.trial.parents, town.office["higashi"]
    report.chapter("A post from the bus")
    rolled = await office.post("/v1/units/higashi/groups/h2/post-address")
    town.post_address["h2"] = rolled["address"]
    teachers = await town.members("higashi", group="hs")
    for member in teachers:
        await office.post("/v1/units/higashi/groups/h2/posters", {"member": member["id"]})
    teacher, hasty = town.people[0], town.people[1]
    expected = len(town.of_group("h2"))

    await parents.post(teacher, rolled["address"], TRIP, "予定通り17時に学校に着きます。\nお迎えをお願いします。")

    async def confirmed() -> bool:
        return any(TRIP in got.mail.text for got in parents.mails_of(teacher, MailKind.CONFIRM_POST))

    report.check("the teacher is asked to confirm", True, await town.trial.until("confirmation mail", confirmed, 60))
    asked = next(
        (one.mail.text for one in parents.mails_of(teacher, MailKind.CONFIRM_POST) if TRIP in one.mail.text), ""
    )
    report.check("the confirmation says how many will get it", True, f"{expected}" in asked)

    async def delivered() -> bool:
        return len(who_got(town, TRIP)) >= expected

    await town.trial.until("the post at all parents of 2年", delivered, WITHIN)
    report.check("parents of 2年 who got it", expected, len(who_got(town, TRIP)))
    report.check("parents who got it twice", 0, twice(town, TRIP))

    await parents.post(hasty, rolled["address"], HELD, "この連絡は確認されません。")

    async def asked_too() -> bool:
        return bool(parents.mails_of(hasty, MailKind.CONFIRM_POST))

    await town.trial.until("the second confirmation mail", asked_too, 60)
    await parents.idle()
    held = [one for one in await office.all_of("/v1/units/higashi/messages") if one["state"] == "held"]
    report.check("a post that is not confirmed stays held", 1, len(held))
    report.check("parents who got it", 0, len(who_got(town, HELD)))


async def forged_posts(town: DemoSetting) -> None:
    """A guessed secret, the right one in the wrong hands, and the right one with a teacher's address as sender."""
    report, parents = town.report, town.trial.parents
    report.chapter("Forged posts")
    stranger = town.of_group("h1")[5]
    guessed = town.trial.address("higashi", "h2-abcdefghijkl")
    act = await parents.post(stranger, guessed, "偽の連絡", "学校は休みです。")
    report.check("a guessed post address is refused", 550, act.code)
    parents.problems.clear()
    before = len(parents.mails)
    await parents.post(stranger, town.post_address["h2"], "偽の連絡", "学校は休みです。")

    async def seen() -> bool:
        return len(await town.office["higashi"].all_of("/v1/units/higashi/post-attempts")) == 1

    report.check("administrators see that somebody tried", True, await town.trial.until("the attempt", seen, 30))
    await parents.idle()
    report.check("mails that came of it", 0, len(parents.mails) - before)

    victim = town.people[1]  # enrolled, but he replies to no confirmation
    asked = len(parents.mails_of(victim, MailKind.CONFIRM_POST))
    await parents.post(victim, town.post_address["h2"], "偽の連絡", "学校は休みです。")

    async def warned() -> bool:
        return len(parents.mails_of(victim, MailKind.CONFIRM_POST)) > asked

    report.check("whose sender was forged is asked first", True, await town.trial.until("the question", warned, 30))
    await parents.idle()
    report.check("parents who got the forged messages", 0, len(who_got(town, "偽の連絡")))


async def health_survey(town: DemoSetting) -> None:
    """A question about each child; answers in every client's way; the table fills."""
    report, parents, office = town.report, town.trial.parents, town.office["higashi"]
    report.chapter("A health survey, answered by reply")
    parents.surveys.append(SURVEY)
    message = await office.post(
        "/v1/units/higashi/messages",
        {
            "subject": SURVEY.subject,
            "text": "お子さんの今朝の様子をお知らせください。",
            "groups": ["h1", "h2"],
            "asks": "choice",
            "choices": list(SURVEY.choices),
            "about_child": True,
            "lane": "urgent",
            "send": True,
        },
    )
    town.message["survey"] = message["id"]
    await _settled(town, message["id"])
    counts = (await _message(town, message["id"]))["counts"]
    report.check("copies delivered", counts["planned"], counts["delivered"])
    await _answers_are_in(town, "first answers")
    _compare(town, await _latest(town), report.check)


async def resend(town: DemoSetting) -> None:
    """Only those who have not answered are asked again, and then some of them answer."""
    report, parents = town.report, town.trial.parents
    report.chapter("Asking again who has not answered")
    before = len(parents.acts_of(ActKind.ANSWER))
    waiting = [copy for copy in await _copies(town) if not copy["answered"]]
    answer = await town.office["higashi"].post(f"/v1/units/higashi/messages/{town.message['survey']}/resend")
    report.check("copies sent again", answer["copies"], _second_copies_wanted(waiting, await _copies(town)))
    await _settled(town, town.message["survey"])
    await _answers_are_in(town, "answers to the resend")
    report.check("somebody answered only now", True, len(parents.acts_of(ActKind.ANSWER)) > before)
    _compare(town, await _latest(town), report.check)


# -- looking ----------------------------------------------------------------------------------------------------------


def who_got(town: DemoSetting, subject: str) -> list[Parent]:
    """Parents with a broadcast of that subject in the mailbox."""
    found = {
        got.parent.number: got.parent
        for got in town.trial.parents.mails
        if got.kind is MailKind.BROADCAST and subject in got.mail.subject
    }
    return list(found.values())


def twice(town: DemoSetting, subject: str) -> int:
    """Repeated copies (same Message-ID) of a broadcast in one mailbox."""
    return sum(
        got.repeated and subject in got.mail.subject
        for got in town.trial.parents.mails
        if got.kind is MailKind.BROADCAST
    )


async def _message(town: DemoSetting, message: str) -> dict[str, Any]:
    answer: dict[str, Any] = await town.office["higashi"].get(f"/v1/units/higashi/messages/{message}")
    return answer


async def _settled(town: DemoSetting, message: str) -> None:
    async def done() -> bool:
        counts = (await _message(town, message))["counts"]
        finished = counts["delivered"] + counts["failed"]
        return bool(counts["planned"]) and finished == counts["planned"]

    await town.trial.until("all copies settled", done, WITHIN)


async def _copies(town: DemoSetting) -> list[dict[str, Any]]:
    return await town.office["higashi"].all_of(f"/v1/units/higashi/messages/{town.message['survey']}/copies")


async def _latest(town: DemoSetting) -> list[dict[str, Any]]:
    answers = await town.office["higashi"].all_of(f"/v1/units/higashi/messages/{town.message['survey']}/answers")
    return [answer for answer in answers if answer["latest"]]


async def _answers_are_in(town: DemoSetting, what: str) -> None:
    """Everybody who was going to answer has, and the ledger knows."""
    parents = town.trial.parents
    await parents.idle(60)

    async def recorded() -> bool:
        return len(await _latest(town)) >= len(parents.acts_of(ActKind.ANSWER))

    await town.trial.until(what, recorded, 60)


def _compare(town: DemoSetting, latest: list[dict[str, Any]], check: Any) -> None:
    """What parents typed against what the table says."""
    acts = town.trial.parents.acts_of(ActKind.ANSWER)
    styles = {act.parent.style for act in acts}
    said = Counter(SURVEY.choice_for(act.parent, act.child) for act in acts)
    read = Counter(answer["choice"] for answer in latest if answer["choice"])
    check("answers in the table", len(acts), len(latest))
    check("mail programs among them, at least ten", True, len(styles) >= 10)
    for number, label in enumerate(SURVEY.choices, 1):
        check(f"answered {label}", said[number], read[number])
    check("answers that need a look", 0, sum(bool(answer["needs_look"]) for answer in latest))


def _second_copies_wanted(waiting: list[dict[str, Any]], copies: list[dict[str, Any]]) -> int:
    """Copies not answered, without those about a child for whom another guardian has answered."""
    answered = {copy["child"] for copy in copies if copy["answered"] and copy["child"]}
    return sum(copy["child"] not in answered for copy in waiting)
