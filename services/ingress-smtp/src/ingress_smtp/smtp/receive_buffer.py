"""What came in on a connection and wasn't looked at yet: cut into command lines and whole mails, always bounded.

The stream hands over whatever lies there in one piece; a line or a mail is searched for in it, so a mail of any number
of lines costs a few searches. Nothing but CR LF ends a line, and nothing but CR LF . CR LF ends a mail: who takes less
for an end lets one mail smuggle in another (RFC 5321 2.3.8, 4.1.1.4).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

READ = 65_536
LONGEST_LINE = 100_000
"""Octets of a line within a mail; real bounces hold lines of many thousand (RFC 5321 4.5.3.1.6 allows 1,000)."""
_END = b"\r\n.\r\n"
_LONE_LF = re.compile(rb"(?<!\r)\n")
_LONE_CR = re.compile(rb"\r(?!\n)")


class LineTooLong(Exception):
    """A command line of more octets than allowed; it has been taken away up to its end."""


class PeerClosed(Exception):
    """The peer will say no more: the stream has ended, in the middle of something or not."""


class ReceiveBuffer:
    """Octets received and not yet looked at. `before_waiting` is called whenever nothing is left to look at: the moment
    for replies to leave."""

    def __init__(self, reader: asyncio.StreamReader, before_waiting: Callable[[], Awaitable[None]]) -> None:
        self._reader = reader
        self._before_waiting = before_waiting
        self._octets = bytearray()

    @property
    def pending(self) -> bool:
        """Has something come in that nobody has asked for yet?"""
        return bool(self._octets)

    def clear(self) -> None:
        """Forget what came in."""
        self._octets.clear()

    async def early_talk(self, within: float) -> bool:
        """Does the peer say something within so many seconds, though it isn't its turn? Raises PeerClosed."""
        try:
            async with asyncio.timeout(within):
                await self._more()
        except TimeoutError:
            return self.pending
        return True

    async def line(self, longest: int) -> bytes:
        """The next command line with its end, which is LF (whether it is CR LF is for the caller to look at).

        Raises LineTooLong, PeerClosed."""
        skipping = False
        while True:
            end = self._octets.find(b"\n") + 1
            if not skipping and (end or len(self._octets)) > longest:
                skipping = True
            if end:
                line = bytes(self._octets[:end])
                del self._octets[:end]
                if skipping:
                    raise LineTooLong
                return line
            if skipping:
                self._octets.clear()
            await self._more()

    async def message(self, largest: int, arrived: Callable[[int], bool]) -> bytes | None:
        """The next mail as it was sent, without the dots that were added on its way (RFC 5321 4.5.2) and without its
        end mark; None when it had more than `largest` octets or `arrived` had no room for it: then it has been taken
        away up to its end. `arrived(octets)` is told of each piece. Raises PeerClosed."""
        searched, taken = 0, True
        self._octets[:0] = b"\r\n"  # so that the end mark of an empty mail has its CR LF, too
        if len(self._octets) > 2:
            taken = arrived(len(self._octets) - 2)
        while True:
            end = self._octets.find(_END, searched)
            if end >= 0:
                break
            if taken and len(self._octets) <= largest + len(_END):
                searched = max(0, len(self._octets) - len(_END) + 1)
            else:
                taken = False
                searched = 0
                del self._octets[: -len(_END) + 1]
            taken = arrived(await self._more()) and taken
        body = bytes(memoryview(self._octets)[2 : end + 2]) if taken and end <= largest else None
        del self._octets[: end + len(_END)]
        return None if body is None else without_dot_stuffing(body)

    async def _more(self) -> int:
        await self._before_waiting()
        piece = await self._reader.read(READ)
        if not piece:
            raise PeerClosed
        self._octets += piece
        return len(piece)


def without_dot_stuffing(body: bytes) -> bytes:
    """A mail without the full stop that its sender put before each line that began with one (RFC 5321 4.5.2)."""
    if body.startswith(b"."):
        body = body[1:]
    return body.replace(b"\r\n.", b"\r\n") if b"\r\n." in body else body


def has_bare_newlines(body: bytes) -> bool:
    """Does a mail hold a CR or an LF that is no part of a CR LF?"""
    pairs = body.count(b"\r\n")
    return body.count(b"\n") != pairs or body.count(b"\r") != pairs


def with_proper_newlines(body: bytes) -> bytes:
    """Every LF on its own becomes a CR LF, every CR on its own a blank: what a reader may take for a line's end is one
    for every reader."""
    return _LONE_CR.sub(b" ", _LONE_LF.sub(b"\r\n", body))


def longest_line(body: bytes) -> int:
    """Octets of the longest line of a mail, its end not counted; 0 when the whole mail is no longer than
    LONGEST_LINE."""
    return max(map(len, body.split(b"\r\n"))) if len(body) > LONGEST_LINE else 0
