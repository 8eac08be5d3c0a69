"""SPF (RFC 7208): may this peer send mail for the envelope sender's domain? pyspf decides, from known answers of DNS.

Its limits (10 lookups, 2 of them void, 10 names of an MX or PTR) stand; explanations are not looked up, since nobody is
refused for SPF alone. Total: what raises inside is a permanent error of the record.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Literal

from mail.sender.dns_answers import DnsAnswers, DnsQuestion, NoDnsAnswer, QuestionKind, QuestionOpen

with warnings.catch_warnings():
    # About a text in it that newer Pythons would have written otherwise.
    warnings.simplefilter("ignore")
    import spf  # type: ignore[import-untyped]  # pyspf is not annotated

SpfResult = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]

_RESULTS: dict[str, SpfResult] = {
    "pass": "pass",
    "fail": "fail",
    "softfail": "softfail",
    "neutral": "neutral",
    "none": "none",
    "temperror": "temperror",
}


LONGEST = 8_000
"""Characters of all SPF records read for one mail; real ones stay below a half of that."""

_NAMED = re.compile(r"(?:^|\s)[+?~-]?(?:include:|redirect=)([^\s%/]{1,253})", re.IGNORECASE)


def ahead(dns: DnsAnswers) -> list[DnsQuestion]:
    """Records that those known so far name: asked for together, they take one time of waiting."""
    records = [text for text in dns.texts() if text[:7].lower() == "v=spf1 " and len(text) <= LONGEST]
    return [DnsQuestion("TXT", name.lower().removesuffix(".")) for text in records for name in _NAMED.findall(text)][
        :10
    ]


def check(peer: str, helo: str, local: str, domain: str, dns: DnsAnswers) -> SpfResult:
    """The result for MAIL FROM `local@domain`. For the null sender hand in `postmaster` and the HELO name (2.4).

    `peer` is an IP address; `domain` is in A-labels and looks like a domain. Raises Unanswered."""
    try:
        query = _Query(peer, f"{local.replace('@', '_')}@{domain}", helo, dns)
        result = query.check()[0]
    except QuestionOpen:
        raise
    except Exception:
        # pyspf lets out what strange records and peers cause in it: none of that is for us to fall over.
        return "permerror"
    return _RESULTS.get(str(result), "permerror")


class _Query(spf.query):  # type: ignore[misc]  # pyspf is not annotated
    def __init__(self, peer: str, sender: str, helo: str, dns: DnsAnswers) -> None:
        super().__init__(i=peer, s=sender, h=helo, receiver="unknown")
        self._dns = dns
        self._length = 0

    def dns(
        self, name: str, qtype: QuestionKind, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:  # what pyspf expects differs by qtype
        """As pyspf's, but from the known answers: there aliases have been followed already."""
        name = str(name).removesuffix(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")) or len(name) > 253 or not name.isascii():
            return []
        try:
            found = self._dns.lookup(qtype, name)
        except NoDnsAnswer:
            raise spf.TempError("dns gives no answer") from None
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many void lookups")
        if qtype == "TXT":
            self._length += sum(len(text) for text in found if text[:6].lower() == "v=spf1")
            if self._length > LONGEST:
                raise spf.PermError("too much text")
            return [(text.encode(),) for text in found]
        if qtype == "MX":
            return [(int(preference), host) for preference, _, host in (each.partition(" ") for each in found) if host]
        return list(found)

    def get_explanation(self, spec: str) -> None:
        """Nobody reads it."""
