"""Why a copy was not delivered, in words: nothing that the dispatcher can say is left unexplained, in either language."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.results.explanations import KNOWN, explain_copy
from contracts.events import Outcome
from contracts.reasons import GIVEN_UP, REASONS

DOMAIN = "sakura.renraku.example"
OUTCOMES = get_args(Outcome)
UNDELIVERED = [outcome for outcome in OUTCOMES if outcome != "delivered"]


def has_japanese(text: str) -> bool:
    return any("ぁ" <= char <= "ん" for char in text)


def test_every_reason_of_the_vocabulary_has_words_of_its_own() -> None:
    assert KNOWN == REASONS


@pytest.mark.parametrize("outcome", UNDELIVERED)
def test_every_outcome_is_explained_in_both_languages_whatever_the_reason(outcome: str) -> None:
    for reason in (*REASONS, *(f"{GIVEN_UP}{reason}" for reason in REASONS), "", "words of an operator's rule"):
        said = explain_copy(outcome, reason, domain=DOMAIN)
        assert said is not None
        assert has_japanese(said.ja)
        assert said.ja.endswith("。")
        assert said.en.isascii() or "ドメイン指定受信" in said.en or "“" in said.en
        assert said.en[0].isupper()
        assert said.en.endswith(".")
        assert "{" not in said.ja + said.en
        assert "  " not in said.en


def test_what_was_delivered_or_only_planned_needs_no_explanation() -> None:
    for state in ("delivered", "planned"):
        assert explain_copy(state, "", domain=DOMAIN) is None


def test_who_filters_us_is_told_which_domain_to_let_through() -> None:
    said = explain_copy("filtered", "refused by the recipient's filter", domain=DOMAIN)
    assert said is not None
    assert DOMAIN in said.ja
    assert DOMAIN in said.en
    assert said.ja.startswith("受信拒否設定（ドメイン指定受信など）の可能性があります。")


def test_what_is_still_tried_asks_nothing_of_anybody() -> None:
    for reason in REASONS:
        said = explain_copy("deferred", reason, domain=DOMAIN)
        assert said is not None
        assert "ください" not in said.ja


def test_what_is_our_own_fault_is_not_blamed_on_the_parent() -> None:
    for reason in ("sender not authenticated", "on a block list", "refused by policy", "sender refused"):
        said = explain_copy("policy", reason, domain=DOMAIN)
        assert said is not None
        assert "運用会社" in said.ja


@given(outcome=st.one_of(st.text(max_size=20), st.sampled_from(OUTCOMES)), reason=st.text(max_size=60))
def test_what_nobody_foresaw_is_no_error(outcome: str, reason: str) -> None:
    assert (explain_copy(outcome, reason, domain=DOMAIN) is None) == (outcome not in UNDELIVERED)
