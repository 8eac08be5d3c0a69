"""How fast mail is taken in, each accepted only when it is on the disk: our ingress-smtp and Postfix's smtpd in turn.

    senders -> ingress-smtp -> nats-server that syncs each message before it acknowledges (`sync_interval: always`)
    senders -> smtpd -> cleanup, which syncs each mail's file before the 250; the mail is then held, so nothing else
                   of Postfix has work with it

Both stores lie on the same disk, both receivers get the same mails over the same number of sessions, and what is
measured and the senders have the machine for themselves. Nobody reads what was stored.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nacl.public import PrivateKey
from pydantic import SecretStr

from contracts import directory as contract
from contracts.directory import GroupEntry, UnitEntry
from contracts.streams import DIRECTORY
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR, USERS
from renrakumo_cli.local import ports, probe
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.process import ChildProcess
from runtime.bus.client import Bus
from runtime.settings import ServiceSettings
from simulator import servers
from tools import usage
from tools.bench.peers import found
from tools.bench.peers.peer import PeerFailed, answer, program
from tools.bench.peers.postfix import MASTER, OWNER
from tools.rush import mails

BASE = "mail.example"
KINDS = ("reply", "info")
_EMPTY = "From: <{sender}>\r\nTo: <{to}>\r\nMessage-ID: <1.{sender}>\r\nSubject: \r\n\r\n\r\n"
WARM = 2000
POSTFIX = "postfix"
ONE = "one process"
RECEIVERS = (ONE, "two", POSTFIX)
UNLIMITED = {
    "RENRAKUMO_SMTP_RATE_PER_PEER": "1000000",
    "RENRAKUMO_SMTP_BURST_PER_PEER": "1000000",
    "RENRAKUMO_SMTP_BACKLOG_SLOW": "10000000",
    "RENRAKUMO_SMTP_BACKLOG_FULL": "10000001",
    "RENRAKUMO_SMTP_UNIT_LIMITS": "info=1000000/1000000,reply=1000000/1000000",
}
_HELD = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.example
mydestination = minami.mail.example
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_client_restrictions = check_client_access static:HOLD
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
in_flow_delay = 0
"""


@dataclass(frozen=True)
class Acceptance:
    """`cpu`: microseconds of processor time for each mail, by program."""

    receiver: str
    kind: str
    mails: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        return self.mails / self.seconds


@dataclass(frozen=True)
class Load:
    mails: int
    sessions: int


def written(kind: str, number: int, first: int) -> list[dict[str, str]]:
    """So many mails of a kind, no two alike, the same for the same numbers."""
    senders = [f"p{turn}@docomo.ne.jp" for turn in range(first, first + number)]
    if kind == "info":
        to = f"info@minami.{BASE}"
        return [{"from": sender, "to": to, "data": _EMPTY.format(sender=sender, to=to)} for sender in senders]
    people = [(f"r-{_token(turn)}@minami.{BASE}", sender) for turn, sender in enumerate(senders, first)]
    return mails.replies(first, people)[0]


def _token(number: int) -> str:
    return base64.b32encode(number.to_bytes(30, "big")).decode().lower()


async def deliver(load: Load, port: int, kind: str, number: int, first: int, within: float) -> float:
    """Seconds until the last of so many was told 250. Raises PeerFailed when one was not."""
    told = {"port": port, "sessions": load.sessions, "mails": written(kind, number, first)}
    async with program([sys.executable, "-m", "tools.bench.smtp_senders"], told=told) as process:
        result = json.loads(await answer(process, "senders", within))
    if result["refused"] or result["left"]:
        raise PeerFailed(f"not all was taken: {result}")
    return float(result["seconds"])


@dataclass(frozen=True)
class Receiver:
    """What takes mail in: the port, and its programs by name."""

    port: int
    programs: dict[str, list[ChildProcess]]

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time so far."""
        return {
            name: sum(usage.precise_cpu_seconds(each.pid) for each in children)
            for name, children in self.programs.items()
        }


@asynccontextmanager
async def ingress(folder: Path, processes: int, **variables: str) -> AsyncIterator[Receiver]:
    """So many processes of ingress-smtp on one port and on a nats-server that syncs each message."""
    passwords = {user: servers.new_password() for user in USERS}
    server = NatsServer(folder / "nats", passwords=passwords)
    await asyncio.to_thread(server.start)
    receivers: list[ChildProcess] = []
    try:
        await bus.apply(server.url, OPERATOR, passwords[OPERATOR])
        await _tell_directory(server)
        port = ports.free_port()
        told = _told(server, port) | variables
        for number in range(processes):
            health = ports.free_port()
            receiver = ChildProcess(
                "ingress-smtp",
                [sys.executable, "-m", "ingress_smtp.main"],
                environment=told | {"RENRAKUMO_HEALTH_PORT": str(health)},
                log_path=folder / f"ingress-{number}.log",
            )
            receiver.start()
            receivers.append(receiver)
            async with asyncio.timeout(30):
                while not ports.accepts(health) or (await probe.ask(health, "/readyz"))[0] != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        yield Receiver(port, {"ingress-smtp": receivers, "nats": [server.process]})
    finally:
        for receiver in receivers:
            await asyncio.to_thread(receiver.stop, within=20)
        await asyncio.to_thread(server.stop)


def _told(server: NatsServer, port: int) -> dict[str, str]:
    key = base64.b64encode(bytes(PrivateKey.generate().public_key)).decode()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "RENRAKUMO_NATS_URL": server.url,
        "RENRAKUMO_NATS_USER": "ingress-smtp",
        "RENRAKUMO_NATS_PASSWORD": server.passwords["ingress-smtp"],
        "RENRAKUMO_BASE_DOMAIN": BASE,
        "RENRAKUMO_SMTP_PORT": str(port),
        "RENRAKUMO_SMTP_SHARE_PORT": "on",
        "RENRAKUMO_SEAL_PUBLIC_KEYS": ",".join(f"{name}:k1:{key}" for name in ("registry", "receipts", "dispatcher")),
        "RENRAKUMO_SENDER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "RENRAKUMO_POST_SECRET_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


async def _tell_directory(server: NatsServer) -> None:
    settings = ServiceSettings.model_validate(
        {
            "nats_url": server.url,
            "nats_user": "admin-api",
            "nats_password": SecretStr(server.passwords["admin-api"]),
            "base_domain": BASE,
            "health_port": 0,
        }
    )
    office = await Bus.connect(settings, name="admin-api", on_closed=lambda: None)
    unit = UnitEntry(unit="minami", name="みなみ小学校", groups={"1nen": GroupEntry(name="1年")})
    await office.kv_put(DIRECTORY.name, contract.key("minami"), unit.model_dump_json().encode())
    await office.close()


@asynccontextmanager
async def postfix(folder: Path) -> AsyncIterator[Receiver]:
    """A private Postfix that holds what it accepted."""
    folder.chmod(0o755)
    port = ports.free_port()
    for name in ("etc", "queue", "data", "log"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", OWNER)
    (folder / "etc" / "main.cf").write_text(_HELD.format(folder=folder))
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=port, deliveries=1))
    check = await found.postfix_program("postfix")
    async with program([check, "-c", str(folder / "etc"), "check"]) as process:
        await answer(process, "postfix check", 30)
    asking = [await found.postfix_program("postconf"), "-c", str(folder / "etc"), "-h", "daemon_directory"]
    async with program(asking) as process:
        daemons = (await answer(process, "postconf", 10)).strip()
    master = ChildProcess(
        "postfix",
        [f"{daemons}/master", "-c", str(folder / "etc"), "-d"],
        environment={"PATH": os.environ.get("PATH", os.defpath), "MAIL_CONFIG": str(folder / "etc")},
        log_path=folder / "log" / "master.log",
    )
    master.start()
    try:
        await asyncio.to_thread(master.await_condition, lambda: ports.accepts(port), within=20)
        yield Receiver(port, {"postfix": [master]})
    finally:
        await master.stop_soon(within=10)


async def measure(receiver: str, running: Receiver, load: Load) -> list[Acceptance]:
    """Each kind in turn, after a few to warm up."""
    results = []
    for turn, kind in enumerate(KINDS, 1):
        await deliver(load, running.port, kind, WARM, turn * 1_000_000, 120)
        before = running.cpu()
        seconds = await deliver(load, running.port, kind, load.mails, turn * 1_000_000 + WARM, 300)
        cpu = {name: (used - before[name]) / load.mails * 1e6 for name, used in running.cpu().items()}
        results.append(Acceptance(receiver, kind, load.mails, seconds, cpu))
    return results


async def measure_in(folder: Path, receiver: str, load: Load) -> list[Acceptance]:
    """One of RECEIVERS, started and stopped."""
    if receiver == POSTFIX:
        async with postfix(folder) as running:
            return await measure(receiver, running, load)
    async with ingress(folder, RECEIVERS.index(receiver) + 1, **UNLIMITED) as running:
        return await measure(receiver, running, load)


async def compare(load: Load, rounds: int, receivers: Sequence[str], say: Callable[[str], None]) -> list[Acceptance]:
    """Each of the receivers in turn, so many times. Raises PeerMissing, PeerFailed, LocalError, TimeoutError."""
    results: list[Acceptance] = []
    for _ in range(rounds):
        for receiver in receivers:
            folder = Path(tempfile.mkdtemp(prefix="renrakumo-acceptance-"))
            try:
                found_now = await measure_in(folder, receiver, load)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            for each in found_now:
                used = ", ".join(f"{name} {spent:.0f} µs" for name, spent in each.cpu.items())
                say(f"{receiver:12} {each.kind:6} {each.rate:7.0f} mails/s   of processor a mail: {used}")
            results += found_now
    return results


def ratio(results: Sequence[Acceptance], receiver: str, kind: str) -> float | None:
    """Our median rate divided by Postfix's of the same run; None without both."""
    ours, theirs = (
        [each.rate for each in results if (each.receiver, each.kind) == (who, kind)] for who in (receiver, POSTFIX)
    )
    return median(ours) / median(theirs) if ours and theirs else None


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=RECEIVERS, nargs="*", default=list(RECEIVERS))
    chosen = parser.parse_args()
    results = await compare(Load(chosen.mails, chosen.sessions), chosen.rounds, chosen.only, print)
    for receiver in (each for each in RECEIVERS if each != POSTFIX):
        for kind in KINDS:
            if (times := ratio(results, receiver, kind)) is not None:
                print(f"{receiver:12} {kind:6} {times:.2f} times Postfix (medians)")


if __name__ == "__main__":
    asyncio.run(main())
