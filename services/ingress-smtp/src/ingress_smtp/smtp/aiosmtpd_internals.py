"""The one file that knows what aiosmtpd keeps to itself.

aiosmtpd's SMTP reads mails line by line, trusts its peers and offers no public way to do otherwise: how a connection
lives, how commands are read and how a mail comes in can be replaced only through names that begin with an underscore.
Any release may change them. So the version is pinned exactly (pyproject.toml of this service), PRIVATE_NAMES lists
them, and a test fails by the name of the one that is gone. No other file uses such a name: AiosmtpdConnection gives
them public ones.

    aiosmtpd calls      what a subclass replaces: converse, deadline_passed, new_envelope, split_path, split_parameters
    a subclass reads    reader, writer, commands, over_tls, established, and moves its deadline
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope

PRIVATE_NAMES: Mapping[str, str] = {
    "_create_envelope": "called at the start of each mail",
    "_getaddr": "called by MAIL and RCPT for the path",
    "_getparams": "called by MAIL and RCPT for the parameters",
    "_handle_client": "called once for each connection: the whole dialogue",
    "_handler_coroutine": "the task of the dialogue, None until it was begun",
    "_original_transport": "the transport below TLS, None without STARTTLS",
    "_reader": "what comes in",
    "_reset_timeout": "called when a connection is made",
    "_smtp_methods": "the commands by their verb",
    "_timeout_handle": "the timer, cancelled when the connection is lost",
    "_tls_protocol": "set from STARTTLS on",
    "_writer": "what goes out",
}
"""What of aiosmtpd.smtp.SMTP is used although it is private, and for what."""

Command = Callable[[str | None], Awaitable[None]]
Parameters = Mapping[str, str | bool]


class AiosmtpdConnection(SMTP):
    """aiosmtpd's side of one connection: state, syntax of commands, STARTTLS. `idle_timeout` in seconds: the deadline
    that a new connection has."""

    def __init__(
        self, hooks: object, *, name: str, max_size: int, idle_timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            hooks,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            hostname=name,
            tls_context=tls,
            timeout=idle_timeout,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )
        self.idle_timeout = idle_timeout
        self.deadline = 0.0

    # What a subclass reads

    @property
    def reader(self) -> asyncio.StreamReader:
        return self._reader

    @property
    def writer(self) -> asyncio.StreamWriter:
        return self._writer

    @property
    def commands(self) -> Mapping[str, Command]:
        """The commands by their verb, in capitals; each takes what followed the verb."""
        return self._smtp_methods

    @property
    def over_tls(self) -> bool:
        """Was STARTTLS obeyed? True from before the handshake on."""
        return self._tls_protocol is not None

    @property
    def established(self) -> bool:
        """Has aiosmtpd begun with this connection? Only then may it be told of its loss."""
        return self.session is not None and self._handler_coroutine is not None

    @property
    def transports(self) -> Sequence[asyncio.Transport]:
        """The transport that is written to, and the one below it when there is TLS."""
        both = (self.transport, self._original_transport)
        return [cast(asyncio.Transport, each) for each in both if each is not None]

    # What a subclass replaces

    async def converse(self) -> None:
        """The whole dialogue, from the greeting to the end."""
        raise NotImplementedError  # connection.InboundConnection does it: here stand aiosmtpd's private names alone

    def deadline_passed(self) -> None:
        """Nothing was heard in time."""
        raise NotImplementedError  # connection.InboundConnection says what follows

    def new_envelope(self) -> Envelope:
        """What a mail begins with."""
        return super()._create_envelope()

    def split_path(self, argument: str) -> tuple[str | None, str | None]:
        """The path in the argument of MAIL or RCPT, and the parameters that follow; (None, None) when it is no path."""
        return super()._getaddr(argument)

    def split_parameters(self, parameters: Sequence[str]) -> Parameters | None:
        """Parameters of MAIL or RCPT by their keyword; None when they are none."""
        return super()._getparams(parameters)

    # The deadline

    def expect_within(self, seconds: float) -> None:
        """`deadline_passed` is called in so many seconds, unless this is called again before. A timer that rings too
        early is wound up again, which is cheaper than a new one for each command."""
        self.deadline = self.loop.time() + seconds
        if self._timeout_handle is not None:
            if self._timeout_handle.when() <= self.deadline:
                return
            self._timeout_handle.cancel()
        self._timeout_handle = self.loop.call_at(self.deadline, self._ring)

    def _ring(self) -> None:
        if self.loop.time() < self.deadline - 0.001:
            self._timeout_handle = self.loop.call_at(self.deadline, self._ring)
        else:
            self.deadline_passed()

    # What aiosmtpd calls

    async def _handle_client(self) -> None:
        await self.converse()

    def _reset_timeout(self, duration: float | None = None) -> None:
        self.expect_within(duration or self.idle_timeout)

    def _create_envelope(self) -> Envelope:
        return self.new_envelope()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        return self.split_path(arg)

    def _getparams(self, params: Sequence[str]) -> Any:
        return self.split_parameters(params)
