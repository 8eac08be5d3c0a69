"""smtp-source straight into the sink: how fast a compiled program can say SMTP on this machine, and nothing else.

One mail kept in memory, no queue, no recipient's own text, connections used again. It waits for each reply (it
knows no pipelining), so this is no upper bound, but it is what the trade compares with.
"""

from pathlib import Path

from tools.bench.clock import Clock
from tools.bench.figures import Measurement
from tools.bench.peers import found
from tools.bench.peers.peer import arrivals_of, program
from tools.bench.sample_mail import SENDER, BenchMail, addresses
from tools.load.sink import HOST, Sink


class SmtpSource:
    """`sessions`: side by side, as many as our full path opens."""

    case = "smtp-source"

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._program = ""

    async def prepare(self) -> None:
        self._program = await found.postfix_program("smtp-source")

    async def measure(self, sink: Sink, copies: int, mail: BenchMail, folder: Path, within: float) -> Measurement:
        expected, clock = sink.expect(copies), Clock(sink)
        async with program(source(self._program, sink.port, copies, self._sessions, mail.keep(folder))) as process:
            arrivals, _ = await arrivals_of(process, expected, self.case, within)
        costs = clock.stop()
        return Measurement(
            case=self.case,
            recipients=copies,
            seconds=arrivals.last - clock.began,
            cpu={self.case: costs.children},
            sink_cpu=costs.sink,
            others_share=costs.others_share,
            octets=mail.octets,
        )


def source(path: str, port: int, copies: int, sessions: int, mail: Path, *, numbered: bool = False) -> list[str]:
    """The command line; `numbered`: a different recipient each time."""
    return [
        path,
        "-d",
        *(["-N"] if numbered else []),
        "-s", str(min(sessions, copies)),
        "-m", str(copies),
        "-f", SENDER,
        "-t", addresses(1)[0],
        "-F", str(mail),
        f"{HOST}:{port}",
    ]  # fmt: skip
