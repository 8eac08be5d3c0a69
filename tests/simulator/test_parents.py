"""A crowd behaves as its habits say, shown by a small school that talks to it over real SMTP."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

import pytest

from simulator.behaviour import canonical, greylisting
from simulator.carriers import CarrierSimulator
from simulator.client_styles import Style
from simulator.crowd import DOMAINS, NAME_SHAPES, RELATION_ENGLISH
from simulator.incoming import MailKind, read
from simulator.mailer import send
from simulator.parents import (
    Act,
    ActKind,
    AnswerForm,
    Child,
    Habits,
    Parent,
    Parents,
    Relation,
    Survey,
    make_crowd,
)

REGISTRATION, LEAVE, POST, ANSWER = 1, 2, 3, 4
HEALTH = Survey("健康調査", ("良好", "せきあり", "発熱あり"), seed="t")
TARO = Child(15, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 3, 2)
HANAKO = replace(TARO, given="花子", class_number=7)


@dataclass
class School:
    """Takes mail for one domain, sends mails that carry reply tokens."""

    inbox: CarrierSimulator
    carrier: CarrierSimulator
    numbers: count[int] = field(default_factory=lambda: count(1))

    async def write(self, parent: Parent, kind: int, subject: str, text: str = "本文", message_id: str = "") -> None:
        number = next(self.numbers)
        token = base64.b32encode(bytes([0x10 | kind]) + number.to_bytes(29)).decode().lower()
        domain = "yamada.school.example"
        raw = (
            f"From: 学校 <info@{domain}>\r\nTo: <{parent.address}>\r\nSubject: {subject}\r\n"
            f"Reply-To: <r-{token}@{domain}>\r\nMessage-ID: <{message_id or token}@{domain}>\r\n"
            f"Date: Wed, 08 Apr 2026 09:00:00 +0900\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        )
        sender = f"b-{token}@{domain}"
        replies = await send("127.0.0.1", self.carrier.port, sender, [parent.address], raw.encode())
        assert replies[parent.address].code == 250


@pytest.fixture
async def school() -> AsyncIterator[School]:
    async with CarrierSimulator("school") as inbox, CarrierSimulator("docomo") as carrier:
        yield School(inbox, carrier)


def parent(number: int = 1, **habits: object) -> Parent:
    return Parent(
        number=number,
        address=f"P{number}..taro@docomo.ne.jp",
        carrier="docomo",
        children=(TARO, HANAKO),
        relation=Relation.MOTHER,
        style=Style.DOCOMO,
        name_lines=("15 山田 太郎 母", "7 山田 花子 母"),
        habits=Habits(**habits),  # type: ignore[arg-type]
    )


def crowd_of(school: School, *people: Parent, surveys: tuple[Survey, ...] = (HEALTH,)) -> Parents:
    parents = Parents(people, "127.0.0.1", school.inbox.port, surveys=surveys)
    parents.listen([school.carrier])
    return parents


def received(school: School) -> list[tuple[str, str]]:
    """(recipient, text) of everything the school got."""
    return [(mail.recipient, read(mail.raw).text.strip()) for mail in school.inbox.received]


async def test_a_parent_enters_with_a_name_and_confirms_the_guide(school: School) -> None:
    mother = parent(confirmation_text="はい")
    parents = crowd_of(school, mother)
    await parents.enter(mother, "xx1-entry@yamada.school.example")
    await school.write(mother, REGISTRATION, "登録のご案内")
    await parents.idle()
    entry, confirmation = school.inbox.received
    assert entry.envelope_from == "P1..taro@docomo.ne.jp"
    assert read(entry.raw).text.strip() == "15 山田 太郎 母"
    assert confirmation.recipient.startswith("r-")
    assert read(confirmation.raw).text.strip() == "はい"
    assert b"In-Reply-To: <" in confirmation.raw
    assert [act.kind for act in parents.acts] == [ActKind.ENTER, ActKind.CONFIRM]
    assert not parents.problems


async def test_an_entry_without_a_name_is_an_empty_mail(school: School) -> None:
    mother = parent()
    await crowd_of(school, mother).enter(mother, "xx1-ent@yamada.school.example", with_name=False)
    assert received(school) == [("xx1-ent@yamada.school.example", "")]


async def test_a_parent_who_does_not_confirm_does_not(school: School) -> None:
    mother = parent(confirms=False)
    parents = crowd_of(school, mother)
    await school.write(mother, REGISTRATION, "登録のご案内")
    await parents.wait_until(lambda: parents.count(MailKind.CONFIRM_REGISTRATION) == 1)
    await parents.idle()
    assert received(school) == []


async def test_a_survey_is_answered_as_planned(school: School) -> None:
    people = [parent(number, answer_form=AnswerForm.WORD) for number in range(1, 6)]
    parents = crowd_of(school, *people)
    for one in people:
        await school.write(one, ANSWER, "【学校】健康調査")
    await parents.idle()
    expected = Counter(HEALTH.choices[HEALTH.choice_for(one) - 1] for one in people)
    assert Counter(text for _, text in received(school)) == expected
    assert {act.survey for act in parents.acts} == {HEALTH}


async def test_a_question_about_a_child_is_answered_for_the_child_named(school: School) -> None:
    survey = replace(HEALTH, per_child=True)
    mother = parent(answer_form=AnswerForm.FULL_WIDTH)
    parents = crowd_of(school, mother, surveys=(survey,))
    await school.write(mother, ANSWER, "健康調査", "山田 太郎 さんの体調")
    await school.write(mother, ANSWER, "健康調査", "山田花子さんの体調")
    await parents.idle()
    assert [act.child for act in parents.acts_of(ActKind.ANSWER)] == [TARO, HANAKO]
    assert [act.words for act in parents.acts] == [survey.words_of(mother, TARO), survey.words_of(mother, HANAKO)]


async def test_a_late_parent_answers_the_second_copy_only(school: School) -> None:
    late = parent(answers_on_copy=2)
    parents = crowd_of(school, late)
    await school.write(late, ANSWER, "健康調査")
    await parents.wait_until(lambda: parents.count(MailKind.BROADCAST) == 1)
    await parents.idle()
    assert received(school) == []
    await school.write(late, ANSWER, "健康調査")
    await parents.idle()
    assert len(received(school)) == 1


async def test_a_mail_that_comes_twice_is_answered_once(school: School) -> None:
    mother = parent()
    parents = crowd_of(school, mother)
    await school.write(mother, ANSWER, "健康調査", message_id="same")
    await school.write(mother, ANSWER, "健康調査", message_id="same")
    await parents.idle()
    assert len(received(school)) == 1
    assert [got.repeated for got in parents.mails_of(mother)] == [False, True]


@pytest.mark.parametrize("to_reply_to", [False, True])
async def test_an_absence_robot_answers_a_broadcast_but_not_the_question(school: School, to_reply_to: bool) -> None:
    absent = parent(vacation=True, vacation_to_reply_to=to_reply_to)
    parents = crowd_of(school, absent)
    await school.write(absent, ANSWER, "健康調査")
    await parents.idle()
    [mail] = school.inbox.received
    assert mail.envelope_from == ""
    assert mail.recipient.startswith("r-" if to_reply_to else "b-")
    assert read(mail.raw).automatic


async def test_a_silent_parent_confirms_and_answers_nothing_else(school: School) -> None:
    silent = parent(silent=True)
    parents = crowd_of(school, silent)
    await school.write(silent, REGISTRATION, "登録のご案内")
    await school.write(silent, ANSWER, "健康調査")
    await parents.wait_until(lambda: parents.count(MailKind.BROADCAST) == 1)
    await parents.idle()
    assert [act.kind for act in parents.acts] == [ActKind.CONFIRM]


@pytest.mark.parametrize("poster", [True, False])
async def test_only_a_poster_confirms_a_post(school: School, poster: bool) -> None:
    teacher = parent(poster=poster)
    parents = crowd_of(school, teacher)
    await parents.post(teacher, "xx1-secret@yamada.school.example", "下校", "本日は正午に下校します。")
    await school.write(teacher, POST, "送信の確認")
    await parents.wait_until(lambda: parents.count(MailKind.CONFIRM_POST) == 1)
    await parents.idle()
    assert len(parents.acts_of(ActKind.CONFIRM)) == int(poster)


async def test_leaving_asking_the_news_and_any_answer_by_hand(school: School) -> None:
    mother = parent()
    parents = crowd_of(school, mother)
    await parents.leave(mother, "leave@yamada.school.example")
    await parents.ask_news(mother, "info@yamada.school.example")
    await school.write(mother, LEAVE, "解除の確認")
    await parents.idle()
    await parents.answer(parents.mails[0], "やはりやめます")
    kinds = [act.kind for act in parents.acts]
    assert kinds == [ActKind.LEAVE, ActKind.ASK_NEWS, ActKind.CONFIRM, ActKind.ANSWER]


async def test_a_temporary_refusal_is_tried_again_as_a_provider_does(school: School) -> None:
    school.inbox.behaviour = greylisting(0.0)
    mother = parent()
    act = await crowd_of(school, mother).enter(mother, "xx1-entry@yamada.school.example")
    assert act.code == 250
    assert [one.code for one in school.inbox.attempts] == [450, 250]


async def test_a_permanent_refusal_is_told(school: School) -> None:
    school.inbox.domains = frozenset(["elsewhere.example"])
    mother = parent()
    parents = crowd_of(school, mother)
    act = await parents.enter(mother, "xx1-entry@yamada.school.example")
    assert (act.code, len(parents.problems)) == (550, 1)


async def test_two_hundred_parents_enter_at_once(school: School) -> None:
    people = make_crowd(n=200)
    parents = crowd_of(school, *people)

    async def enter(one: Parent) -> Act:
        return await parents.enter(one, "xx1-entry@yamada.school.example")

    acts = await parents.all_do(enter)
    assert {act.code for act in acts} == {250}
    assert len({mail.envelope_from for mail in school.inbox.received}) == 200


def test_the_same_seed_gives_the_same_crowd() -> None:
    assert make_crowd(5) == make_crowd(5)
    assert make_crowd(5) != make_crowd(6)


def test_a_crowd_holds_every_kind_of_parent() -> None:
    people = make_crowd()
    addresses = [one.address for one in people]
    assert len(people) == len({canonical(address) for address in addresses}) == 200
    assert {one.carrier for one in people} == set(DOMAINS)
    assert {one.style for one in people} == set(Style)
    assert {one.habits.answer_form for one in people} == set(AnswerForm)
    assert any(".." in address for address in addresses)
    assert any(".@" in address for address in addresses)
    assert any(address.startswith(".") for address in addresses)
    assert any(address.isupper() for address in addresses)
    assert 15 <= sum(len(one.children) == 2 for one in people) <= 45
    pairs = [one for before, one in pairwise(people) if before.children == one.children]
    assert 4 <= len(pairs) <= 25
    assert sum(one.habits.silent for one in people) > 0
    assert sum(one.habits.vacation for one in people) > 0
    assert sum(one.habits.answers_on_copy == 2 for one in people) > 10
    assert [one.number for one in people if one.habits.poster] == [1, 2]
    styles_of_answers = {(one.style, one.habits.answer_form) for one in people}
    assert len(styles_of_answers) > 40


def test_names_come_in_the_shapes_of_the_school_form() -> None:
    lines = {shape: write(TARO, Relation.MOTHER) for shape, write in NAME_SHAPES.items()}
    assert lines["plain"] == "15 山田 太郎 母"
    assert lines["reversed"] == "母 山田太郎 15"
    assert lines["full-width"] == "１５　山田　太郎　母"
    assert lines["grade-and-room"] == "3年2組15番 山田太郎 母"
    assert lines["latin"] == "15 Yamada Taro mother"
    assert lines["child-only"] == "山田 太郎"
    assert set(RELATION_ENGLISH) == set(Relation)
    assert all(len(one.name_lines) == len(one.children) for one in make_crowd())


def test_a_plan_spreads_over_the_choices_by_their_shares() -> None:
    survey = replace(HEALTH, shares=(8, 1, 1))
    chosen = Counter(survey.choice_for(one) for one in make_crowd(n=500))
    assert 350 <= chosen[1] <= 450
    assert set(chosen) == {1, 2, 3}
