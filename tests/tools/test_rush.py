"""The rush's own counting: what it writes is what it expects to be read, and what it calls good."""

from collections import Counter

from mail.mime.reading import read
from mail.reply import answers
from tools.rush import mails
from tools.rush.run import RushResult, Size

PEOPLE = [(f"r-{turn}@minami.example", f"p{turn}@docomo.ne.jp") for turn in range(300)]


def test_every_reply_of_the_rush_is_read_as_the_choice_that_it_was_written_for() -> None:
    written, tally = mails.replies(7, PEOPLE)
    choices: Counter[int | None] = Counter()
    for each in written:
        mail = read(each["data"].encode())
        choices[answers.recognise(answers.answer_text(mail, mails.TEXT), mails.CHOICES).number] += 1
    assert [choices[number] for number in (1, 2, 3)] == tally
    assert sum(tally) == len(PEOPLE)


def test_no_two_askers_share_an_address() -> None:
    assert len({each["from"] for each in mails.questions(50, "info@minami.example")}) == 50


def outcome(**changed: int) -> RushResult:
    """A small rush in which all went well, but for what is changed."""
    came = {"news": 5, "guide": 2, "completion": 2}
    town = {"accepted": {"reply": 10, "info": 5, "entry": 2}, "refused": {}, "twice": {}, "came": came}
    size = Size(replies=10, questions=5, entries=2)
    made = RushResult(size, town=town, answers=10, joined=2)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_a_rush_is_good_only_when_nothing_was_lost_or_came_twice_or_was_read_wrong() -> None:
    assert outcome().good
    assert outcome(answers=9).lost == 1
    for changed in ({"answers": 9}, {"answers": 11}, {"joined": 1}, {"answers_wrong": 1}, {"dead": 1}):
        assert not outcome(**changed).good, changed
    twice = outcome(kills=1)
    twice.town["twice"] = {"news": 1}
    assert not twice.good
    twice.in_flight = 1
    assert twice.good
