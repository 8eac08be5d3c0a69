"""Words that the school gave for a choice count as it."""

import pytest

from tests.receipts.conftest import House
from tests.receipts.handlers.test_answers import answer

SYNONYMS = (("元気", "異常なし"), (), ("熱あり",))


@pytest.mark.parametrize(
    ("words", "choice"),
    [("元気です", 1), ("げんきです。よろしくお願いします", 1), ("異常ありません", 1), ("熱があります", 3), ("元気ですが熱があります", None)],
)  # fmt: skip
async def test_a_synonym_is_the_choice(house: House, words: str, choice: int | None) -> None:
    message = await house.sent(synonyms=SYNONYMS)
    await answer(house, message, words)
    (row,) = await house.answers(message)
    assert (row["choice"], row["needs_look"]) == (choice, choice is None)


async def test_without_it_somebody_looks(house: House) -> None:
    message = await house.sent()
    await answer(house, message, "元気です")
    (row,) = await house.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)
