"""The rules of the ledger, pure: how old a token may be, what an answer counts as, what a bounce makes of a copy."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from contracts.events import ConfirmationKind, Outcome
from mail.reply.answers import Choice
from mail.reports.classification import Classification
from mail.tokens import Token, TokenKind, expired

Asks = Literal["none", "receipt", "choice", "text"]

CONFIRMATIONS: Final[dict[TokenKind, ConfirmationKind]] = {
    TokenKind.REGISTRATION: "registration",
    TokenKind.LEAVE: "leave",
    TokenKind.POST: "post",
    TokenKind.UNSUBSCRIBE: "unsubscribe",
}
"""Kinds of token whose reply confirms something."""

_OUTCOMES: Final[dict[str, Outcome]] = {
    Classification.DEAD: "dead",
    Classification.FULL: "full",
    Classification.FILTERED: "filtered",
    Classification.SUSPENDED: "filtered",  # as during SMTP (deploy/carriers.yaml); the reason tells them apart
    Classification.POLICY: "policy",
    Classification.DEFERRED: "expired",  # a passing trouble that outlasted the carrier's own attempts
}


MAX_ANSWER = 20_000
"""Characters of an answer that are kept; nobody writes more to a school in a reply."""


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """How long a token is good for after it was issued."""

    registration: timedelta
    post: timedelta
    answer: timedelta

    def of(self, kind: TokenKind) -> timedelta:
        """How long a token of this kind is good for."""
        if kind in (TokenKind.REGISTRATION, TokenKind.LEAVE):
            return self.registration
        return self.post if kind is TokenKind.POST else self.answer


def is_expired(token: Token, lifetimes: TokenLifetimes, now: datetime) -> bool:
    """Is a token too old to count for what it was issued for?"""
    return expired(token, now, lifetimes.of(token.kind))


def issued_at(token: Token) -> datetime:
    """The start of the hour in which a token was issued."""
    return datetime.fromtimestamp(token.issued_hour * 3600, UTC)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the office says of a message that went out: enough to read an answer to it.

    `text` and `subject` are those that were sent, placeholders still in them. `synonyms`: for each choice, or none."""

    asks: Asks
    choices: tuple[str, ...]
    subject: str
    text: str
    synonyms: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as the ledger keeps it: the 1-based choice, or a wish that somebody looks, and why."""

    choice: int | None
    needs_look: bool
    why: str


def reading_of(asks: Asks, written: str, choice: Choice | None, doubt: str = "") -> Reading:
    """What an answer counts as. `written` are the person's own words, `doubt` a mark that a machine may have written
    them after all: then nothing is read out of them unseen.

    To a message that only wants to know whether it was read, an empty reply is an answer like any other."""
    if doubt:
        return Reading(None, True, doubt)
    if asks in ("none", "receipt"):
        return Reading(None, False, "")
    if not written.strip():
        return Reading(None, True, "empty")
    if asks != "choice" or choice is None:
        return Reading(None, False, "")
    return Reading(choice.number, choice.needs_look, choice.why)


def outcome_of_bounce(classification: str) -> Outcome:
    """The state of a copy that came back for such a reason."""
    return _OUTCOMES.get(classification, "failed")
