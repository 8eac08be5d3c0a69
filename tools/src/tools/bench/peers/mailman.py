"""GNU Mailman 3 with VERP: its own outgoing runner takes one message for all members from its queue, and delivers it.

A private instance: its data (SQLite) lies in the folder of the measurement, nothing but the outgoing runner works. The
recipients are members of the list, put there before the clock starts. VERP for
every delivery (`verp_delivery_interval: 1`), so each member gets a copy of his own, as from us. The program
(mailman_program.py) runs in Mailman's own venv below var/bench and tells when its runner began.
"""

import json
from pathlib import Path

from tools.bench.clock import Clock
from tools.bench.figures import Measurement
from tools.bench.peers import found
from tools.bench.peers.peer import REPOSITORY, arrivals_of, program
from tools.bench.sample_mail import BenchMail, addresses
from tools.load.sink import HOST, Sink

REQUIREMENT = "mailman==3.3.10"


class Mailman:
    """Installed from the Python Package Index into `var/bench/mailman`."""

    case = "mailman"

    def __init__(self) -> None:
        self._python = ""

    async def prepare(self) -> None:
        folder = REPOSITORY / "var" / "bench" / "mailman"
        if not folder.is_dir():
            print("installing GNU Mailman into var/bench/mailman", flush=True)
        self._python = await found.venv(folder, REQUIREMENT, "mailman.runners.outgoing")

    async def measure(self, sink: Sink, copies: int, mail: BenchMail, folder: Path, within: float) -> Measurement:
        told = {
            "folder": str(folder),
            "host": HOST,
            "port": sink.port,
            "mail": mail.text.decode("ascii"),
            "recipients": addresses(copies),
        }
        expected, clock = sink.expect(copies), Clock(sink)
        command = [self._python, "-P", str(Path(__file__).with_name("mailman_program.py"))]
        async with program(command, told=told) as process:
            arrivals, words = await arrivals_of(process, expected, self.case, within)
        said = json.loads(words.splitlines()[-1])
        costs = clock.stop()
        return Measurement(
            case=self.case,
            recipients=copies,
            seconds=arrivals.last - said["began"],
            cpu={self.case: said["cpu"]},
            sink_cpu=costs.sink,
            others_share=costs.others_share,
            octets=mail.octets,
        )
