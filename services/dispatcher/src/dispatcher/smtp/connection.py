"""An SMTP connection that client.Connector has opened: copies go to the server one after the other.

MAIL, RCPT and DATA of a copy are written together (RFC 2920), and those of the following copy together with a text:

    envelope 1 | text 1 + envelope 2 | text 2 + envelope 3 | ...        one round trip a copy
To a server without PIPELINING it goes step by step. Every copy ends in an `SmtpReply` or in `ConnectionLost`; after
either, `usable` says whether the connection may carry another. Only the copy whose text is out is ever in doubt. A
transaction that a refusal left open is ended by RSET in front of the next MAIL.
"""

from dataclasses import dataclass, field
from time import monotonic

from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost, SmtpReply, Stage, read_reply
from dispatcher.smtp.wire import BLOCK_BYTES, Wire, commands, dot_stuffed

GO_AHEAD = 354
_BAD_SEQUENCE = 503

_OPENING: tuple[Stage, ...] = ("mail", "rcpt", "data")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each reply may take, in seconds; after RFC 5321 4.5.3.2, but for `connect`: until the first MAIL, while
    there may be another server to try. `block`: a block of a long text; `text`: after it, when servers run their
    filters."""

    connect: float = 30.0
    command: float = 300.0
    block: float = 180.0
    text: float = 600.0
    quit: float = 2.0


@dataclass(frozen=True, slots=True)
class Envelope:
    """One copy for one recipient: addresses in wire form without angle brackets, `sender` empty for `<>`; `text` with
    CRLF line ends, not dot-stuffed."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server offers. `size`: octets of a text it takes, 0 = no limit named (RFC 1870)."""

    pipelining: bool = False
    size: int = 0


class SmtpConnection:
    """An open SMTP connection. Not for use by two at once.

    host       the server's name
    offered    copies that `send` was given
    announced  the copy whose MAIL, RCPT and DATA are out already: it must come next
    in_clear   why nothing is encrypted although that was tried; empty otherwise
    """

    def __init__(
        self,
        wire: Wire,
        hop: NextHop,
        host: str,
        extensions: Extensions,
        timeouts: Timeouts | None = None,
        *,
        in_clear: str = "",
    ) -> None:
        self._wire = wire
        self._extensions = extensions
        self._timeouts = timeouts or Timeouts()
        self._reset = False
        self.hop = hop
        self.host = host
        self.in_clear = in_clear
        self.offered = 0
        self.announced: Envelope | None = None
        self.idle_since = monotonic()

    @property
    def usable(self) -> bool:
        return not self._wire.trouble

    async def send(self, envelope: Envelope, following: Envelope | None = None) -> SmtpReply:
        """Offer one copy; the reply that decided. `following` may be announced with it, and is then the one to send
        next (the same object), or the connection is dropped. Raises ConnectionLost with the stage it happened at. What
        the server cannot be told (address, size) is refused here. Whatever else ends it early (a stop in the middle)
        ends the connection."""
        self.offered += 1
        try:
            return await self._send(envelope, following)
        except BaseException:
            self.drop()
            raise

    async def close(self) -> None:
        """Say QUIT if the connection is in order and nothing is announced, and close it."""
        try:
            if self.announced is None and self._wire.write(b"QUIT\r\n", 1):
                await self._wire.arrival(1, self._timeouts.quit)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._wire.end("session dropped")
        self.announced = None

    # -- one copy

    async def _send(self, envelope: Envelope, following: Envelope | None) -> SmtpReply:
        if self.announced is not None:
            if self.announced is not envelope:
                raise self._lost("mail", "another copy was announced")
            self.announced = None
            refusal = await self._opened()
        elif opening := self._opening_of(envelope):
            refusal = await (self._open(opening) if self._extensions.pipelining else self._open_in_steps(opening))
        else:
            return self._unfit(envelope)
        if refusal is not None:
            self._reset = True
            return refusal
        return await self._text(envelope.text, following)

    def _opening_of(self, envelope: Envelope) -> bytes:
        """Its MAIL, RCPT and DATA; empty when it cannot be offered here."""
        if 0 < self._extensions.size < len(envelope.text):
            return b""
        return commands(envelope.sender, envelope.recipient)

    def _unfit(self, envelope: Envelope) -> SmtpReply:
        if 0 < self._extensions.size < len(envelope.text):
            return SmtpReply("mail", 552, "too large for this server", "5.3.4", self.host)
        return SmtpReply("rcpt", 553, "address cannot be written", "5.1.3", self.host)

    async def _open(self, opening: bytes) -> SmtpReply | None:
        if not self._reset:
            self._write("mail", opening, 3)
            return await self._opened()
        self._write("mail", b"RSET\r\n" + opening, 4)
        await self._begin_anew()
        return await self._opened()

    async def _opened(self) -> SmtpReply | None:
        """The refusal among the replies to MAIL, RCPT and DATA, the first if there are several; None: the server waits
        for the text."""
        wire = self._wire
        await wire.arrival(3, self._timeouts.command)
        replies = wire.received_replies
        if len(replies) == 3 and (replies[0][0], replies[1][0], replies[2][0]) == (250, 250, GO_AHEAD):
            replies.clear()
            return None
        refusals: list[SmtpReply] = []
        waits_for_text = False
        for stage in _OPENING:
            try:
                refusal = self._refusal(stage)
            except ConnectionLost:
                if not refusals:
                    raise
                return refusals[0]  # that was said, whatever happened to the connection
            waits_for_text = refusal is None
            if refusal is not None:
                refusals.append(refusal)
        if not refusals:
            return None
        if waits_for_text:
            await self._end_without_text(nobody="rcpt" in [refusal.stage for refusal in refusals])
        return refusals[0]

    async def _end_without_text(self, *, nobody: bool) -> None:
        """DATA was let in behind a refusal. `nobody`: no recipient was accepted, so an empty text reaches none
        (RFC 2920 3.1); a server that is as muddled as to take RCPT after it refused MAIL is left."""
        wire = self._wire
        if not nobody or not wire.write(b".\r\n", 1):
            return self.drop()
        await wire.arrival(1, self._timeouts.text)
        if not wire.received_replies or 300 <= wire.received_replies.popleft()[0] < 400:
            return self.drop()
        return None

    async def _open_in_steps(self, opening: bytes) -> SmtpReply | None:
        if self._reset:
            self._write("mail", b"RSET\r\n", 1)
            await self._begin_anew()
        for stage, line in zip(_OPENING, opening.splitlines(keepends=True), strict=True):
            self._write(stage, line, 1)
            await self._wire.arrival(1, self._timeouts.command)
            if (refusal := self._refusal(stage)) is not None:
                return refusal
        return None

    def _write(self, stage: Stage, data: bytes, replies: int) -> None:
        if not self._wire.write(data, replies):
            raise self._lost(stage)

    async def _begin_anew(self) -> None:
        """Take the reply to RSET. Raises ConnectionLost if it is none that one can go on from."""
        self._reset = False
        await self._wire.arrival(1, self._timeouts.command)
        replies = self._wire.received_replies
        if not replies:
            raise self._lost("mail")
        code, text = replies.popleft()
        if code != 250:
            raise self._lost("mail", "reset refused", self._reply("mail", code, text))

    def _refusal(self, stage: Stage) -> SmtpReply | None:
        """Take the next reply: None to go on. Raises ConnectionLost if there is none, or none that can be right."""
        replies = self._wire.received_replies
        if not replies:
            raise self._lost(stage)
        code, text = replies.popleft()
        if code == GO_AHEAD if stage == "data" else code < 300:
            return None
        # "Bad sequence" to the first command says that we and the server disagree about the last copy.
        if code < 400 or (stage == "mail" and code == _BAD_SEQUENCE and self.offered > 1):
            raise self._lost(stage, "reply out of step")
        return self._reply(stage, code, text)

    async def _text(self, text: bytes, following: Envelope | None) -> SmtpReply:
        wire = self._wire
        behind = b""
        if following is not None and self._extensions.pipelining:
            behind = self._opening_of(following)
        data = dot_stuffed(text, behind)
        replies = 4 if behind else 1
        if len(data) <= BLOCK_BYTES:
            written = wire.write(data, replies)
        else:
            written = await wire.write_blocks(data, replies, self._timeouts.block)
        if written:
            self.announced = following if behind else None
            await wire.arrival(1, self._timeouts.text)
        if not wire.received_replies:
            raise self._lost("body", uncertain=written)
        code, answer = wire.received_replies.popleft()
        if 300 <= code < 400 or (code < 300 and not written):
            raise self._lost("body", "reply out of step", uncertain=written)
        if not written:
            self.drop()  # the server takes what it has not read yet for text, or for commands
        self._reset = code >= 400 and not behind
        return self._reply("body", code, answer)

    def _reply(self, stage: Stage, code: int, text: bytes) -> SmtpReply:
        return read_reply(stage, code, text.decode("utf-8", "replace"), self.host)

    def _lost(
        self, stage: Stage, code: str | None = None, reply: SmtpReply | None = None, *, uncertain: bool = False
    ) -> ConnectionLost:
        """`code`: what is wrong when it is not the wire. `reply`: of the server, but to no copy."""
        if self._wire.closing_reply is not None:
            reply = self._reply(stage, *self._wire.closing_reply)
        code = code or self._wire.trouble
        self.drop()
        return ConnectionLost(code, stage=stage, host=self.host, reply=reply, uncertain=uncertain)
