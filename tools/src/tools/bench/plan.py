"""How much is measured, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.bench import boards as boards_part
from tools.bench import inbound
from tools.bench.acceptance import Load
from tools.rush.run import Size

SLOWEST = 10.0
"""Copies a second. Who is slower than this is broken, and isn't waited for."""


@dataclass(frozen=True)
class Plan:
    """`sizes`: recipients of our full path; `peer_copies`: how many each peer sends, so that it takes a few seconds;
    `ordinary`: copies in the queue when the urgent message is sent; `shipped`: recipients with the shipped limits;
    `acceptance`: mails that are taken in, `acceptance_rounds` times; `rush`: how many mails come in within which time;
    `boards`: of how many units; `budget`: seconds that all may take, rounds are left out for that."""

    sizes: tuple[int, ...]
    rounds: int
    peer_copies: Mapping[str, int]
    ordinary: int
    shipped: int = 5000
    acceptance: Load = field(default_factory=lambda: Load(mails=10_000, sessions=20))
    acceptance_rounds: int = 3
    rush: Size = field(default_factory=Size)
    boards: boards_part.BoardsSize = field(default_factory=boards_part.BoardsSize)
    budget: float | None = None

    @staticmethod
    def within(copies: int) -> float:
        """Seconds after which a measurement is given up."""
        return 60 + copies / SLOWEST


FULL = Plan(
    sizes=(600, 5000, 20_000, 100_000),
    rounds=3,
    peer_copies={"smtp-source": 50_000, "postfix": 6000, "aiosmtplib": 15_000, "mailman": 600},
    ordinary=100_000,
)
QUICK = Plan(
    sizes=(600, 5000),
    rounds=3,
    peer_copies={"smtp-source": 20_000, "postfix": 2500, "aiosmtplib": 6000, "mailman": 250},
    ordinary=5000,
    acceptance=Load(mails=4000, sessions=20),
    acceptance_rounds=2,
    rush=inbound.QUICK,
    boards=boards_part.QUICK,
    budget=390,
)

AFTER_THE_ROUNDS: Mapping[str, float] = {"lanes": 40, "acceptance": 80, "rush": 55, "boards": 60}
"""Seconds of the budget that each part takes once the rounds are through."""
