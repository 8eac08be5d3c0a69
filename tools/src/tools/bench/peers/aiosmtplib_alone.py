"""aiosmtplib alone: one EmailMessage rendered once, `sendmail` to one recipient after the other over eight sessions.

No queue, no tokens, no recipient's own text: what a script would do that has only the list of addresses. The program
(aiosmtplib_program.py) tells when it began, so that the start of its Python isn't counted.
"""

import json
import sys
from pathlib import Path

from tools.bench.clock import Clock
from tools.bench.figures import Measurement
from tools.bench.peers.peer import arrivals_of, program
from tools.bench.sample_mail import SENDER, BenchMail, addresses
from tools.load.sink import HOST, Sink

SESSIONS = 8


class AiosmtplibAlone:
    """It is a dependency of ours, so it is always here."""

    case = "aiosmtplib"

    async def prepare(self) -> None:
        pass

    async def measure(self, sink: Sink, copies: int, mail: BenchMail, folder: Path, within: float) -> Measurement:
        told = {
            "host": HOST,
            "port": sink.port,
            "sessions": SESSIONS,
            "sender": SENDER,
            "mail": mail.text.decode("ascii"),
            "recipients": addresses(copies),
        }
        expected, clock = sink.expect(copies), Clock(sink)
        command = [sys.executable, "-m", "tools.bench.peers.aiosmtplib_program"]
        async with program(command, told=told) as process:
            arrivals, words = await arrivals_of(process, expected, self.case, within)
        said = json.loads(words)
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
