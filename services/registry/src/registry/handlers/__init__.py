"""What registry does: plain functions, one transaction each, that take a Context and an event or a question."""

from registry.context import Context, Lives, Units
from registry.handlers import broadcast, housekeeping, leaving, outcomes, posts, questions, registration

__all__ = [
    "Context",
    "Lives",
    "Units",
    "broadcast",
    "housekeeping",
    "leaving",
    "outcomes",
    "posts",
    "questions",
    "registration",
]
