"""Where mails lying in files come from, as the DNS has it now: for who wonders why one was taken for a forgery.

SPF needs the peer that handed the mail in: without one nothing speaks against a mail. Signatures fade: keys are taken
back, and an old mail no longer shows what it showed.
"""

import asyncio
import dataclasses
from collections.abc import Sequence

from mail.sender.authentication import Examiner, Origin, conclude
from mail.sender.dmarc import Organisations
from mail.sender.dns_answers import DnsAnswer, DnsQuestion
from runtime.dns.cache import DnsCache
from runtime.dns.client import DnsTrouble, SystemDns


class Lookup:
    """Asks these DNS servers (address, port), or the system's; remembers what they said."""

    def __init__(self, servers: Sequence[tuple[str, int]], *, peer: str, helo: str) -> None:
        self._dns = DnsCache(SystemDns(servers, seconds=5.0))
        self._examiner = Examiner(Organisations())
        self._peer = peer
        self._helo = helo
        self._runner = asyncio.Runner()

    def __call__(self, raw: bytes, envelope_from: str) -> dict[str, str | bool]:
        origin = Origin(self._peer, self._helo, envelope_from.strip().removeprefix("<").removesuffix(">"))
        results = conclude(self._examiner.examine(raw, origin), self._answer)
        return dataclasses.asdict(results)

    def _answer(self, question: DnsQuestion) -> DnsAnswer:
        try:
            return self._runner.run(self._dns.records(question.kind, question.name))
        except DnsTrouble:
            return None
