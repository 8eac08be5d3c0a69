"""Posts by mail: how urgent one is, what its sender is shown of it, and attempts that were refused. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from admin_api.messages.model import OfficeLane
from contracts.events.inbound import Authentication

EXCERPT: Final = 200
"""Characters of a post that its sender is shown before it goes out."""

SECRET_PROBE: Final = "secret-probe"  # noqa: S105 (a reason)
"""Why a post was refused: it came to an address that is not the group's, a try at its secret."""

_URGENT = re.compile(r"\s*[\[【(（〔「『<＜《]?\s*緊急")


@dataclass(frozen=True, slots=True)
class PostAttempt:
    """A mail to a group's secret post address that was refused, or so many `tries` at an address that is not it."""

    id: int
    unit: str
    group: str
    reason: str
    at: datetime
    tries: int = 1
    authentication: Authentication | None = None


def lane_of_post(subject: str) -> OfficeLane:
    """A phone post is urgent when its subject begins so."""
    return "urgent" if _URGENT.match(unicodedata.normalize("NFKC", subject)) else "ordinary"


def excerpt(text: str) -> str:
    """The first lines of a post."""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"
