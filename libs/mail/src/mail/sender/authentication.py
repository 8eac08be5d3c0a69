"""Whether a mail comes from where it says: SPF, DKIM, DMARC and ARC together, without I/O.

    examination = Examiner(organisations).examine(raw, Origin(peer, helo, envelope_from))
    it yields the questions for DNS that it has, all that can be asked at once together; send it the answers; at its
    end it returns the AuthenticationResults (`conclude` does so with a plain function that answers)

Two identities matter: the domain of the header From, whose DMARC policy is asked as RFC 7489 has it, and that of the
envelope sender, because that is whom we believe to write and to whom we answer. Where the envelope names a domain that
wants to be refused when it is forged, it is held to that too: else a forged poster would need no more than an honest
header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import idna

from mail.sender import dkim, dmarc, spf
from mail.sender.dkim import Chain, Signature, SignatureResult
from mail.sender.dmarc import DmarcResult, Organisations, Policy, Shown
from mail.sender.dns_answers import DnsAnswer, DnsAnswers, DnsQuestion, NoDnsAnswer, QuestionOpen
from mail.sender.signed_mail import SignedMail
from mail.sender.spf import SpfResult

T = TypeVar("T")
Answers = Mapping[DnsQuestion, DnsAnswer]

MOST_QUESTIONS = 40
"""For one mail: ten of SPF, each with up to ten addresses, are allowed by its RFC; no living domain needs as many."""
_MOST_FROM = 5
_FROM_OCTETS = 4_000

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"(?!@)')
_COMMENT = re.compile(r"\([^()]*+\)")
_ANGLE = re.compile(r"<([^<>]*+)>")
_AT = re.compile(r"@([^\s@<>,;:()\[\]\"]+)")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BETTER_FIRST: tuple[SignatureResult, ...] = ("pass", "temperror", "fail", "policy", "neutral", "permerror")
_WORSE_FIRST: tuple[tuple[DmarcResult, Policy], ...] = (
    ("fail", "reject"),
    ("fail", "quarantine"),
    ("fail", "none"),
    ("temperror", ""),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """How a mail was handed in. `peer` is the IP address, "" where it says nothing (a relay of our own, a file): then
    there is no SPF, and nothing is held against a mail for lack of it. `envelope_from` is "" for the null sender."""

    peer: str
    helo: str
    envelope_from: str


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """What the checks of one mail showed, in the words of RFC 8601.

    `dmarc` is `policy` where it failed and a forwarder that we trust vouches for the mail. `sender_proven`: the
    envelope sender's domain did send it. A signature shows that of its author only, as a mail can be handed in again
    under any envelope.
    """

    spf: SpfResult = "none"
    dkim: SignatureResult = "none"
    dmarc: DmarcResult = "none"
    arc: Literal["pass", "fail", "none", "policy", "temperror"] = "none"
    policy: Policy = ""
    sender_proven: bool = False


NOTHING_SHOWN = AuthenticationResults()
Examination = Generator[tuple[DnsQuestion, ...], Answers, AuthenticationResults]


class Examiner:
    """Examines mails. `trusted_sealers`: domains of forwarders whose word (ARC) is taken."""

    def __init__(self, organisations: Organisations, trusted_sealers: frozenset[str] = frozenset()) -> None:
        self._organisations = organisations
        self._trusted = trusted_sealers

    def examine(self, raw: bytes, origin: Origin) -> Examination:
        """Examine a mail as it came. Total: any octets give results."""
        mail = SignedMail(raw)
        dns = DnsAnswers(MOST_QUESTIONS)
        local, sender = split_sender(origin.envelope_from)
        spf_domain = sender or ("" if origin.envelope_from else domain_of(origin.helo))
        signed, sealed = bool(mail.named(b"dkim-signature")), bool(mail.named(b"arc-seal"))
        if not (origin.peer or signed or sealed):
            return NOTHING_SHOWN
        from_fields = [value.decode("latin-1") for value in mail.named(b"from")]
        authors = from_domains(from_fields)
        wanted = [DnsQuestion("TXT", spf_domain)] if origin.peer and spf_domain else []
        wanted += dkim.questions(mail)
        for domain in (*authors, sender):
            wanted += dmarc.questions(domain, self._organisations) if domain else ()
        ahead = dns.unanswered(wanted)
        if ahead:
            dns.add((yield ahead))

        spf_result: SpfResult = "none"
        if origin.peer and spf_domain:
            spf_result = yield from _answered(
                dns,
                lambda: spf.check(origin.peer, origin.helo, local or "postmaster", spf_domain, dns),
                lambda: spf.ahead(dns),
            )
        signatures: list[Signature] = []
        for index in range(len(dkim.signatures(mail))):
            signatures.append((yield from _answered(dns, _check(mail, index, dns))))
        chain = yield from _answered(dns, lambda: dkim.chain(mail, dns))
        shown = Shown(
            spf=spf_domain if spf_result == "pass" else None,
            dkim=[each.domain for each in signatures if each.result == "pass"],
            in_doubt=[spf_domain] * (spf_result == "temperror")
            + [each.domain for each in signatures if each.result == "temperror"],
        )
        result, policy = yield from self._dmarc(authors, sender, shown, dns)
        if result == "fail" and not origin.peer:
            result, policy = "none", ""
        if result == "fail" and self._vouched_for(chain):
            result = "policy"
        return AuthenticationResults(
            spf=spf_result,
            dkim=_best(signatures),
            dmarc=result,
            arc=chain.result,
            policy=policy,
            sender_proven=self._proven(
                sender, spf_result, signatures if wrote(from_fields, origin.envelope_from) else ()
            ),
        )

    def _proven(self, sender: str, spf_result: SpfResult, signatures: Sequence[Signature]) -> bool:
        if not sender:
            return False
        own = self._organisations.of(sender)
        return spf_result == "pass" or any(
            each.result == "pass" and self._organisations.of(each.domain) == own for each in signatures
        )

    def _dmarc(
        self, authors: Sequence[str], sender: str, shown: Shown, dns: DnsAnswers
    ) -> Generator[tuple[DnsQuestion, ...], Answers, tuple[DmarcResult, Policy]]:
        def evaluation(domain: str) -> Callable[[], tuple[DmarcResult, Policy]]:
            return lambda: dmarc.evaluate(domain, shown, self._organisations, dns)

        results: list[tuple[DmarcResult, Policy]] = []
        for domain in authors:
            results.append((yield from _answered(dns, evaluation(domain))))
        if sender and sender not in authors:
            of_sender = yield from _answered(dns, evaluation(sender))
            if of_sender == ("fail", "reject"):
                return of_sender
        for worst in _WORSE_FIRST:
            for result in results:
                if result[0] == worst[0] and worst[1] in ("", result[1]):
                    return result
        return results[0] if len(set(results)) == 1 else ("none", "")

    def _vouched_for(self, chain: Chain) -> bool:
        """Does a forwarder that we trust say that the mail was right when it came to him? Whoever handed it on after
        him must be trusted too, as he could have changed it."""
        if chain.result != "pass":
            return False
        for sealer, found_right in chain.vouchers:
            if sealer not in self._trusted:
                return False
            if found_right:
                return True
        return False


def _check(mail: SignedMail, index: int, dns: DnsAnswers) -> Callable[[], Signature]:
    return lambda: dkim.check(mail, index, dns)


def _answered(
    dns: DnsAnswers, step: Callable[[], T], ahead: Callable[[], Sequence[DnsQuestion]] = tuple
) -> Generator[tuple[DnsQuestion, ...], Answers, T]:
    """Repeat a step until everything that it asks has been answered. `ahead`: what it will ask next, probably."""
    while True:
        try:
            return step()
        except QuestionOpen as missing:
            questions = dns.unanswered((missing.question, *ahead()))
            answers = yield questions
            dns.add({question: answers.get(question) for question in questions})


def conclude(examination: Examination, answer: Callable[[DnsQuestion], DnsAnswer]) -> AuthenticationResults:
    """Run an examination to its end. `answer` may raise DnsTrouble."""

    def answered(question: DnsQuestion) -> DnsAnswer:
        try:
            return answer(question)
        except NoDnsAnswer:
            return None

    try:
        questions = next(examination)
        while True:
            questions = examination.send({question: answered(question) for question in questions})
    except StopIteration as end:
        results: AuthenticationResults = end.value
        return results


def _best(signatures: Sequence[Signature]) -> SignatureResult:
    results = {each.result for each in signatures}
    return next((result for result in _BETTER_FIRST if result in results), "none")


def split_sender(address: str) -> tuple[str, str]:
    """Local part and domain (A-labels, lower case) of an envelope sender; ("", "") when it has no usable domain."""
    local, _, domain = address.rpartition("@")
    usable = domain_of(domain)
    return (local, usable) if usable else ("", "")


def domain_of(name: str) -> str:
    """A host or domain in A-labels and lower case, "" when it is none, or an address literal."""
    name = name.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or labels[-1].isdigit():
        return ""
    return name if all(_LABEL.fullmatch(label) for label in labels) else ""


def from_domains(values: Sequence[str]) -> tuple[str, ...]:
    """The domains of all addresses in From fields: usually one. What stands in quotes or comments is no address."""
    found: dict[str, None] = {}
    for value in values:
        for candidate in _written(value):
            for name in _AT.findall(candidate):
                domain = domain_of(_as_text(name))
                if domain:
                    found[domain] = None
    return tuple(found)[:_MOST_FROM]


def wrote(values: Sequence[str], address: str) -> bool:
    """Is this the one address in the one From field?"""
    written = _written(values[0]) if len(values) == 1 else []
    return len(written) == 1 and "" != _plain(_as_text(written[0])) == _plain(address)


def _written(value: str) -> list[str]:
    """What stands in a From field where an address belongs."""
    text = _QUOTED.sub("", re.sub(r"\s+", " ", value[:_FROM_OCTETS]))
    return _ANGLE.findall(text) or [_COMMENT.sub("", text)]


def _plain(address: str) -> str:
    """One form for all spellings of an address, to compare by; "" for what is none."""
    local, domain = split_sender(address.strip())
    return local.removeprefix('"').removesuffix('"').lower() + "@" + domain if domain else ""


def _as_text(name: str) -> str:
    """A domain as it stood in octets: UTF-8 where it isn't ASCII (RFC 6532)."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return ""
