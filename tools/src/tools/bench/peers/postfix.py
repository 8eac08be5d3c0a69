"""Postfix as a relay for individual copies: so many mails with one recipient each come in, and go out to the sink.

A private instance, `master` run by us with a configuration, queue and data directory of its own in the folder of the
measurement; the system's own instance and its files are never touched. Tuned as was found best for this work:

    in_flow_delay = 0                           smtpd isn't slowed down for the queue manager's sake
    smtp_connection_cache_on_demand = no        with one next hop, looking sessions up costs more than it saves
    8 deliveries at once                        more only wait for each other on two cores

The clock runs from the first mail handed in (by smtp-source) to the last at the sink. The queue lies in memory where
the machine offers that: Postfix syncs each mail to disk, and the services we compare it with don't.
"""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from renrakumo_cli.local import ports
from renrakumo_cli.local.process import ChildProcess
from tools import usage
from tools.bench.clock import Clock
from tools.bench.figures import Measurement
from tools.bench.peers import found
from tools.bench.peers.peer import PeerFailed, PeerMissing, answer, arrivals_of, program
from tools.bench.peers.wire import source
from tools.bench.sample_mail import BenchMail
from tools.load.sink import Sink

DELIVERIES = 8
SESSIONS_IN = 10
OWNER, GROUP = "postfix", "postdrop"
_MEMORY = Path("/dev/shm")

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_transport = error:no local mail
relayhost = [127.0.0.1]:{sink}
smtpd_recipient_restrictions = permit_mynetworks, reject
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_dns_support_level = disabled
in_flow_delay = 0
smtp_connection_cache_on_demand = no
default_destination_concurrency_limit = {deliveries}
initial_destination_concurrency = {deliveries}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
smtp      unix - - n - {deliveries} smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Needs root, as Postfix changes to users of its own."""

    case = "postfix"

    def __init__(self) -> None:
        self._source = self._postfix = self._postconf = ""

    async def prepare(self) -> None:
        self._source = await found.postfix_program("smtp-source")
        self._postfix = await found.postfix_program("postfix")
        self._postconf = await found.postfix_program("postconf")
        if os.geteuid() != 0:
            raise PeerMissing("Postfix can only be started by root")
        try:
            pwd.getpwnam(OWNER)
        except KeyError:
            raise PeerMissing(f"the user {OWNER} of Debian's package is missing") from None

    async def measure(self, sink: Sink, copies: int, mail: BenchMail, folder: Path, within: float) -> Measurement:
        async with self._instance(sink) as (master, port):
            before = usage.cpu_seconds(master.pid)
            expected, clock = sink.expect(copies), Clock(sink)
            command = source(self._source, port, copies, SESSIONS_IN, mail.keep(folder), numbered=True)
            async with program(command) as process:
                arrivals, _ = await arrivals_of(process, expected, self.case, within)
            used = usage.cpu_seconds(master.pid) - before
            costs = clock.stop(living=used)
        return Measurement(
            case=self.case,
            recipients=copies,
            seconds=arrivals.last - clock.began,
            cpu={"postfix": used, "smtp-source": costs.children},
            sink_cpu=costs.sink,
            others_share=costs.others_share,
            octets=mail.octets,
        )

    @asynccontextmanager
    async def _instance(self, sink: Sink) -> AsyncIterator[tuple[ChildProcess, int]]:
        """The running master and the port on which it takes mail. Ended by its own pid."""
        folder = Path(tempfile.mkdtemp(prefix="renrakumo-postfix-", dir=_MEMORY if _MEMORY.is_dir() else None))
        try:
            port = ports.free_port()
            configuration = await self._configure(folder, sink.port, port)
            master = ChildProcess(
                "postfix",
                [
                    str(Path(await self._setting(configuration, "daemon_directory")) / "master"),
                    "-c",
                    str(configuration),
                    "-d",
                ],
                environment={"PATH": os.environ.get("PATH", os.defpath), "MAIL_CONFIG": str(configuration)},
                log_path=folder / "log" / "master.log",
            )
            master.start()
            try:
                await asyncio.to_thread(master.await_condition, lambda: ports.accepts(port), within=20)
                yield master, port
            finally:
                await master.stop_soon(first=signal.SIGTERM, within=10)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _configure(self, folder: Path, sink: int, port: int) -> Path:
        """Write the configuration and let Postfix make its own directories; gives the configuration's."""
        folder.chmod(0o755)  # its daemons run as another user
        configuration, data, log = (folder / name for name in ("etc", "data", "log"))
        for each in (configuration, folder / "queue", data, log):
            each.mkdir(mode=0o755)
        shutil.chown(data, OWNER)
        values = {"folder": folder, "sink": sink, "port": port, "deliveries": DELIVERIES}
        (configuration / "main.cf").write_text(MAIN.format(**values))
        (configuration / "master.cf").write_text(MASTER.format(**values))
        async with program([self._postfix, "-c", str(configuration), "check"]) as process:
            await answer(process, "postfix check", 30)
        return configuration

    async def _setting(self, configuration: Path, name: str) -> str:
        async with program([self._postconf, "-c", str(configuration), "-h", name]) as process:
            value = (await answer(process, "postconf", 10)).strip()
        if not value.startswith("/"):
            raise PeerFailed(f"postconf gives no {name}")
        return value
