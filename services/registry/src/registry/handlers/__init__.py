"""What registry does: plain functions, one transaction each, that take a Context and an event or a question."""

from registry.handlers import broadcast, housekeeping, leaving, outcomes, posts, questions, registration
from registry.handlers.context import Context, Lives, Units

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
