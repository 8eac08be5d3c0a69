"""Words that the school gave for a choice count as it."""

import pytest

from tests.receipts.conftest import Harness
from tests.receipts.handlers.test_answers import answer

SYNONYMS = (("元気", "異常なし"), (), ("熱あり",))


@pytest.mark.parametrize(
    ("words", "choice"),
    [("元気です", 1), ("げんきです。よろしくお願いします", 1), ("異常ありません", 1), ("熱があります", 3), ("元気ですが熱があります", None)],
)  # fmt: skip
async def test_a_synonym_is_the_choice(harness: Harness, words: str, choice: int | None) -> None:
    message = await harness.sent(synonyms=SYNONYMS)
    await answer(harness, message, words)
    (row,) = await harness.answers(message)
    assert (row["choice"], row["needs_look"]) == (choice, choice is None)


async def test_without_it_somebody_looks(harness: Harness) -> None:
    message = await harness.sent()
    await answer(harness, message, "元気です")
    (row,) = await harness.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)
