"""A DNS server on 127.0.0.1, for tests: answers over UDP and TCP what its script says.

    server = DnsServer({"family.example": {"MX": ["10 mx.family.example."]}, "mx.family.example": {"A": ["192.0.2.1"]}})
    async with server:                       # server.address is known now
        server.servfail.add("broken.example")
        ...
        server.asked["family.example", "MX"]  # how often that was asked

It behaves as a resolver does: it follows aliases through what it knows, tells NXDOMAIN (no such name) from an empty
answer, and puts the zone's SOA beside either. Names in `servfail`, `refused`, `silent` and `truncated` (over UDP) are
treated so, whatever is asked; the script may be changed while the server runs.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Mapping[str, Sequence[str]]]
"""Name (no final dot) -> kind of record -> its values as in a zone file."""

MOST_ALIASES = 20


class DnsServer:
    """`ttl` is that of every record, `no_ttl` the SOA's minimum, both in seconds."""

    def __init__(self, zone: Zone | None = None, *, ttl: int = 300, no_ttl: int = 120) -> None:
        self.zone = {name: dict(kinds) for name, kinds in (zone or {}).items()}
        self.ttl = ttl
        self.no_ttl = no_ttl
        self.servfail: set[str] = set()
        self.refused: set[str] = set()
        self.silent: set[str] = set()
        self.truncated: set[str] = set()
        self.hold: asyncio.Event | None = None
        """When set to an unset event, answers wait for it."""
        self.asked: Counter[tuple[str, str]] = Counter()
        self.asked_by_tcp: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    async def start(self) -> None:
        """Listen on a free port, the same for UDP and TCP."""
        loop = asyncio.get_running_loop()
        while True:
            self._tcp = await asyncio.start_server(self._talk, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.address)
                return
            except OSError:  # somebody has this port for UDP
                self._tcp.close()

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def answer_soon(self, transport: asyncio.DatagramTransport, wire: bytes, peer: tuple[str, int]) -> None:
        """Answer one datagram."""

        async def answer() -> None:
            response = await self._answer(wire, udp=True)
            if response is not None:
                transport.sendto(response, peer)

        task = asyncio.create_task(answer())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            length = int.from_bytes(await reader.readexactly(2), "big")
            response = await self._answer(await reader.readexactly(length), udp=False)
            if response is not None:
                writer.write(len(response).to_bytes(2, "big") + response)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, wire: bytes, *, udp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        (self.asked if udp else self.asked_by_tcp)[name, kind] += 1
        if self.hold is not None:
            await self.hold.wait()
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.servfail or name in self.refused:
            response.set_rcode(dns.rcode.SERVFAIL if name in self.servfail else dns.rcode.REFUSED)
        elif udp and name in self.truncated:
            response.flags |= dns.flags.TC
        else:
            self._fill(response, name, kind)
        if not udp:
            return response.to_wire()
        try:
            return response.to_wire(max_size=512)
        except dns.exception.TooBig:
            cut = dns.message.make_response(query)
            cut.flags |= dns.flags.TC
            return cut.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(MOST_ALIASES):
            kinds = self.zone.get(name)
            if kinds is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                break
            if kind in kinds:
                response.answer.append(_records(name, self.ttl, kind, kinds[kind]))
                return
            if "CNAME" not in kinds:
                break
            response.answer.append(_records(name, self.ttl, "CNAME", kinds["CNAME"]))
            name = kinds["CNAME"][0].removesuffix(".").lower()
        soa = f"ns.example. root.example. 1 3600 600 86400 {self.no_ttl}"
        response.authority.append(_records(name.rpartition(".")[2], self.no_ttl, "SOA", [soa]))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # not a subclass on every Python

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.answer_soon(self._transport, data, addr)


def _records(name: str, ttl: int, kind: str, values: Sequence[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(dns.name.from_text(f"{name}."), ttl, dns.rdataclass.IN, kind, list(values))
