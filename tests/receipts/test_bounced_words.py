"""Every classification of a report has an outcome in the ledger, and words that administrators understand."""

import re
from importlib import resources

import pytest

from admin_api.results.explanations import explain_copy
from contracts import reasons
from mail.reports.classification import Classification
from receipts import model

MIGRATION = resources.files("receipts") / "migrations" / "versions" / "0005_why_copies_came_back.py"
REASONS = {
    classification: reason.replace("''", "'")
    for classification, reason in re.findall(
        r"WHEN back\.\w+ = '(\w+)' (?:AND [^\n]+ )?THEN '((?:[^']|'')*)'", MIGRATION.read_text(encoding="utf-8")
    )
}


@pytest.mark.parametrize(
    "classification",
    [each for each in Classification if each not in (Classification.DELAYED, Classification.DELIVERED)],
)
def test_a_copy_that_came_back_is_explained(classification: Classification) -> None:
    outcome = model.outcome_of_bounce(classification)
    reason = REASONS.get(classification, "")
    assert reason == "" or reason in reasons.REASONS
    explanation = explain_copy(outcome, reason, domain="midori.example.org")
    assert explanation is not None
    assert explanation.ja
    assert explanation.en


def test_only_a_dead_address_is_said_to_be_dead() -> None:
    assert [each for each in Classification if model.outcome_of_bounce(each) == "dead"] == [Classification.DEAD]
    assert REASONS["dead"] == "no such user"
    assert REASONS["suspended"] == "mailbox suspended"
