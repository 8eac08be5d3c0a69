"""DMARC (RFC 7489): does what SPF and DKIM have shown belong to the domain that the mail says it is from?

    domain -> its record, or its organisational domain's -> does an SPF or DKIM pass align? -> pass, or fail and what
    the domain asks for

The organisational domain comes from the public suffix list that publicsuffixlist carries (nothing is loaded from
anywhere). Who asks for a policy for a part of his mail only (`pct`), or only tests it (`t=y`), gets the milder one:
chance shall not decide whether a teacher's mail is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from publicsuffixlist import PublicSuffixList

from mail.sender.dns_answers import DnsAnswers, DnsQuestion, NoDnsAnswer

Policy = Literal["", "none", "quarantine", "reject"]
DmarcResult = Literal["pass", "fail", "none", "temperror", "policy"]

_POLICIES: dict[str, Policy] = {"none": "none", "quarantine": "quarantine", "reject": "reject"}
_MILDER: dict[Policy, Policy] = {"reject": "quarantine", "quarantine": "none"}
_MOST_OCTETS = 2_000
_REMEMBERED = 10_000


class Organisations:
    """Who registered a domain: `a.b.minami.ed.jp` belongs to `minami.ed.jp`."""

    def __init__(self) -> None:
        suffixes = PublicSuffixList()
        self.of = lru_cache(_REMEMBERED)(lambda domain: suffixes.privatesuffix(domain) or domain)
        """The organisational domain of a domain in A-labels; a public suffix is its own."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain publishes. `strict`: only the very same domain aligns."""

    policy: Policy
    subdomains: Policy
    strict_dkim: bool = False
    strict_spf: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """Domains for which SPF and DKIM passed; `in_doubt`: domains for which either could not be decided just now."""

    spf: str | None
    dkim: Sequence[str]
    in_doubt: Sequence[str] = ()


def questions(domain: str, organisations: Organisations) -> tuple[DnsQuestion, ...]:
    """What will have to be known of a domain."""
    return tuple(DnsQuestion("TXT", f"_dmarc.{name}") for name in dict.fromkeys((domain, organisations.of(domain))))


def evaluate(domain: str, shown: Shown, organisations: Organisations, dns: DnsAnswers) -> tuple[DmarcResult, Policy]:
    """The result for one domain in A-labels, and the policy that it asks for ("" without a record). Raises
    Unanswered."""
    organisation = organisations.of(domain)
    try:
        record, policy = _record(domain, organisation, dns)
    except NoDnsAnswer:
        return "temperror", ""
    if record is None:
        return "none", ""

    def aligned(other: str, strict: bool) -> bool:
        return other == domain if strict else organisations.of(other) == organisation

    if shown.spf is not None and aligned(shown.spf, record.strict_spf):
        return "pass", policy
    if any(aligned(each, record.strict_dkim) for each in shown.dkim):
        return "pass", policy
    if any(aligned(each, False) for each in shown.in_doubt):
        return "temperror", policy
    return "fail", policy


def _record(domain: str, organisation: str, dns: DnsAnswers) -> tuple[Record | None, Policy]:
    """The record that counts for a domain, and which of its policies does."""
    own = read_record(dns.lookup("TXT", f"_dmarc.{domain}"))
    if own is not None:
        return own, own.policy
    if organisation == domain:
        return None, ""
    above = read_record(dns.lookup("TXT", f"_dmarc.{organisation}"))
    return above, above.subdomains if above is not None else ""


def read_record(texts: Iterable[str]) -> Record | None:
    """The one DMARC record among the texts; None when there is none, or more than one (6.6.3)."""
    found = [tags for text in texts if (tags := _tags(text)) is not None]
    if len(found) != 1:
        return None
    tags = found[0]
    policy = _POLICIES.get(tags.get("p", "").lower())
    if policy is None:
        if "rua" not in tags:
            return None
        policy = "none"
    subdomains = _POLICIES.get(tags.get("sp", "").lower(), policy)
    if tags.get("pct", "100") != "100" or tags.get("t", "n").lower() == "y":
        policy, subdomains = _MILDER.get(policy, policy), _MILDER.get(subdomains, subdomains)
    return Record(
        policy,
        subdomains,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
    )


def _tags(text: str) -> dict[str, str] | None:
    """The tags of a DMARC record (6.4); None when it is none."""
    if len(text) > _MOST_OCTETS:
        return None
    pairs = [pair.partition("=") for pair in text.split(";")]
    first, _, version = pairs[0]
    if first.strip().lower() != "v" or version.strip() != "DMARC1":
        return None
    return {name.strip().lower(): value.strip() for name, _, value in reversed(pairs)}
