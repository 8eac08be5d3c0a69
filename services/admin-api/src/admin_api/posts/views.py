"""Answers about posts by mail."""

from typing import Annotated

from pydantic import Field

from admin_api.posts.explanations import explain_post_attempt
from admin_api.posts.model import PostAttempt
from admin_api.web.types import AuthenticationView, ExplanationView, Number, Timestamp, View


class PostAttemptView(View):
    """A mail to a group's secret post address that was refused, or with the reason `secret-probe` so many `tries` at an
    address that isn't it. `explanation` says the reason in words. Who wrote is not kept; `authentication` is what his
    mail showed of its origin, where that was looked at."""

    id: Number
    group: str
    reason: Annotated[str, Field(examples=["not_enrolled"])]
    at: Timestamp
    tries: int
    explanation: ExplanationView | None
    authentication: AuthenticationView | None

    @classmethod
    def of(cls, attempt: PostAttempt) -> "PostAttemptView":
        """An attempt, with its reason in words."""
        return cls(
            id=attempt.id,
            group=attempt.group,
            reason=attempt.reason,
            at=attempt.at,
            tries=attempt.tries,
            explanation=ExplanationView.of(explain_post_attempt(attempt.reason)),
            authentication=AuthenticationView.of(attempt.authentication),
        )
