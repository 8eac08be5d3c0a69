"""From the administrator's synonym to the tally: a parent answers in the school's own words, and is counted."""

import pytest

from simulator.client_styles import Style
from simulator.incoming import MailKind
from simulator.people import Child, Parent, Relation
from simulator.quiet import quiet
from simulator.school import open_school
from simulator.trial import Trial

pytestmark = pytest.mark.system

CHILD = Child(15, "山田", "太郎", "Yamada", "Taro", "ヤマダ", "タロウ", 3, 2)
ANSWERS = {"元気です": 1, "異常ありません": 1, "３": 3, "元気ですが、熱があります": None}
PEOPLE = [
    Parent(number, f"s{number:03}@docomo.ne.jp", "docomo", (CHILD,), Relation.MOTHER, Style.IPHONE)
    for number in range(1, len(ANSWERS) + 1)
]


# Slow: a whole trial is started for it.
async def test_a_parent_answers_in_the_schools_words_and_is_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with await Trial.build(tmp_path_factory.mktemp("synonyms"), people=PEOPLE, say=print) as trial:
        school = await open_school(trial, "minami", "みなみ小学校", receipts=False, groups={"g1": "1年"})
        await school.register(PEOPLE, "g1", with_name=False)
        message = await school.send(
            "健康調査",
            "様子は？",
            asks="choice",
            choices=["良好", "せきあり", "発熱あり"],
            synonyms=[["元気", "異常なし"], [], ["熱あり"]],
        )
        await quiet(trial)
        for parent, words in zip(PEOPLE, ANSWERS, strict=True):
            got = trial.parents.mails_of(parent, MailKind.BROADCAST)[-1]
            assert (await trial.parents.answer(got, words)).code == 250
        await quiet(trial)
        shown = await school.office.get(school.path(f"messages/{message}"))
        assert {tally["choice"]: tally["count"] for tally in shown["tallies"]} == {1: 2, 2: 0, 3: 1, None: 1}
        assert [tally["needs_look"] for tally in shown["tallies"] if tally["choice"] is None] == [1]
