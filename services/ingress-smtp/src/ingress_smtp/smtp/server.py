"""The SMTP server: it listens, and each connection passes the gate before it is served.

    arrives   the gate looks whether there is room; only then a CommandConnection is made, else a reply ends it
    stops     in stages: nobody new, 421 to idle connections, a mail whose data is on the way may finish (bounded), the
              rest is cut

aiosmtpd logs addresses, so its logger is silenced; what is worth knowing is in the metrics and in our own log.
"""

import asyncio
import logging
import ssl
from typing import cast

from ingress_smtp import metrics, model
from ingress_smtp.admission.bounds import AdmissionBounds
from ingress_smtp.admission.limits import peer_of
from ingress_smtp.admission.pressure import Pressure
from ingress_smtp.admission.rate_limits import RateLimits
from ingress_smtp.context import Context
from ingress_smtp.smtp.gate import ConnectionGate
from ingress_smtp.smtp.hooks import Hooks
from ingress_smtp.smtp.smtp_commands import CommandConnection
from runtime.logs import get_logger
from runtime.process import ports

log = get_logger(__name__)


class SmtpServer:
    """Takes mail for `context`. `name`: how it greets; `tls`: offers STARTTLS."""

    def __init__(
        self,
        context: Context,
        bounds: AdmissionBounds,
        pressure: Pressure,
        *,
        name: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        rates = RateLimits(bounds)
        self.pressure = pressure
        self.gate = ConnectionGate(bounds, rates)
        self._bounds = bounds
        self._hooks = Hooks(context, bounds, rates, pressure)
        self._name = name
        self._tls = tls
        self._listener: asyncio.Server | None = None
        self.port = 0
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    async def open(self, host: str, port: int, *, share: bool = False) -> None:
        """Listen. `port` 0 takes a free one, see the attribute of that name; `share`: with other servers. Raises
        PortTaken."""
        listener = ports.listen(host, port, "RENRAKUMO_SMTP_PORT", share=share)
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Arrival(self), sock=listener)
        log.info("smtp_listening", port=self.port, starttls=self._tls is not None)

    async def close(self, within: float = 10.0) -> None:
        """Take nobody new, and end all connections; `within` seconds for mails whose data is on the way."""
        if self._listener is not None:
            self._listener.close()
        await self.gate.close(model.SHUTTING_DOWN, within)

    async def run(self, host: str, port: int, stop: asyncio.Event, *, share: bool = False) -> None:
        """Be open until `stop` is set."""
        await self.open(host, port, share=share)
        await stop.wait()
        await self.close()

    def new_connection(self) -> CommandConnection:
        """What serves a connection that passed the gate."""
        return CommandConnection(self._hooks, self._bounds, self.gate, self.pressure, name=self._name, tls=self._tls)


class _Arrival(asyncio.Protocol):
    """Asks the gate, then hands the connection to who serves it, or ends it at little cost."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is no asyncio.Transport
        refusal = self._server.gate.refusal(peer_of(str((transport.get_extra_info("peername") or ("",))[0])))
        if refusal is not None:
            metrics.REFUSED.labels(str(refusal.code)).inc()
            transport.write(f"{refusal}\r\n".encode())
            transport.close()
            return
        connection = self._server.new_connection()
        transport.set_protocol(connection)
        connection.connection_made(transport)
