"""What registry does: plain functions, one transaction each, that take a Context and an event, command or question."""

from registry.context import Context, Lifetimes, Units
from registry.handlers import (
    broadcast,
    commands,
    housekeeping,
    leaving,
    outcomes,
    posters,
    posts,
    questions,
    registration,
)

__all__ = [
    "Context",
    "Lifetimes",
    "Units",
    "broadcast",
    "commands",
    "housekeeping",
    "leaving",
    "outcomes",
    "posters",
    "posts",
    "questions",
    "registration",
]
