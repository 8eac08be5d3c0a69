"""How a simulated carrier behaves, as data.

A `Behaviour` is frozen and says what happens at each step of the SMTP talk; `a | b` puts two together (what b
changes from the default wins). Everything that looks like chance is a hash of the seed and the address, so a test
can ask beforehand what will happen to whom, and a second run does the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any


class Keep(StrEnum):
    """What a carrier remembers of the mails it accepted; benchmarks keep nothing."""

    ALL = "all"
    ENVELOPE = "envelope"
    NOTHING = "nothing"


class GreylistBy(StrEnum):
    """What counts as the same attempt: with VERP senders every copy is a new pair, so real hosts use either."""

    PAIR = "pair"
    RECIPIENT = "recipient"


class ResetMoment(StrEnum):
    """When the connection is torn: before the mail is kept, or after it, when the sender cannot know that it was."""

    BEFORE_RECORDING = "before"
    AFTER_RECORDING = "after"


@dataclass(frozen=True, slots=True)
class Reset:
    """Tear the connection (TCP RST) at the end of DATA.

    `every` = k: at each k-th DATA of the carrier. `probability` (0..1): decided by a hash of the first recipient and
    the number of its attempt, so a retry is not doomed to meet the same fate.
    """

    moment: ResetMoment = ResetMoment.BEFORE_RECORDING
    every: int = 0
    probability: float = 0.0


@dataclass(frozen=True, slots=True)
class LateDsn:
    """Accept first, then report failure to the envelope sender by an RFC 3464 report from `<>`.

    Recipients are those in `addresses` and a `share` (0..1) by hash. `host`, `port`: where the report is handed in
    (the MX of the envelope sender). `delay` in seconds.
    """

    host: str
    port: int
    delay: float = 0.0
    share: float = 0.0
    addresses: frozenset[str] = frozenset()
    status: str = "5.1.1"
    action: str = "failed"
    diagnostic: str = "550 5.1.1 User unknown"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All that a carrier may do; the default accepts everything at once.

    Shares and probabilities are 0..1, times are seconds, `None` is 'no limit'. Replies are full SMTP reply lines.
    """

    seed: str = ""
    unknown: frozenset[str] = frozenset()
    unknown_share: float = 0.0
    unknown_reply: str = "550 5.1.1 User unknown"
    greylist_seconds: float | None = None
    greylist_by: GreylistBy = GreylistBy.PAIR
    max_connections: int | None = None
    max_messages_per_session: int | None = None
    max_recipients_per_message: int | None = None
    max_recipients_per_session: int | None = None
    reply_delay: float = 0.0
    reset: Reset | None = None
    filtered: frozenset[str] = frozenset()
    filtered_share: float = 0.0
    filtered_reply: str = "550 Unknown user"
    late_dsn: LateDsn | None = None
    pipelining: bool = True
    size_limit: int = 20 * 1024 * 1024
    keep: Keep = Keep.ALL

    def __or__(self, other: Behaviour) -> Behaviour:
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(other, field.name)
            if value != field.default:
                changes[field.name] = value
        return replace(self, **changes)

    def is_unknown(self, address: str) -> bool:
        """Refused at RCPT for ever: no such mailbox."""
        return self._picked("unknown", address, self.unknown, self.unknown_share)

    def is_filtered(self, address: str) -> bool:
        """Refused after DATA: the parent's own filter."""
        return self._picked("filtered", address, self.filtered, self.filtered_share)

    def bounces_later(self, address: str) -> bool:
        """Accepted with 250, reported as failed afterwards."""
        plan = self.late_dsn
        return plan is not None and self._picked("late-dsn", address, plan.addresses, plan.share)

    def resets(self, data_number: int, recipient: str, attempt: int) -> ResetMoment | None:
        """Whether the `data_number`-th DATA (from 1) of the carrier, the `attempt`-th for `recipient`, is torn off."""
        plan = self.reset
        if plan is None:
            return None
        by_count = plan.every > 0 and data_number % plan.every == 0
        by_chance = (
            plan.probability > 0 and self._chance("reset", f"{canonical(recipient)} {attempt}") < plan.probability
        )
        return plan.moment if by_count or by_chance else None

    def _picked(self, purpose: str, address: str, named: frozenset[str], share: float) -> bool:
        if not named and share <= 0.0:
            return False
        key = canonical(address)
        return key in named or (share > 0.0 and self._chance(purpose, key) < share)

    def _chance(self, purpose: str, key: str) -> float:
        digest = hashlib.sha256(f"{self.seed}\0{purpose}\0{key}".encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) / 2.0**64


def canonical(address: str) -> str:
    """One key for all spellings of a mailbox: lower case, quotation marks of the local part taken off."""
    local, at, domain = address.strip().rpartition("@")
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = local[1:-1].replace("\\", "")
    return f"{local}{at}{domain}".lower()


def _keys(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(canonical(address) for address in addresses)


def accept() -> Behaviour:
    """Takes everything and keeps it."""
    return Behaviour()


def sink() -> Behaviour:
    """Takes everything, keeps only counters: for benchmarks."""
    return Behaviour(keep=Keep.NOTHING)


def unknown_users(addresses: Iterable[str] = (), *, share: float = 0.0, seed: str = "") -> Behaviour:
    """`550 5.1.1 User unknown` at RCPT for the addresses named and for a share of all."""
    return Behaviour(unknown=_keys(addresses), unknown_share=share, seed=seed)


def greylisting(seconds: float, *, by: GreylistBy = GreylistBy.PAIR) -> Behaviour:
    """`450 4.7.1` from the first attempt until `seconds` later."""
    return Behaviour(greylist_seconds=seconds, greylist_by=by)


def overload(*, connections: int | None = None, messages_per_session: int | None = None) -> Behaviour:
    """421 to connections beyond the limit at once, and to messages beyond the limit of one session."""
    return Behaviour(max_connections=connections, max_messages_per_session=messages_per_session)


def slow(seconds: float) -> Behaviour:
    """Waits before every reply."""
    return Behaviour(reply_delay=seconds)


def resetting(
    *,
    every: int = 0,
    probability: float = 0.0,
    moment: ResetMoment = ResetMoment.BEFORE_RECORDING,
    seed: str = "",
) -> Behaviour:
    """Tears the connection instead of the final 250."""
    return Behaviour(reset=Reset(moment=moment, every=every, probability=probability), seed=seed)


def filtering(addresses: Iterable[str] = (), *, share: float = 0.0, seed: str = "") -> Behaviour:
    """docomo's way of saying that the parent's filter refused: `550 Unknown user` after DATA."""
    return Behaviour(filtered=_keys(addresses), filtered_share=share, seed=seed)


def late_dsn(
    host: str, port: int, *, delay: float = 0.0, share: float = 0.0, addresses: Iterable[str] = (), seed: str = ""
) -> Behaviour:
    """Accepts, then bounces by mail through `host`:`port`."""
    return Behaviour(late_dsn=LateDsn(host, port, delay, share, _keys(addresses)), seed=seed)
