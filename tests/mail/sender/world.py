"""A world of mail domains for these tests: keys, a zone of DNS as a dictionary, and how a mail of it is examined."""

from __future__ import annotations

from collections.abc import Mapping

from mail.sender.authentication import (
    AuthenticationResults,
    Examiner,
    Origin,
    conclude,
)
from mail.sender.dmarc import Organisations
from mail.sender.dns_answers import DnsAnswer, DnsQuestion, NoDnsAnswer
from simulator.signing import key_records, new_key, sealed, signed

ORGANISATIONS = Organisations()
CARRIERS = "192.0.2.5"
STRANGERS = "203.0.113.9"
DOCOMO = new_key("docomo.ne.jp")
DOCOMO_ED = new_key("docomo.ne.jp", "e1", ed25519=True)
STRANGER = new_key("attacker.example")
LIST = new_key("lists.example", "arc")
SECOND = new_key("second.example", "arc")
SCHOOL = new_key("mail.minami.ed.jp")

Zone = Mapping[str, str]
ZONE: Zone = {
    "docomo.ne.jp": "v=spf1 ip4:192.0.2.0/24 -all",
    "_dmarc.docomo.ne.jp": "v=DMARC1; p=reject",
    "attacker.example": f"v=spf1 ip4:{STRANGERS} -all",
    "_dmarc.attacker.example": "v=DMARC1; p=reject",
    "quiet.example": "v=spf1 ~all",
    "minami.ed.jp": "v=spf1 -all",
    "_dmarc.minami.ed.jp": "v=DMARC1; p=quarantine; sp=reject",
    "relay.example": f"v=spf1 ip4:{STRANGERS} -all",
    **key_records(DOCOMO, DOCOMO_ED, STRANGER, LIST, SECOND, SCHOOL),
}


def raw_mail(author: str = "parent@docomo.ne.jp", text: str = "3\r\n", more: str = "") -> bytes:
    return f"From: {author}\r\n{more}Subject: Re: survey\r\nMessage-ID: <1@phone.example>\r\n\r\n{text}".encode()


class World:
    """DNS, made of a dictionary."""

    def __init__(self, zone: Zone = ZONE, trouble: tuple[str, ...] = ()) -> None:
        self.zone = zone
        self.trouble = trouble
        self.asked: list[DnsQuestion] = []

    def __call__(self, question: DnsQuestion) -> DnsAnswer:
        self.asked.append(question)
        if question.name in self.trouble:
            raise NoDnsAnswer
        if question.kind == "TXT" and question.name in self.zone:
            return (self.zone[question.name],)
        found = self.zone.get(f"{question.kind} {question.name}")
        return tuple(found.split(",")) if found else ()


def look(
    raw: bytes,
    peer: str = CARRIERS,
    sender: str = "parent@docomo.ne.jp",
    *,
    helo: str = "mail.docomo.ne.jp",
    world: World | None = None,
    trusted: tuple[str, ...] = (),
) -> AuthenticationResults:
    examiner = Examiner(ORGANISATIONS, frozenset(trusted))
    return conclude(examiner.examine(raw, Origin(peer, helo, sender)), world or World())


def forwarded() -> bytes:
    """A parent's mail as a list hands it on: with a mark in the subject, and sealed."""
    through = signed(raw_mail(), DOCOMO).replace(b"Re: survey", b"[PTA] Re: survey")
    return sealed(through, LIST, results="dmarc=pass header.from=docomo.ne.jp")
