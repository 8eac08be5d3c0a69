"""Where the story happens: two schools with four groups, and two hundred parents at four carriers.

`higashi` (ひがし小学校, with names and answers) has the groups 1年 `h1`, 2年 `h2` and 教職員 `hs`; `nishi` (にし保育園)
has ぱんだ組 `n1`. docomo greylists every copy, au tears each twelfth transfer, SoftBank is slow and says 421 when
pushed, and some of Gmail's parents change their addresses halfway through the story.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.behaviour import Behaviour, GreylistBy, greylisting, overload, resetting, slow
from simulator.crowd import make_crowd
from simulator.office import Office
from simulator.people import Parent
from simulator.trial import Trial
from tools.demo.report import Report

SEED = 7
PEOPLE = 200

CARRIERS: dict[str, Behaviour] = {
    "docomo": greylisting(2, by=GreylistBy.PAIR),
    "au": resetting(every=12),
    "softbank": slow(0.005) | overload(connections=6, messages_per_session=20),
    "gmail": Behaviour(),
}

GROUPS = {
    "higashi": {"h1": "1年", "h2": "2年", "hs": "教職員"},
    "nishi": {"n1": "ぱんだ組"},
}


@dataclass
class DemoSetting:
    """The trial and who lives around it. `office`: the signed-in administrator of each school."""

    report: Report
    trial: Trial
    office: dict[str, Office] = field(default_factory=dict)
    post_address: dict[str, str] = field(default_factory=dict)
    member: dict[int, str] = field(default_factory=dict)
    message: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, report: Report, state: Path) -> "_Opening":
        return _Opening(report, state)

    @property
    def people(self) -> list[Parent]:
        return self.trial.parents.people

    def group_of(self, parent: Parent) -> tuple[str, str]:
        """Unit and group: every fourth family has its child at the nursery, the others in 1年 or 2年."""
        turn = (parent.number - 1) // 4
        if turn % 4 == 3:
            return "nishi", "n1"
        return "higashi", "h1" if turn % 2 else "h2"

    def of_unit(self, unit: str) -> list[Parent]:
        return [parent for parent in self.people if self.group_of(parent)[0] == unit]

    def of_group(self, group: str) -> list[Parent]:
        return [parent for parent in self.people if self.group_of(parent)[1] == group]

    async def members(self, unit: str, **filters: str) -> list[dict[str, Any]]:
        return await self.office[unit].all_of(f"/v1/units/{unit}/members", **filters)


class _Opening:
    """`async with`: the trial is built on entering and torn down on leaving."""

    def __init__(self, report: Report, state: Path) -> None:
        self._report = report
        self._state = state
        self._trial: Trial | None = None

    async def __aenter__(self) -> DemoSetting:
        self._trial = await Trial.build(
            self._state, carriers=CARRIERS, people=make_crowd(SEED, PEOPLE, posters=1), say=self._report.say
        )
        return DemoSetting(self._report, self._trial)

    async def __aexit__(self, *_: object) -> None:
        if self._trial is not None:
            await self._trial.close()
