"""Decision mail: no robot is answered, and no person's answer is thrown away."""

from __future__ import annotations

import pytest

from mail.automatic.decision import Decision, decide
from mail.mime.reading import read
from tests.mail.automatic.samples import MACHINES, MAYBE, ME, PEOPLE, WRITABLE, Sample
from tests.support.steps import count_calls

BASE = "renraku.example"


def name(sample: Sample) -> str:
    return sample[0]


def decided(sample: Sample) -> Decision:
    _, envelope, fields, text = sample
    own = () if any(field.lower().startswith("from:") for field in fields) else (f"From: <{envelope or ME}>",)
    raw = "\r\n".join((*own, *fields, "MIME-Version: 1.0", "", *text.splitlines())).encode()
    return decide(read(raw), envelope, BASE)


@pytest.mark.parametrize("sample", MACHINES, ids=name)
def test_what_surely_comes_from_a_machine_is_neither_answered_nor_counted(sample: Sample) -> None:
    found = decided(sample)
    assert (found.reply_allowed, found.count_answer, found.needs_look) == (False, False, False)
    assert found.why


@pytest.mark.parametrize("sample", MAYBE, ids=name)
def test_words_alone_are_shown_to_a_human(sample: Sample) -> None:
    found = decided(sample)
    assert (found.reply_allowed, found.count_answer, found.needs_look) == (False, True, True)
    assert found.why


@pytest.mark.parametrize("sample", PEOPLE, ids=name)
def test_what_a_person_may_have_is_not_answered_but_counts(sample: Sample) -> None:
    found = decided(sample)
    assert (found.reply_allowed, found.count_answer, found.needs_look) == (False, True, False)


@pytest.mark.parametrize("sample", WRITABLE, ids=name)
def test_people_are_people(sample: Sample) -> None:
    assert decided(sample) == Decision(reply_allowed=True, count_answer=True, why="")


def test_there_are_enough_samples_to_say_so() -> None:
    assert len(MACHINES) + len(MAYBE) >= 60
    assert len(PEOPLE) + len(WRITABLE) >= 40


def test_what_a_post_says_to_its_group_makes_nobody_a_machine() -> None:
    raw = f"From: <{ME}>\r\nSubject: 年末年始休業のお知らせ\r\n\r\n不在の場合は担当者より折り返しご連絡します。\r\n".encode()
    assert decide(read(raw), ME, BASE).needs_look
    assert decide(read(raw), ME, BASE, by_phrases=False) == Decision(reply_allowed=True, count_answer=True, why="")
    marked = b"Auto-Submitted: auto-replied\r\n" + raw
    assert not decide(read(marked), ME, BASE, by_phrases=False).reply_allowed


@pytest.mark.parametrize(
    ("word", "times"),
    [("不在", 2000), ("a ", 2000), ("this is an ", 500), ("-", 4000), ("\n", 4000), ("(((", 1300)],
)
def test_hostile_words_take_no_longer_than_others(word: str, times: int) -> None:
    def decided_on(text: str) -> Decision:
        raw = f"From: <{ME}>\r\nSubject: {text[:900].strip()}\r\n\r\n{text}".encode()
        return decide(read(raw), ME, BASE)

    assert decided_on(word * times) == Decision(reply_allowed=True, count_answer=True, why="")
    assert count_calls(decided_on, word * times) <= 2.1 * count_calls(decided_on, word * (times // 2))
