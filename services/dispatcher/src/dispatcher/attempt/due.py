"""Which copies of a batch are tried in an attempt, and which only came along. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from contracts.sealed import RecipientCard
from dispatcher.attempt.attempt import BatchAttempt

NEARLY_DUE = timedelta(seconds=5)
"""What is due so soon after what is due now goes along with it."""


def by_due(attempt: BatchAttempt, cards: Sequence[RecipientCard]) -> tuple[list[RecipientCard], list[RecipientCard]]:
    """Those that are tried in this attempt, and those that wait on: unless none need wait, being skipped anyway. Who
    takes the attempt over decides the same, since an attempt is settled once: by the time when it was begun, and by
    what was recorded. Some are always due, even if our clock is behind the one that brought them back."""
    progress, planned = attempt.progress, attempt.batch.first_planned_at
    if not progress.taken_over and attempt.skip_reason() is not None:
        return list(cards), []
    until = max(progress.begun, min((card.due or planned for card in cards), default=planned)) + NEARLY_DUE
    now_due: list[RecipientCard] = []
    later: list[RecipientCard] = []
    for card in cards:
        waits = card.due is not None and card.due > until and card.copy_ref not in progress.outcomes
        (later if waits else now_due).append(card)
    return now_due, later
